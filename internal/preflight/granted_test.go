package preflight

import (
	"testing"

	"github.com/kars-dev/kars/internal/plan"
	"github.com/kars-dev/kars/internal/rbac"
)

func TestU12GrantsThatAreInPlaceNeedNoRightToMakeThem(t *testing.T) {
	p := mustPlan(plan.Options{})
	a := &azure{roles: developer, location: "eastus2", assignments: []rbac.Assignment{given(t, "Contributor", p.Group.ID)}}
	facts := Gather(t.Context(), Options{Plan: p, Caller: user, ARM: a, Directory: directory{a}})
	if !Decide(p, facts).Blocks() {
		t.Fatal("Contributor alone is let through before anybody made the grants")
	}
	for _, g := range p.Grants {
		facts.Granted.Value = append(facts.Granted.Value, Granted{
			IdentityID: g.IdentityID,
			Assignment: rbac.Assignment{Scope: g.Scope, PrincipalID: "p", RoleDefinitionID: g.Role.ID, Condition: g.Condition},
		})
	}
	if r := Decide(p, facts); r.Blocks() {
		t.Errorf("Contributor alone is stopped where every grant is in place: %+v", r.Of(Fail))
	}
	for says, spoil := range map[string]func(*Granted){
		"of another role":         func(g *Granted) { g.Assignment.RoleDefinitionID = plan.OpenAIUser.ID },
		"at a wider scope":        func(g *Granted) { g.Assignment.Scope = p.Group.ID },
		"to another identity":     func(g *Granted) { g.IdentityID += "2" },
		"under another condition": func(g *Granted) { g.Assignment.Condition += " AND x" },
	} {
		t.Run("an assignment "+says+" is not the grant", func(t *testing.T) {
			spoilt := facts
			spoilt.Granted.Value = append([]Granted{}, facts.Granted.Value...)
			spoil(&spoilt.Granted.Value[0])
			if !Decide(p, spoilt).Blocks() {
				t.Error("it counts as in place")
			}
		})
	}
}
