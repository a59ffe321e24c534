package preflight

import (
	"slices"
	"testing"

	"github.com/kars-dev/kars/internal/plan"
	"github.com/kars-dev/kars/internal/rbac"
)

func TestA29EveryPrincipalOfThePlanMayDoItsDuties(t *testing.T) {
	p := mustPlan(plan.Options{})
	a := &azure{roles: developer, assignments: []rbac.Assignment{given(t, "Owner", subscription)}}
	f := Gather(t.Context(), Options{Plan: p, Caller: user, ARM: a, Directory: directory{a}, Definitions: true})
	rowsOf := map[string]int{}
	for _, row := range Who(p, f, Decide(p, f)).Rows {
		rowsOf[row.Principal]++
		if row.Verdict != Pass || row.By == "" {
			t.Errorf("%s, %s at %s: got %s by %q, want pass", row.Principal, row.Action, row.Scope, row.Verdict, row.By)
		}
	}
	for _, who := range []string{"caller", string(plan.ControlPlane), string(plan.Kubelet), string(plan.Controller), string(plan.AgentIdentity)} {
		if rowsOf[who] == 0 {
			t.Errorf("there is no row of the %s: %v", who, rowsOf)
		}
	}
}

func TestAGrantThatIsMissingShowsInTheMatrix(t *testing.T) {
	p := mustPlan(plan.Options{})
	a := &azure{roles: developer, assignments: []rbac.Assignment{given(t, "Owner", subscription)}}
	f := Gather(t.Context(), Options{Plan: p, Caller: user, ARM: a, Directory: directory{a}, Definitions: true})
	p.Grants = slices.DeleteFunc(p.Grants, func(g plan.Grant) bool { return g.Principal == plan.Kubelet })
	for _, row := range Who(p, f, Decide(p, f)).Rows {
		if want := row.Principal != string(plan.Kubelet); (row.Verdict == Pass) != want {
			t.Errorf("%s, %s: got %s, want pass: %t", row.Principal, row.Action, row.Verdict, want)
		}
	}
	f.Definitions = Fact[[]rbac.RoleDefinition]{Unread: &Unread{What: "the role definitions", Reason: "refused"}}
	for _, row := range Who(p, f, Decide(p, f)).Rows {
		if row.Principal != "caller" && row.Verdict != Unknown {
			t.Errorf("without definitions %s, %s is %s, want unknown", row.Principal, row.Action, row.Verdict)
		}
	}
}
