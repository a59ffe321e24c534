package preflight

import (
	"context"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/kars-dev/kars/internal/azure/arm"
	"github.com/kars-dev/kars/internal/plan"
	"github.com/kars-dev/kars/internal/rbac"
)

// Deployment stacks and managed applications deny at management groups too, and
// all below inherits it: by its path alone such a scope holds no subscription.
// learn.microsoft.com/azure/role-based-access-control/deny-assignments
func TestADenyAssignmentOfAManagementGroupIsInheritedP5P8(t *testing.T) {
	p := mustPlan(plan.Options{})
	const above = "/providers/Microsoft.Management/managementGroups/platform"
	a := &azure{
		roles: developer, assignments: []rbac.Assignment{given(t, "Owner", subscription)},
		denies: []rbac.DenyAssignment{{
			Name: "landing-zone", Scope: above, Principals: []string{rbac.AllPrincipals},
			Permissions: []rbac.Permission{{Actions: []string{"Microsoft.KeyVault/*/write"}}},
		}},
	}
	f := find(t, check(t, a), "rbac/Microsoft.KeyVault/vaults/write", p.VaultID())
	if f.Verdict != Fail || !f.Blocks {
		t.Errorf("got %s, blocking %t; want fail: %v", f.Verdict, f.Blocks, f.Evidence)
	}
	shows(t, f, "the deny assignment landing-zone at "+above)
}

// closedAt is an azure in which the permissions at one scope may not be read.
type closedAt struct {
	*azure
	scope string
}

func (a closedAt) Permissions(ctx context.Context, scope string) ([]rbac.Permission, error) {
	if scope == a.scope {
		a.requests.Add(1)
		return nil, &arm.Error{
			Status: http.StatusForbidden, Code: "AuthorizationFailed",
			Message: "no authorization to perform action 'Microsoft.Authorization/permissions/read' over scope '" + scope + "'",
		}
	}
	return a.azure.Permissions(ctx, scope)
}

// What the role assignments of one subscription say of another is nothing. Those
// at the account itself count, where they can be read.
func TestAnAccountElsewhereWhosePermissionsAreClosedIsNotRefusedP4(t *testing.T) {
	const account = "/subscriptions/99999999-9999-9999-9999-999999999999/resourceGroups/ai/providers/Microsoft.CognitiveServices/accounts/shared"
	a := &azure{roles: developer, resources: []string{account}, assignments: []rbac.Assignment{given(t, "Owner", subscription)}}
	closed := func(o *Options) {
		o.Plan = mustPlan(plan.Options{FoundryEndpoint: "https://shared.openai.azure.com/", FoundryID: account})
		o.ARM = closedAt{a, account}
		o.Definitions = true
	}
	f := find(t, check(t, a, closed), assignRoles, account)
	if f.Verdict != Unknown || f.Blocks {
		t.Errorf("got %s, blocking %t; want unknown: %v", f.Verdict, f.Blocks, f.Evidence)
	}
	shows(t, f, "Microsoft.Authorization/permissions/read")
	a.assignments = append(a.assignments, given(t, "Owner", account))
	if f := find(t, check(t, a, closed), assignRoles, account); f.Verdict != Pass {
		t.Errorf("the owner of the account gets %s: %v", f.Verdict, f.Evidence)
	}
}

// A condition on a role at the account holds there as it would at home.
func TestConditionOnAssigningRolesAtAnAccountElsewhereP4P6(t *testing.T) {
	const account = "/subscriptions/99999999-9999-9999-9999-999999999999/resourceGroups/ai/providers/Microsoft.CognitiveServices/accounts/shared"
	delegate := given(t, "Role Based Access Control Administrator", account)
	delegate.ConditionVersion = "2.0"
	delegate.Condition = "((!(ActionMatches{'Microsoft.Authorization/roleAssignments/write'})) OR (@Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {" + plan.OpenAIUser.ID + "}))"
	a := &azure{roles: developer, resources: []string{account}, assignments: []rbac.Assignment{given(t, "Owner", subscription), delegate}}
	f := find(t, check(t, a, func(o *Options) {
		o.Plan = mustPlan(plan.Options{FoundryEndpoint: "https://shared.openai.azure.com/", FoundryID: account})
	}), assignRoles, account)
	if f.Verdict != Fail || !f.Blocks {
		t.Errorf("got %s, blocking %t; want fail: %v", f.Verdict, f.Blocks, f.Evidence)
	}
}

// A quota may be lowered below what is in use. A run that takes no more of it
// is not refused for that.
func TestNodesThatAreThereFitHoweverLowTheQuotaIsNowP13(t *testing.T) {
	p := mustPlan(plan.Options{})
	a := &azure{roles: developer, location: "eastus2", assignments: []rbac.Assignment{given(t, "Owner", subscription)}}
	a.usages = map[string][]arm.Usage{"eastus2": {{Name: "cores", Current: 6, Limit: 4}, {Name: "standardDASv5Family", Current: 6, Limit: 4}}}
	var pools []any
	for _, m := range p.Machines {
		pools = append(pools, map[string]any{"name": m.Pool, "vmSize": m.Size, "count": float64(m.Count)})
	}
	a.there = map[string]arm.Tree{p.ClusterID(): {"properties": map[string]any{"agentPoolProfiles": pools, "kubernetesVersion": plan.KubernetesVersion}}}
	for _, id := range []string{"quota/cores", "quota/standardDASv5Family"} {
		if f := find(t, check(t, a), id, subscription); f.Blocks || f.Verdict != Warn {
			t.Errorf("%s is %s, blocking %t; want a warning: %v", id, f.Verdict, f.Blocks, f.Evidence)
		}
	}
}

// A role that ends takes nothing away where it gave nothing: what is missing
// with it is missing without it.
func TestARoleThatEndsIsNotWarnedOfWhereItDoesNotHelpP7(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	p := mustPlan(plan.Options{})
	a := &azure{roles: developer, location: "eastus2", assignments: []rbac.Assignment{given(t, "Contributor", p.Group.ID), given(t, "Reader", subscription)}}
	reader := a.assignments[1].RoleDefinitionID
	a.activations = []arm.RoleActivation{{PrincipalID: alice, RoleDefinitionID: reader, RoleName: "Reader", Scope: subscription, End: now.Add(time.Minute)}}
	r := check(t, a, func(o *Options) { o.Now = func() time.Time { return now } })
	for _, f := range r.Findings {
		if f.ID == "token/activation-ends" {
			t.Errorf("it is warned of: %v", f.Evidence)
		}
	}
}

// Azure finishes by itself what somebody has asked for already.
func TestAFeatureThatIsBeingRegisteredTakesNoRightToRegisterItU20(t *testing.T) {
	for _, state := range []string{"Registering", "Pending"} {
		a := &azure{roles: developer, location: "eastus2", assignments: []rbac.Assignment{
			given(t, "Reader", subscription), given(t, "Owner", mustPlan(plan.Options{}).Group.ID),
		}}
		a.features = map[string]string{"EncryptionAtHost": state}
		f := find(t, check(t, a), "feature/Microsoft.Compute/EncryptionAtHost", subscription)
		if f.Verdict == Fail || f.Blocks {
			t.Errorf("%s: got %s, blocking %t: %v", state, f.Verdict, f.Blocks, f.Evidence)
		}
	}
}

// identified is an azure whose group has the plan's identities, each with an
// object id of its own, and role assignments of theirs.
type identified struct {
	*azure
	plan   *plan.Plan
	grants []rbac.Assignment
}

func newIdentified(a *azure, p *plan.Plan) identified {
	out := identified{azure: a, plan: p}
	for _, g := range p.Grants {
		out.grants = append(out.grants, rbac.Assignment{Scope: g.Scope, PrincipalID: "of " + g.IdentityID, RoleDefinitionID: g.Role.ID, Condition: g.Condition})
	}
	return out
}

func (a identified) RoleAssignments(ctx context.Context, scope, filter string) ([]rbac.Assignment, error) {
	list, err := a.azure.RoleAssignments(ctx, scope, filter)
	if filter == "" && err == nil {
		list = append(list[:len(list):len(list)], a.grants...)
	}
	return list, err
}

func (a identified) List(ctx context.Context, path, version string, query url.Values) ([]arm.Tree, error) {
	if _, err := a.azure.List(ctx, path, version, query); err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	var out []arm.Tree
	for _, g := range a.plan.Grants {
		if !seen[g.IdentityID] {
			seen[g.IdentityID] = true
			out = append(out, arm.Tree{"id": g.IdentityID, "properties": map[string]any{"principalId": "of " + g.IdentityID}})
		}
	}
	return out, nil
}

// Who may give some roles alone, and who is denied to give any, can go on where
// somebody else has given those of the plan.
func TestGrantsInPlaceCountWhateverForbidsToMakeThemU12P5P6(t *testing.T) {
	p := mustPlan(plan.Options{})
	delegate := given(t, "Role Based Access Control Administrator", p.Group.ID)
	delegate.ConditionVersion = "2.0"
	delegate.Condition = "((!(ActionMatches{'Microsoft.Authorization/roleAssignments/write'})) OR (@Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {" + plan.OpenAIUser.ID + "}))"
	for name, a := range map[string]*azure{
		"a condition": {assignments: []rbac.Assignment{delegate, given(t, "Contributor", p.Group.ID)}},
		"a deny assignment": {assignments: []rbac.Assignment{given(t, "Owner", p.Group.ID)}, denies: []rbac.DenyAssignment{{
			Name: "stack", Scope: p.Group.ID, Principals: []string{rbac.AllPrincipals},
			Permissions: []rbac.Permission{{Actions: []string{"Microsoft.Authorization/roleAssignments/write"}}},
		}}},
	} {
		t.Run(name, func(t *testing.T) {
			a.roles, a.location = developer, "eastus2"
			a.assignments = append(a.assignments, given(t, "Reader", subscription))
			if r := check(t, a); !r.Blocks() {
				t.Fatal("it is let through before anybody made the grants")
			}
			r := check(t, a, func(o *Options) { o.ARM = newIdentified(a, p) })
			for _, f := range r.Of(Fail) {
				t.Errorf("%s at %s fails: %v", f.ID, f.Scope, f.Evidence)
			}
		})
	}
}

// A condition may leave the caller short of what could be activated.
func TestWhoLacksARoleForAConditionIsToldWhatToActivateP6P7(t *testing.T) {
	p := mustPlan(plan.Options{})
	delegate := given(t, "Role Based Access Control Administrator", subscription)
	delegate.ConditionVersion = "2.0"
	delegate.Condition = "((!(ActionMatches{'Microsoft.Authorization/roleAssignments/write'})) OR (@Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {" + plan.OpenAIUser.ID + "}))"
	a := &azure{roles: developer, assignments: []rbac.Assignment{delegate, given(t, "Contributor", subscription)}}
	a.eligibilities = []arm.RoleEligibility{{ID: "e", RoleDefinitionID: given(t, "User Access Administrator", subscription).RoleDefinitionID, RoleName: "User Access Administrator", Scope: subscription}}
	shows(t, find(t, check(t, a), assignRoles, p.RegistryID()), `"verdict": "fail"`, "activate User Access Administrator at "+subscription)
}

// A warning that was accepted must not hide that it blocks by now.
func TestABaselineDoesNotAcceptWhatHasBecomeWorse(t *testing.T) {
	b := Baseline{Accepted: []Accepted{{ID: "registration/Microsoft.KeyVault", Scope: subscription, Verdict: Warn, Acceptance: Acceptance{Reason: "the run registers it"}}}}
	finding := Finding{ID: "registration/Microsoft.KeyVault", Scope: subscription, Verdict: Warn}
	if r := newReport(user, []Finding{finding}).Accept(b, time.Time{}); r.Verdict != Pass || r.Stale != nil {
		t.Errorf("what it accepts is %s, stale %v", r.Verdict, r.Stale)
	}
	finding.Verdict, finding.Blocks = Fail, true
	r := newReport(user, []Finding{finding}).Accept(b, time.Time{})
	if !r.Blocks() || r.Verdict != Fail || len(r.Stale) != 1 || r.Stale[0].Why != "it is for warn, and the finding is fail now" {
		t.Errorf("what has become worse is %s, blocking %t, stale %v", r.Verdict, r.Blocks(), r.Stale)
	}
}
