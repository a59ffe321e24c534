package rbac

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
)

// published are Azure's own roles; testdata/README.md says from where.
func published(t *testing.T) []RoleDefinition {
	t.Helper()
	raw, err := os.ReadFile("testdata/builtin-roles.json")
	if err != nil {
		t.Fatal(err)
	}
	var roles []struct {
		RoleName    string       `json:"roleName"`
		Permissions []Permission `json:"permissions"`
	}
	if err := json.Unmarshal(raw, &roles); err != nil {
		t.Fatal(err)
	}
	var out []RoleDefinition
	for _, r := range roles {
		out = append(out, RoleDefinition{ID: r.RoleName, Name: r.RoleName, Permissions: r.Permissions})
	}
	return out
}

// named are the actions that roles name, and for each pattern one that it
// matches.
func named(roles []RoleDefinition, data bool) []string {
	var out []string
	for _, d := range roles {
		for _, p := range d.Permissions {
			lists := [][]string{p.Actions, p.NotActions}
			if data {
				lists = [][]string{p.DataActions, p.NotDataActions}
			}
			for _, pattern := range slices.Concat(lists...) {
				out = append(out, strings.ReplaceAll(pattern, "*", "x/y"))
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func TestPublishedRolesAreDecidedAsTheDocumentationSays(t *testing.T) {
	roles := published(t)
	if len(roles) < 50 {
		t.Fatalf("there are %d published roles, want 50 at least", len(roles))
	}
	plain := naive{Input: Input{Definitions: roles}, above: worldAbove()}
	decided := 0
	for _, d := range roles {
		plain.Assignments = []Assignment{{PrincipalID: alice, RoleDefinitionID: d.ID, Scope: subscription}}
		policy := Compile(plain.Input)
		for _, data := range []bool{false, true} {
			for _, action := range named(roles, data) {
				r := Request{Action: action, Data: data, Scope: vault}
				got, want := policy.Decide([]string{alice}, r), plain.decide([]string{alice}, r)
				if got.Verdict != want {
					t.Errorf("%s: %s (data %t) is %s (%s), want %s", d.Name, action, data, got.Verdict, got.Reason, want)
				}
				decided++
			}
		}
	}
	if decided < 10_000 {
		t.Errorf("only %d decisions were compared", decided)
	}
}

// What is suggested of Azure's own roles for each action that they name: the
// role does grant it, and no other grants it and less besides.
func TestSuggestionsOutOfPublishedRoles(t *testing.T) {
	roles := published(t)
	advisor := NewAdvisor(Input{}, SuggestOptions{Roles: roles, Scopes: []string{subscription, group}})
	for _, action := range named(roles, false) {
		r := Request{Action: action, Scope: vault}
		got := advisor.Suggest([]string{alice}, []Request{r})
		suffices := slices.ContainsFunc(roles, func(d RoleDefinition) bool {
			_, ok := Permitted(d.Permissions, action, false)
			return ok
		})
		if suggested := len(got) > 0 && got[0].Kind == Assign; suggested != suffices {
			t.Errorf("a role suffices for %s: %t, and one is suggested: %t", action, suffices, suggested)
		}
		if !suffices {
			continue
		}
		for _, d := range roles {
			if _, ok := Permitted(d.Permissions, action, false); ok && subset(d, got[0].Role) {
				t.Errorf("for %s the role %s is suggested, of which %s is a part that suffices", action, got[0].Role.Name, d.Name)
			}
		}
	}
}

// subset reports whether a names patterns of b alone, and fewer.
func subset(a, b RoleDefinition) bool {
	p, q := a.Permissions[0], b.Permissions[0]
	in := func(list, of []string) bool {
		return !slices.ContainsFunc(list, func(s string) bool { return !slices.Contains(of, s) })
	}
	if len(p.NotActions)+len(q.NotActions)+len(p.NotDataActions)+len(q.NotDataActions) > 0 {
		return false
	}
	fewer := len(p.Actions)+len(p.DataActions) < len(q.Actions)+len(q.DataActions)
	return fewer && in(p.Actions, q.Actions) && in(p.DataActions, q.DataActions)
}
