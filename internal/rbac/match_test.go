package rbac

import (
	"testing"
	"unicode/utf8"
)

func TestMatch(t *testing.T) {
	tests := map[string]struct {
		pattern, action string
		want            bool
	}{
		"a star matches everything":                        {"*", "Microsoft.Compute/disks/write", true},
		"a star matches nothing at all too":                {"Microsoft.Compute/*/write", "Microsoft.Compute//write", true},
		"a star spans slashes":                             {"*/read", "Microsoft.Compute/virtualMachines/instanceView/read", true},
		"P27 a star stands in the middle":                  {"Microsoft.*/virtualMachines/read", "Microsoft.ClassicCompute/virtualMachines/read", true},
		"P27 letters match without regard to case":         {"MICROSOFT.compute/virtualmachines/READ", "Microsoft.Compute/virtualMachines/read", true},
		"a dot is a dot":                                   {"Microsoft.Compute/*", "MicrosoftXCompute/disks/read", false},
		"what goes before the star must be there":          {"Microsoft.Authorization/*/Write", "Microsoft.Compute/disks/write", false},
		"what comes after the star must be there":          {"Microsoft.Authorization/*/Write", "Microsoft.Authorization/locks/read", false},
		"two stars share the text between them":            {"*/a/*/b", "x/a/a/b", true},
		"nothing matches nothing":                          {"", "", true},
		"nothing matches no action":                        {"", "a", false},
		"a pattern that is a part of the action is not it": {"Microsoft.Compute/disks", "Microsoft.Compute/disks/read", false},
		"a letter that looks alike is another":             {"Microsoft.Kubernetes/*", "Microsoft.\u212aubernetes/x", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := Match(tt.pattern, tt.action); got != tt.want {
				t.Errorf("Match(%q, %q) = %t, want %t", tt.pattern, tt.action, got, tt.want)
			}
		})
	}
}

func FuzzMatchEqualsARegularExpression(f *testing.F) {
	for _, seed := range [][2]string{
		{"*", "a/b"}, {"a*b*c", "abcbc"}, {"**a", "ba"}, {"A.b/*", "a.b/"}, {"", ""}, {"a*a", "a"}, {"*/read", "Microsoft.Web/sites/Read"}, {"\xd5", "\x9d"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, pattern, action string) {
		if !utf8.ValidString(pattern) || !utf8.ValidString(action) {
			t.Skip("a regular expression reads UTF-8 alone")
		}
		got, want := Match(pattern, action), regexMatch(pattern, action)
		if got != want {
			t.Errorf("Match(%q, %q) = %t, the regular expression says %t", pattern, action, got, want)
		}
		compiled := compilePatterns([]string{pattern})
		by, listed := compiled.match(fold(action))
		if listed != want || listed && by != pattern {
			t.Errorf("the compiled list says %t by %q, want %t by %q", listed, by, want, pattern)
		}
	})
}
