package preflight

import (
	"regexp"
	"strings"
	"testing"

	"github.com/kars-dev/kars/internal/plan"
	"github.com/kars-dev/kars/internal/rbac"
)

var createAssignment = regexp.MustCompile(`^az role assignment create .* --role ('[^']+'|\S+) --scope (\S+)$`)

// Whoever does what the fixes say, and nothing else, passes.
func TestEveryFixAppliedFlipsTheVerdict(t *testing.T) {
	p := mustPlan(plan.Options{})
	tests := map[string]struct {
		held  []rbac.Assignment
		there bool // the group exists
		most  int  // so many assignments are asked for at the most
	}{
		"a reader":                             {[]rbac.Assignment{given(t, "Reader", subscription)}, false, 2},
		"a reader, and the group is there":     {[]rbac.Assignment{given(t, "Reader", subscription)}, true, 2},
		"a contributor":                        {[]rbac.Assignment{given(t, "Contributor", subscription)}, false, 1},
		"a contributor of the group":           {[]rbac.Assignment{given(t, "Reader", subscription), given(t, "Contributor", p.Group.ID)}, true, 2},
		"a user access administrator":          {[]rbac.Assignment{given(t, "User Access Administrator", subscription)}, false, 1},
		"an operator of networks":              {[]rbac.Assignment{given(t, "Reader", subscription), given(t, "Network Contributor", subscription)}, false, 2},
		"a contributor of clusters and vaults": {[]rbac.Assignment{given(t, "Reader", subscription), given(t, "Azure Kubernetes Service Contributor Role", p.Group.ID), given(t, "Key Vault Administrator", p.Group.ID)}, true, 2},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			a := &azure{roles: developer, assignments: tt.held}
			if tt.there {
				a.location = p.Options.Region
			}
			asked := map[string]rbac.Assignment{}
			for _, f := range check(t, a).Of(Fail) {
				if len(f.Fix) == 0 {
					t.Fatalf("%s has no fix", f.ID)
				}
				m := createAssignment.FindStringSubmatch(f.Fix[0].Command)
				if m == nil {
					t.Fatalf("%s is fixed by %q, which assigns no role", f.ID, f.Fix[0].Command)
				}
				asked[f.Fix[0].Command] = given(t, strings.Trim(m[1], "'"), m[2])
			}
			if len(asked) == 0 || len(asked) > tt.most {
				t.Errorf("%d assignments are asked for, want 1 to %d: %v", len(asked), tt.most, asked)
			}
			for _, assignment := range asked {
				a.assignments = append(a.assignments, assignment)
			}
			for _, f := range check(t, a).Of(Fail) {
				t.Errorf("%s fails still: %v", f.ID, f.Evidence)
			}
		})
	}
}

func TestNoRoleIsSuggestedAgainstADenyAssignment(t *testing.T) {
	a := &azure{
		roles: developer, assignments: []rbac.Assignment{given(t, "Reader", subscription)},
		denies: []rbac.DenyAssignment{{
			Name: "managed", Scope: subscription, Principals: []string{rbac.AllPrincipals},
			Permissions: []rbac.Permission{{Actions: []string{"Microsoft.KeyVault/vaults/write"}}},
		}},
	}
	p := mustPlan(plan.Options{})
	f := Gather(t.Context(), Options{Plan: p, Caller: user, ARM: a, Directory: directory{a}})
	d := decider{plan: p, facts: f, remedy: newRemedy(p, f)}
	changes := d.suggest().assign
	for key := range changes {
		if strings.HasPrefix(key, "Microsoft.KeyVault/vaults/write ") {
			t.Errorf("%s is to be fixed by %v, which a deny assignment takes away again", key, changes[key])
		}
	}
	if len(changes) == 0 {
		t.Error("nothing at all was suggested")
	}
	for _, n := range p.Needs {
		if n.Kind != plan.NeedAction || n.Proof {
			continue
		}
		custom, denied := d.customRole(n), n.Action == "Microsoft.KeyVault/vaults/write"
		if denied != (len(custom) == 0) {
			t.Errorf("a custom role for %s: got %v, and a deny assignment takes it away: %t", n.Action, custom, denied)
		}
	}
}

func TestRolesInheritedFromAManagementGroupCount(t *testing.T) {
	p := mustPlan(plan.Options{})
	a := &azure{roles: developer, assignments: []rbac.Assignment{given(t, "Reader", subscription)}}
	f := Gather(t.Context(), Options{Plan: p, Caller: user, ARM: a, Directory: directory{a}, Definitions: true})
	f.Permissions = nil // closed to the caller
	f.Assignments.Value = append(f.Assignments.Value, given(t, "Owner", "/providers/Microsoft.Management/managementGroups/top"))
	if failed := Decide(p, f).Of(Fail); len(failed) > 0 {
		t.Errorf("an owner of a management group above fails %s: %v", failed[0].ID, failed[0].Evidence)
	}
}
