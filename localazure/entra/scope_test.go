package entra

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestScopeIsTakenApart(t *testing.T) {
	for scope, want := range map[string]scopeRequest{
		"https://management.core.windows.net//.default":        {resource: "https://management.core.windows.net/", permissions: []string{".default"}},
		"openid https://graph.microsoft.com/User.Read profile": {resource: "https://graph.microsoft.com", permissions: []string{"User.Read"}, openID: []string{"openid", "profile"}},
		"User.Read Group.Read.All":                             {resource: "https://graph.microsoft.com", permissions: []string{"User.Read", "Group.Read.All"}},
		"api://AzureADTokenExchange/.default":                  {resource: "api://AzureADTokenExchange", permissions: []string{".default"}},
	} {
		got, refused := parseScope(scope)
		if refused != nil {
			t.Errorf("%q: %v", scope, refused)
			continue
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(scopeRequest{})); diff != "" {
			t.Errorf("%q (-want +got):\n%s", scope, diff)
		}
	}
}

func FuzzScope(f *testing.F) {
	for _, seed := range []string{"openid x/.default", "/", "a/b c/d", "https://graph.microsoft.com/.default offline_access"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got, refused := parseScope(s); refused == nil && (got.resource == "" || len(got.permissions) == 0) {
			t.Errorf("%q asks for nothing and was accepted", s)
		}
	})
}

func FuzzAssertion(f *testing.F) {
	f.Add("eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJhIiwic3ViIjoiYiIsImF1ZCI6ImMiLCJleHAiOjF9.c2ln")
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Fuzz(func(t *testing.T, s string) {
		as, refused := parseAssertion(s)
		if refused == nil && (as.Issuer == "" || as.Subject == "" || strings.Count(s, ".") != 2) {
			t.Errorf("%q was read as an assertion", s)
		}
	})
}
