package cli

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kars-dev/kars/localazure"
)

const sub = "11111111-1111-1111-1111-111111111111"

func TestARoleIsReadWithItsScope(t *testing.T) {
	for s, want := range map[string]localazure.Role{
		"Reader":                        {Role: "Reader", Scope: "/subscriptions/" + sub},
		"Reader@":                       {Role: "Reader", Scope: "/subscriptions/" + sub},
		"Reader@subscription":           {Role: "Reader", Scope: "/subscriptions/" + sub},
		"User Access Administrator@g.1": {Role: "User Access Administrator", Scope: "/subscriptions/" + sub + "/resourceGroups/g.1"},
		"Owner@/subscriptions/x":        {Role: "Owner", Scope: "/subscriptions/x"},
	} {
		if diff := cmp.Diff(want, parseRole(s, sub)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", s, diff)
		}
	}
}

func FuzzParseRole(f *testing.F) {
	f.Add("Reader@g")
	f.Add("@/@")
	f.Fuzz(func(t *testing.T, s string) {
		r := parseRole(s, sub)
		if !strings.HasPrefix(r.Scope, "/") || !strings.HasPrefix(s, r.Role) {
			t.Errorf("%q is read as %+v", s, r)
		}
	})
}
