package graph

import (
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kars-dev/kars/localazure/store"
)

func TestFilter(t *testing.T) {
	object := store.Tree{
		"displayName": "kars-one", "appId": "A1", "accountEnabled": true, "count": 2.0, "nothing": nil,
		"tags": []any{"kars-managed:true", "it's"}, "api": map[string]any{"version": 2.0},
	}
	for filter, want := range map[string]bool{
		"displayName eq 'KARS-one'":                                   true,
		"displayName ne 'kars-one'":                                   false,
		"displayname eq 'kars-one' and appId eq 'a1'":                 true,
		"displayName eq 'x' or accountEnabled eq true":                true,
		"not (displayName eq 'x') and count eq 2":                     true,
		"not displayName eq 'x' or displayName eq 'y' and count eq 3": true,
		"startswith(displayName,'kars-')":                             true,
		"endsWith(displayName, 'two')":                                false,
		"tags/any(t:t eq 'kars-managed:true')":                        true,
		"tags/any(t: t eq 'it''s')":                                   true,
		"tags/any(t:startswith(t,'kars-'))":                           true,
		"tags/any(t:t eq 'none')":                                     false,
		"appId in ('x', 'A1')":                                        true,
		"nothing eq null":                                             true,
		"absent eq null":                                              true,
		"api/version eq 2":                                            true,
	} {
		f, err := parseFilter(filter)
		if err != nil {
			t.Errorf("%s: %v", filter, err)
			continue
		}
		if got := f(object); got != want {
			t.Errorf("%s = %t, want %t", filter, got, want)
		}
	}
}

func TestFilterThatIsNoneIsRefused(t *testing.T) {
	for _, filter := range []string{
		"", "displayName", "displayName eq", "displayName eq 'x", "eq 'x'", "displayName eq 'x' and", "(displayName eq 'x'",
		"displayName eq 'x')", "tags/any(t)", "tags/any(t:)", "startswith(displayName)", "startswith(displayName,1)",
		"displayName like 'x'", "a eq 1 b eq 2", "in ('x')", "'x' eq displayName", "a in ()",
	} {
		if _, err := parseFilter(filter); err == nil {
			t.Errorf("%q was accepted", filter)
		}
	}
}

func FuzzFilter(f *testing.F) {
	for _, seed := range []string{
		"displayName eq 'x' and tags/any(t:t eq 'y''z')", "not (a in ('b',1,true,null)) or startswith(c,'d')", "((((a eq 1",
	} {
		f.Add(seed)
	}
	object := store.Tree{"displayName": "x", "tags": []any{"y", 1.0}, "a": nil, "c": map[string]any{"d": "e"}}
	f.Fuzz(func(_ *testing.T, s string) {
		if parsed, err := parseFilter(s); err == nil {
			parsed(object)
		}
	})
}

func FuzzPath(f *testing.F) {
	for _, seed := range []string{
		"/v1.0/applications/x/microsoft.graph.agentIdentityBlueprint/federatedIdentityCredentials(name='a''b')",
		"/beta/servicePrincipals(appId='x')", "/v1.0/me", "//", "/v1.0/(", "/v1.0/a(b='",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := parsePath(s)
		if err == nil && p.version != "v1.0" && p.version != "beta" {
			t.Errorf("%q has version %q", s, p.version)
		}
	})
}

func FuzzQuery(f *testing.F) {
	for _, seed := range []string{"$top=5&$select=a,b", "$filter=a eq 'b'&$count=true", "$skiptoken=YQ", "%zz"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		q, err := parseQuery(&url.URL{Path: "/v1.0/users", RawQuery: s})
		if err == nil && (q.top < 1 || q.top > maxPage) {
			t.Errorf("%q has a page size of %d", s, q.top)
		}
	})
}

func TestExpand(t *testing.T) {
	got, err := parseExpand("roleDefinition($select=id, displayName),principal")
	want := []expansion{{"roledefinition", []string{"id", "displayName"}}, {"principal", nil}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(expansion{})); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	for _, text := range []string{",", "a,", "a(", "a($filter=b)", "a($select=b)c", "a b", "'a'"} {
		if got, err := parseExpand(text); err == nil {
			t.Errorf("%q was read as %v", text, got)
		}
	}
}

func FuzzExpand(f *testing.F) {
	f.Add("roleDefinition($select=id,displayName),principal")
	f.Add("a($select=b)(c")
	f.Fuzz(func(t *testing.T, text string) {
		all, err := parseExpand(text)
		for _, e := range all {
			if err == nil && !isName(e.name) {
				t.Errorf("%q expands %q", text, e.name)
			}
		}
	})
}
