package permissions

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kars-dev/kars/internal/plan"
	"github.com/kars-dev/kars/internal/rbac"
)

const (
	subscription = "11111111-1111-1111-1111-111111111111"
	tenant       = "22222222-2222-2222-2222-222222222222"
	ada          = "33333333-3333-3333-3333-333333333333"
)

func mustPlan(t *testing.T, change ...func(*plan.Options)) *plan.Plan {
	t.Helper()
	o := plan.Options{SubscriptionID: subscription, TenantID: tenant}
	for _, c := range change {
		c(&o)
	}
	p, err := plan.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func forAda(p *plan.Plan) Options {
	return Options{Plan: p, Principal: Principal{ObjectID: ada, Type: "User", DisplayName: "ada@example.org"}}
}

// policy is what the holder of a page's role may do.
func policy(p *Page) *rbac.Policy {
	d := p.Definition()
	in := rbac.Input{Definitions: []rbac.RoleDefinition{{
		ID: "role", Name: d.Name, Permissions: []rbac.Permission{{Actions: d.Actions, NotActions: d.NotActions, DataActions: d.DataActions, NotDataActions: d.NotDataActions}},
	}}}
	for _, s := range p.Scopes {
		in.Assignments = append(in.Assignments, rbac.Assignment{
			Scope: s, PrincipalID: ada, RoleDefinitionID: "role", Condition: p.Condition, ConditionVersion: p.ConditionVersion,
		})
	}
	return rbac.Compile(in)
}

func TestU14TheRoleHoldsEveryNeedOfThePlanAndNothingMore(t *testing.T) {
	for says, p := range plans(t) {
		t.Run(says, func(t *testing.T) {
			page := New(forAda(p))
			may, used := policy(page), map[string]bool{}
			for _, n := range p.Needs {
				action, data := n.Action, n.Kind == plan.NeedData
				if register := n.RegisterAction(); register != "" {
					action = register
				}
				used[strings.ToLower(action)] = true
				if n.Kind == plan.NeedDirectory || n.Kind == plan.NeedAccount || n.Action == alwaysRegistered {
					continue
				}
				d := may.Decide([]string{ada}, rbac.Request{Action: action, Data: data, Scope: n.Scope, Attributes: n.Attributes})
				if d.Verdict != rbac.Allowed {
					t.Errorf("the role does not bring %s at %s: %s", action, n.Scope, d.Reason)
				}
			}
			d := page.Definition()
			for _, action := range slices.Concat(d.Actions, d.DataActions) {
				if !used[strings.ToLower(action)] || strings.Contains(action, "*") {
					t.Errorf("the role holds %s, which nothing needs", action)
				}
			}
			if !slices.IsSortedFunc(d.Actions, func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) }) {
				t.Errorf("the actions are not sorted: %v", d.Actions)
			}
		})
	}
}

func plans(t *testing.T) map[string]*plan.Plan {
	t.Helper()
	return map[string]*plan.Plan{
		"the default plan": mustPlan(t),
		"with the gateway": mustPlan(t, func(o *plan.Options) { o.Gateway = true }),
		"with an account elsewhere": mustPlan(t, func(o *plan.Options) {
			o.FoundryEndpoint, o.FoundryID = sampleEndpoint, "/subscriptions/"+tenant+"/resourceGroups/models/providers/Microsoft.CognitiveServices/accounts/my-account"
		}),
		"with an account that nobody has looked up": mustPlan(t, func(o *plan.Options) { o.FoundryEndpoint = sampleEndpoint }),
		"without trust": mustPlan(t, func(o *plan.Options) { o.MeshTrust = plan.TrustAnonymous }),
	}
}

func TestU14TheRoleIsInTheShapeThatAzTakes(t *testing.T) {
	var got map[string]any
	if err := json.Unmarshal([]byte(New(forAda(mustPlan(t))).Definition().JSON()), &got); err != nil {
		t.Fatal(err)
	}
	delete(got, "Actions")
	want := map[string]any{
		"Name": "kars Deployer", "Description": "Minimal role to run 'kars up' end-to-end", "IsCustom": true,
		"NotActions": []any{}, "DataActions": []any{}, "NotDataActions": []any{},
		"AssignableScopes": []any{"/subscriptions/" + subscription},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestARoleIsAssignableAtGroupsAndSubscriptionsOnly(t *testing.T) {
	account := "/subscriptions/" + tenant + "/resourceGroups/models/providers/Microsoft.CognitiveServices/accounts/my-account"
	page := New(forAda(mustPlan(t, func(o *plan.Options) { o.FoundryEndpoint, o.FoundryID = sampleEndpoint, account })))
	if diff := cmp.Diff([]string{"/subscriptions/" + subscription, account}, page.Scopes); diff != "" {
		t.Errorf("scopes (-want +got):\n%s", diff)
	}
	want := []string{"/subscriptions/" + subscription, "/subscriptions/" + tenant + "/resourceGroups/models"}
	if diff := cmp.Diff(want, page.Definition().AssignableScopes); diff != "" {
		t.Errorf("assignable scopes (-want +got):\n%s", diff)
	}
}

func TestU13EveryActionOfTheMatrixComesOutOfSomePlan(t *testing.T) {
	if n := len(Matrix()); n != 15 {
		t.Errorf("the matrix has %d actions, want 15", n)
	}
	all, err := variants()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		groupWrite: "not where the group is there already",
		"Microsoft.CognitiveServices/accounts/write":                                          "not with `--foundry-endpoint`",
		"Microsoft.Network/loadBalancers/write":                                               "only with the gateway (`a2aGateway.enabled`)",
		"Microsoft.Features/providers/features/register/action":                               "only for what is not registered yet",
		"Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/write": "not with `--mesh-trust anonymous`",
	}
	for _, row := range Matrix() {
		needed := slices.ContainsFunc(all, func(v variant) bool { return v.page.has(row.Action) })
		if !needed {
			t.Errorf("no plan needs %s", row.Action)
		}
		expected := want[row.Action]
		if expected == "" {
			expected = "always"
		}
		if got := when(row.Action, all); got != expected {
			t.Errorf("%s is needed %q, want %q", row.Action, got, expected)
		}
	}
}

func TestU48ThePageSaysThatFederatingTakesContributor(t *testing.T) {
	const action, says = "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/write", "Contributor has it, User Access Administrator has not"
	i := slices.IndexFunc(Matrix(), func(r MatrixRow) bool { return r.Action == action })
	if i < 0 || !strings.Contains(Matrix()[i].Purpose, says) {
		t.Errorf("the matrix does not say of %s that %s", action, says)
	}
	if page := New(forAda(mustPlan(t))).Markdown(); !strings.Contains(page, "Federating the controller's service account takes Contributor") {
		t.Error("the page of a plan does not say what federating takes")
	}
}

func TestU10AtAGroupTheSubscriptionIsLeftToItsOwner(t *testing.T) {
	o := forAda(mustPlan(t))
	o.Group = true
	page := New(o)
	for _, s := range page.Definition().AssignableScopes {
		if s != o.Plan.Group.ID {
			t.Errorf("the role is assignable at %s", s)
		}
	}
	if page.has(groupWrite) {
		t.Error("a right to make the group is asked for, and it is there already")
	}
	for _, r := range page.Permissions {
		if inside := rbac.Contains(o.Plan.Group.ID, r.Scope); r.Kind == plan.NeedAction && inside != (r.Role == RoleName) {
			t.Errorf("%s at %s is brought by %q", r.Action, r.Scope, r.Role)
		}
	}
}

func TestU18WhatIsRegisteredTakesNoRightToRegister(t *testing.T) {
	o := forAda(mustPlan(t))
	if !New(o).has("Microsoft.Compute/register/action") {
		t.Error("what may not be registered yet takes no right")
	}
	o.Registered = true
	for _, r := range New(o).Permissions {
		if strings.HasSuffix(r.Action, "/register/action") {
			t.Errorf("%s is asked for", r.Action)
		}
	}
}

func TestU04EveryRightOfThePageHasPrincipalScopeAndReason(t *testing.T) {
	for says, p := range plans(t) {
		page := New(forAda(p))
		if page.Principal.ObjectID != ada {
			t.Errorf("%s: no principal", says)
		}
		for _, r := range page.Permissions {
			if r.Scope == "" || r.Why == "" || r.Step == "" {
				t.Errorf("%s: incomplete %+v", says, r)
			}
		}
		text := page.Markdown()
		for _, r := range page.Permissions {
			if r.Kind != plan.NeedDirectory && !strings.Contains(text, r.Action) {
				t.Errorf("%s: the page does not name %s", says, r.Action)
			}
		}
	}
}
