package preflight

import (
	"context"
	"net/http"
	"testing"

	"github.com/kars-dev/kars/internal/azure/arm"
	"github.com/kars-dev/kars/internal/plan"
	"github.com/kars-dev/kars/internal/rbac"
)

// listing is an azure that lists guards only where they can be seen from: at a
// scope those there, above and below it.
type listing struct {
	*azure
	above string // a management group above one subscription
	below string // that subscription
}

func (a listing) sees(scope, at string) bool {
	return rbac.Contains(scope, at) || rbac.Contains(at, scope) || at == a.above && rbac.Contains(a.below, scope)
}

func (a listing) DenyAssignments(ctx context.Context, scope, filter string) ([]rbac.DenyAssignment, error) {
	all, err := a.azure.DenyAssignments(ctx, scope, filter)
	var out []rbac.DenyAssignment
	for _, d := range all {
		if a.sees(scope, d.Scope) {
			out = append(out, d)
		}
	}
	return out, err
}

func (a listing) Locks(ctx context.Context, scope string) ([]arm.Lock, error) {
	all, err := a.azure.Locks(ctx, scope)
	var out []arm.Lock
	for _, l := range all {
		if a.sees(scope, l.Scope) {
			out = append(out, l)
		}
	}
	return out, err
}

const (
	otherSubscription = "/subscriptions/99999999-9999-9999-9999-999999999999"
	sharedAccount     = "/resourceGroups/ai/providers/Microsoft.CognitiveServices/accounts/shared"
)

// What guards an account that is there already refuses the role assignment on
// it, wherever it lies and whether or not the plan's group is there.
func TestGuardsOfAnAccountElsewhereAreSeenP5P17(t *testing.T) {
	const above = "/providers/Microsoft.Management/managementGroups/theirs"
	for where, at := range map[string]string{"another subscription": otherSubscription, "another group": subscription} {
		for _, location := range []string{"", "eastus2"} {
			account := at + sharedAccount
			deny := func(scope string) rbac.DenyAssignment {
				return rbac.DenyAssignment{
					Name: "stack", Scope: scope, Principals: []string{rbac.AllPrincipals},
					Permissions: []rbac.Permission{{Actions: []string{"Microsoft.Authorization/roleAssignments/write"}}},
				}
			}
			lock := func(level, scope string) []arm.Lock {
				return []arm.Lock{{ID: scope + "/providers/Microsoft.Authorization/locks/kept", Name: "kept", Level: level, Scope: scope}}
			}
			tests := map[string]struct {
				deny  rbac.DenyAssignment
				locks []arm.Lock
				id    string // of the finding; empty if there is none
				at    string // its scope
				want  Verdict
			}{
				"a deny assignment on it":               {deny(account), nil, assignRoles, account, Fail},
				"a deny assignment on its group":        {deny(at + "/resourceGroups/ai"), nil, assignRoles, account, Fail},
				"a deny assignment on a child of it":    {deny(account + "/deployments/m"), nil, assignRoles, account, Pass},
				"a deny assignment of a neighbour's":    {deny(at + "/resourceGroups/other"), nil, assignRoles, account, Pass},
				"a lock on it that reads only":          {deny(at + "/resourceGroups/other"), lock(arm.ReadOnly, account), "lock/ReadOnly", account, Fail},
				"a lock on its group that reads only":   {deny(at + "/resourceGroups/other"), lock(arm.ReadOnly, at+"/resourceGroups/ai"), "lock/ReadOnly", at + "/resourceGroups/ai", Fail},
				"a lock against its deletion":           {deny(at + "/resourceGroups/other"), lock(arm.CannotDelete, account), "lock/CanNotDelete", account, Warn},
				"a lock on a neighbour that reads only": {deny(at + "/resourceGroups/other"), lock(arm.ReadOnly, at+"/resourceGroups/other"), "", "", Pass},
			}
			if at == otherSubscription {
				tests["a deny assignment of a management group above it"] = struct {
					deny  rbac.DenyAssignment
					locks []arm.Lock
					id    string
					at    string
					want  Verdict
				}{deny(above), nil, assignRoles, account, Fail}
			}
			for name, tt := range tests {
				t.Run(where+", group at "+location+", "+name, func(t *testing.T) {
					a := &azure{roles: developer, location: location, resources: []string{account}, denies: []rbac.DenyAssignment{tt.deny}}
					a.locks = tt.locks
					a.assignments = []rbac.Assignment{given(t, "Owner", subscription), given(t, "Owner", otherSubscription)}
					r := check(t, a, func(o *Options) {
						o.Plan = mustPlan(plan.Options{FoundryEndpoint: "https://shared.openai.azure.com/", FoundryID: account})
						o.ARM = listing{a, above, otherSubscription}
					})
					if tt.id == "" {
						for _, f := range r.Findings {
							if f.Category == CategoryLock {
								t.Errorf("there is %s at %s", f.ID, f.Scope)
							}
						}
						return
					}
					f := find(t, r, tt.id, tt.at)
					if f.Verdict != tt.want || f.Blocks != (tt.want == Fail) {
						t.Errorf("got %s, blocking %t; want %s: %v", f.Verdict, f.Blocks, tt.want, f.Evidence)
					}
				})
			}
		}
	}
}

// blindAt is an azure that does not show what guards one scope.
type blindAt struct {
	*azure
	scope string
}

func (a blindAt) refused(action, scope string) error {
	if scope != a.scope {
		return nil
	}
	return &arm.Error{
		Status: http.StatusForbidden, Code: "AuthorizationFailed",
		Message: "no authorization to perform action '" + action + "' over scope '" + scope + "'",
	}
}

func (a blindAt) DenyAssignments(_ context.Context, scope, _ string) ([]rbac.DenyAssignment, error) {
	return nil, a.refused("Microsoft.Authorization/denyAssignments/read", scope)
}

func (a blindAt) Locks(_ context.Context, scope string) ([]arm.Lock, error) {
	return nil, a.refused("Microsoft.Authorization/locks/read", scope)
}

func TestGuardsOfAnAccountElsewhereThatCannotBeReadP5P17(t *testing.T) {
	const account = otherSubscription + sharedAccount
	a := &azure{roles: developer, resources: []string{account}, assignments: []rbac.Assignment{given(t, "Owner", subscription), given(t, "Owner", account)}}
	r := check(t, a, func(o *Options) {
		o.Plan = mustPlan(plan.Options{FoundryEndpoint: "https://shared.openai.azure.com/", FoundryID: account})
		o.ARM = blindAt{a, account}
	})
	for id, permission := range map[string]string{"deny/assignments": "denyAssignments/read", "lock/ReadOnly": "locks/read"} {
		f := find(t, r, id, account)
		if f.Verdict != Unknown || f.Blocks {
			t.Errorf("%s is %s, blocking %t; want unknown", id, f.Verdict, f.Blocks)
		}
		shows(t, f, permission)
	}
}
