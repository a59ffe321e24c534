package authorization

import "testing"

func TestParseFilter(t *testing.T) {
	const id = "a2d4e5c6-0000-4000-8000-123456789abc"
	for text, want := range map[string]filter{
		"":                                 {},
		"atScope()":                        {atScope: true},
		"principalId eq '" + id + "'":      {principal: id},
		"principalId eq " + id:             {principal: id},
		"assignedTo('" + id + "')":         {assignedTo: id},
		"atScope() and assignedTo('x-1')":  {atScope: true, assignedTo: "x-1"},
		"atScope() AND principalId eq 'y'": {atScope: true, principal: "y"},
	} {
		got, err := parseFilter(text)
		if err != nil || got != want {
			t.Errorf("parseFilter(%q) = %+v, %v; want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{"roleName eq 'x'", "assignedTo('x'", "principalId eq 'x')", "atScope() or atScope()"} {
		if got, err := parseFilter(text); err == nil {
			t.Errorf("parseFilter(%q) = %+v, want an error", text, got)
		}
	}
}

func FuzzParseFilter(f *testing.F) {
	f.Add("atScope() and assignedTo('a2d4e5c6-0000-4000-8000-123456789abc')")
	f.Add("principalId eq 'x'")
	f.Fuzz(func(t *testing.T, text string) {
		parsed, err := parseFilter(text)
		if err != nil && parsed != (filter{}) {
			t.Errorf("parseFilter(%q) is an error and %+v", text, parsed)
		}
	})
}
