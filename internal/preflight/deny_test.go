package preflight

import (
	"testing"

	"github.com/kars-dev/kars/internal/plan"
	"github.com/kars-dev/kars/internal/rbac"
)

func TestDenyAssignmentsP5(t *testing.T) {
	p := mustPlan(plan.Options{})
	write := "rbac/Microsoft.KeyVault/vaults/write"
	stack := rbac.DenyAssignment{
		Name: "stack", Scope: subscription, Principals: []string{rbac.AllPrincipals},
		Permissions: []rbac.Permission{{Actions: []string{"Microsoft.KeyVault/*/write"}}},
	}
	spared, others, maybe, above := stack, stack, stack, stack
	spared.ExcludePrincipals = []string{alice}
	others.Principals, others.PrincipalTypes = []string{"aaaaaaaa-0000-0000-0000-000000000099"}, []string{"User"}
	maybe.ExcludePrincipals = []string{"aaaaaaaa-0000-0000-0000-000000000099"}
	above.DoNotApplyToChildScopes = true
	byGroup := stack
	byGroup.ExcludePrincipals = []string{team}

	tests := map[string]struct {
		deny rbac.DenyAssignment
		want Verdict
	}{
		"one for everybody blocks even the owner":           {stack, Fail},
		"one that excludes the caller is none":              {spared, Pass},
		"one that excludes a group of the caller's is none": {byGroup, Pass},
		"one for somebody else is none":                     {others, Pass},
		"one kept from child scopes is none below":          {above, Pass},
		"one that excludes people nobody knows stays open":  {maybe, Unknown},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			a := &azure{
				roles: developer, groups: []string{team}, denies: []rbac.DenyAssignment{tt.deny},
				assignments: []rbac.Assignment{given(t, "Owner", subscription), given(t, "Reader", subscription, team)},
			}
			r := check(t, a)
			f := find(t, r, write, p.VaultID())
			if f.Verdict != tt.want || f.Blocks != (tt.want == Fail) {
				t.Errorf("got %s, blocking %t; want %s: %v", f.Verdict, f.Blocks, tt.want, f.Evidence)
			}
			if other := find(t, r, "rbac/Microsoft.ContainerService/managedClusters/write", p.ClusterID()); other.Verdict != Pass {
				t.Errorf("what it does not name is %s, want pass: %v", other.Verdict, other.Evidence)
			}
			if tt.want == Fail {
				shows(t, f, "the deny assignment stack at "+subscription+" takes away Microsoft.KeyVault/*/write", "no role helps")
			}
		})
	}
}

func TestDenyAssignmentsThatCannotBeRead(t *testing.T) {
	// AcrPush may not look at anything but a registry's contents.
	r := check(t, &azure{roles: developer, assignments: []rbac.Assignment{given(t, "AcrPush", subscription)}})
	if f := find(t, r, "deny/assignments", subscription); f.Verdict != Unknown || f.Blocks {
		t.Errorf("got %s, blocking %t; want unknown and no", f.Verdict, f.Blocks)
	}
}
