package arm

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMatch(t *testing.T) {
	for name, c := range map[string]struct {
		pattern, path string
		want          map[string]string
		ok            bool
	}{
		"names in braces match anything":   {"/subscriptions/{subscription}/locations", "/subscriptions/s/Locations", map[string]string{"subscription": "s"}, true},
		"a shorter path does not match":    {"/subscriptions/{subscription}/locations", "/subscriptions/s", nil, false},
		"a longer path does not match":     {"/subscriptions/{subscription}", "/subscriptions/s/locations", nil, false},
		"a scope may be long":              {"{scope...}/providers/A/b", "/x/y/z/providers/a/B", map[string]string{"scope": "/x/y/z"}, true},
		"a scope may be the tenant":        {"{scope...}/providers/A/b", "/providers/A/b", map[string]string{"scope": "/"}, true},
		"what follows a scope must be all": {"{scope...}/providers/A/b", "/providers/A/b/c", nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := match(c.pattern, c.path)
			if diff := cmp.Diff(c.want, got); ok != c.ok || diff != "" {
				t.Errorf("match(%q, %q) = %v (-want +got):\n%s", c.pattern, c.path, ok, diff)
			}
		})
	}
}

func TestCurrentPath(t *testing.T) {
	for old, want := range map[string]string{
		"/subscriptions/s/resourcegroups/g/deployments/d/operations": "/subscriptions/s/resourcegroups/g/providers/Microsoft.Resources/deployments/d/operations",
		"/subscriptions/s/resourceGroups/g/providers/A/b/c":          "/subscriptions/s/resourceGroups/g/providers/A/b/c",
		"/subscriptions/s": "/subscriptions/s",
		"/providers/Microsoft.Subscription/subscriptions/s/providers/A/b/c": "/subscriptions/s/providers/A/b/c",
	} {
		if got := currentPath(old); got != want {
			t.Errorf("currentPath(%q) = %q, want %q", old, got, want)
		}
	}
}

func FuzzMatch(f *testing.F) {
	f.Add("{scope...}/providers/A/b", "/x/providers/A/b")
	f.Add("/subscriptions/{s}", "/subscriptions/1")
	f.Fuzz(func(t *testing.T, pattern, path string) {
		params, ok := match(pattern, path)
		if ok != (params != nil) {
			t.Errorf("match(%q, %q) = %v, %v", pattern, path, params, ok)
		}
		if once := currentPath(path); strings.Contains(path, "/deployments/") && currentPath(once) != once {
			t.Errorf("currentPath(%q) is not stable: %q", path, once)
		}
	})
}
