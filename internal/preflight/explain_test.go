package preflight

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kars-dev/kars/internal/plan"
	"github.com/kars-dev/kars/internal/rbac"
)

// explained runs preflight with what explanations need.
func explained(t *testing.T, a *azure, pattern string) Explanations {
	t.Helper()
	p := mustPlan(plan.Options{})
	f := Gather(t.Context(), Options{Plan: p, Caller: user, ARM: a, Directory: directory{a}, Definitions: true})
	return Explain(p, f, Decide(p, f), pattern)
}

func TestExplanationsOfANoNameWhatTakesTheActionAwayU12(t *testing.T) {
	x := explained(t, &azure{roles: developer, groups: []string{team}, assignments: []rbac.Assignment{given(t, "Contributor", subscription, team)}}, "")
	if len(x.Needs) == 0 {
		t.Fatal("nothing is explained")
	}
	for _, n := range x.Needs {
		if n.Action != "Microsoft.Authorization/roleAssignments/write" || n.Verdict != Fail || len(n.Fix) == 0 {
			t.Fatalf("got %+v, want the refusals of role assignments, with a fix", n)
		}
		want := []Derivation{{
			Name: "Contributor", Scope: subscription, Principal: "the group " + team, Verdict: "denied",
			Pattern: "*", Except: "Microsoft.Authorization/*/Write",
		}}
		if diff := cmp.Diff(want, n.Grants); diff != "" {
			t.Errorf("%s (-want +got):\n%s", n.Scope, diff)
		}
	}
}

func TestExplanationsOfAYesNameTheGrant(t *testing.T) {
	a := &azure{roles: developer, assignments: []rbac.Assignment{given(t, "Owner", subscription), given(t, "Reader", subscription)}}
	x := explained(t, a, "microsoft.keyvault/vaults/WRITE")
	if len(x.Needs) != 1 || x.Needs[0].Verdict != Pass || len(x.Needs[0].Notes) != 0 {
		t.Fatalf("got %+v, want one need that passes", x.Needs)
	}
	var verdicts []string
	for _, g := range x.Needs[0].Grants {
		verdicts = append(verdicts, g.Name+" "+g.Verdict)
	}
	slices.Sort(verdicts)
	if diff := cmp.Diff([]string{"Owner allowed", "Reader denied"}, verdicts); diff != "" {
		t.Errorf("grants (-want +got):\n%s", diff)
	}
	if x := explained(t, a, ""); len(x.Needs) != 0 {
		t.Errorf("what passes is explained unasked: %+v", x.Needs)
	}
}

func TestExplanationsShowTheClauseThatFailsP6(t *testing.T) {
	limited := given(t, "Role Based Access Control Administrator", subscription)
	limited.Condition = "(!(ActionMatches{'Microsoft.Authorization/roleAssignments/write'})) OR (@Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {" + plan.AcrPull.ID + "})"
	limited.ConditionVersion = "2.0"
	x := explained(t, &azure{roles: developer, assignments: []rbac.Assignment{given(t, "Contributor", subscription), limited}}, "Microsoft.Authorization/roleAssignments/write")
	for _, n := range x.Needs {
		registry := strings.Contains(n.Scope, "/registries/")
		if (n.Verdict == Pass) != registry {
			t.Errorf("at %s: got %s; AcrPull alone may be given", n.Scope, n.Verdict)
		}
		text := ""
		for _, g := range n.Grants {
			text += strings.Join(g.Condition, "\n")
		}
		if !registry && !strings.Contains(text, "false: @Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId]") {
			t.Errorf("at %s the clause that fails is not shown: %s", n.Scope, text)
		}
	}
}

func TestExplanationsNameTheDenyAssignmentP5(t *testing.T) {
	stack := rbac.DenyAssignment{
		Name: "stack", Scope: subscription, Principals: []string{rbac.AllPrincipals},
		Permissions: []rbac.Permission{{Actions: []string{"Microsoft.KeyVault/*/write"}}},
	}
	x := explained(t, &azure{roles: developer, denies: []rbac.DenyAssignment{stack}, assignments: []rbac.Assignment{given(t, "Owner", subscription)}}, "Microsoft.KeyVault/vaults/write")
	if len(x.Needs) != 1 || len(x.Needs[0].Denies) != 1 {
		t.Fatalf("got %+v, want one need and one deny assignment", x.Needs)
	}
	want := Derivation{Name: "stack", Scope: subscription, Verdict: "denied", Pattern: "Microsoft.KeyVault/*/write"}
	if diff := cmp.Diff(want, x.Needs[0].Denies[0]); diff != "" {
		t.Errorf("the deny assignment (-want +got):\n%s", diff)
	}
}

func TestExplanationsSayWhatCouldNotBeRead(t *testing.T) {
	x := explained(t, &azure{roles: developer, assignments: []rbac.Assignment{given(t, "AcrPush", subscription)}}, "Microsoft.KeyVault/vaults/write")
	if len(x.Needs) != 1 || len(x.Needs[0].Notes) == 0 || !strings.Contains(x.Needs[0].Notes[0], "role assignments") {
		t.Errorf("got %+v, want a note about what may not be read", x.Needs)
	}
}
