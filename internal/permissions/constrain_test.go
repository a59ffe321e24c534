package permissions

import (
	"testing"

	"github.com/kars-dev/kars/internal/plan"
	"github.com/kars-dev/kars/internal/rbac"
)

// assigning is a request to write or delete a role assignment.
func assigning(verb, scope, role, principalType string) rbac.Request {
	return rbac.Request{
		Action: "Microsoft.Authorization/roleAssignments/" + verb, Scope: scope,
		Attributes: map[string]any{
			"Microsoft.Authorization/roleAssignments:RoleDefinitionId": role,
			"Microsoft.Authorization/roleAssignments:PrincipalType":    principalType,
		},
	}
}

func TestConstrainedTheRoleGivesExactlyThePlansRoles(t *testing.T) {
	for says, p := range plans(t) {
		t.Run(says, func(t *testing.T) {
			o := forAda(p)
			o.Constrain = true
			page := New(o)
			if _, err := rbac.ParseCondition(page.Condition); err != nil {
				t.Fatal(err)
			}
			may := policy(page)
			planned := map[[2]string]bool{}
			for _, g := range p.Grants {
				planned[[2]string{g.Role.ID, g.PrincipalType}] = true
				if d := may.Decide([]string{ada}, assigning("write", g.Scope, g.Role.ID, g.PrincipalType)); d.Verdict != rbac.Allowed {
					t.Errorf("%s may not be given to a %s at %s: %s", g.Role.Name, g.PrincipalType, g.Scope, d.Reason)
				}
			}
			for _, role := range everyRole(p) {
				for _, kind := range []string{"User", "Group", "ServicePrincipal", "ForeignGroup", "Device"} {
					if planned[[2]string{role, kind}] {
						continue
					}
					if d := may.Decide([]string{ada}, assigning("write", p.RegistryID(), role, kind)); d.Verdict != rbac.Denied {
						t.Errorf("the role %s may be given to a %s: %s", role, kind, d.Verdict)
					}
				}
			}
		})
	}
}

func everyRole(p *plan.Plan) []string {
	out := []string{ownerID, contributorID, userAccessAdministratorID, readerID, plan.OpenAIUser.ID, plan.KeyVaultSecretsUser.ID, "00000000-0000-0000-0000-00000000000f"}
	for _, g := range p.Grants {
		out = append(out, g.Role.ID)
	}
	return out
}

// The role itself may delete no assignment; the condition holds wherever one
// that may is constrained by it, as User Access Administrator.
func TestTheConditionLimitsWhatMayBeTakenAwayToo(t *testing.T) {
	p := mustPlan(t)
	c, err := rbac.ParseCondition(p.GrantCondition())
	if err != nil {
		t.Fatal(err)
	}
	for says, is := range map[string]struct {
		request rbac.Request
		want    rbac.Truth
	}{
		"AcrPull of a service principal is taken away":        {assigning("delete", p.RegistryID(), plan.AcrPull.ID, "ServicePrincipal"), rbac.True},
		"AcrPull of a user stays":                             {assigning("delete", p.RegistryID(), plan.AcrPull.ID, "User"), rbac.False},
		"Owner of a service principal stays":                  {assigning("delete", p.RegistryID(), ownerID, "ServicePrincipal"), rbac.False},
		"what is no role assignment is no business of it":     {rbac.Request{Action: "Microsoft.KeyVault/vaults/write", Scope: p.VaultID()}, rbac.True},
		"an assignment that is unknown is not taken for ours": {rbac.Request{Action: "Microsoft.Authorization/roleAssignments/delete", Scope: p.VaultID()}, rbac.UnknownTruth},
	} {
		t.Run(says, func(t *testing.T) {
			if got, why := c.Evaluate(is.request); got != is.want {
				t.Errorf("it is %s (%s), want %s", got, why, is.want)
			}
		})
	}
}
