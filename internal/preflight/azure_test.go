package preflight

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/kars-dev/kars/internal/azure/arm"
	"github.com/kars-dev/kars/internal/azure/credential"
	"github.com/kars-dev/kars/internal/azure/graph"
	"github.com/kars-dev/kars/internal/plan"
	"github.com/kars-dev/kars/internal/rbac"
	"github.com/kars-dev/kars/localazure/roledefinition"
)

const (
	subscription = "/subscriptions/11111111-1111-1111-1111-111111111111"
	tenant       = "22222222-2222-2222-2222-222222222222"
	alice        = "aaaaaaaa-0000-0000-0000-000000000001"
	team         = "aaaaaaaa-0000-0000-0000-000000000002"
)

// azure answers like Azure Resource Manager and Microsoft Graph do: every
// answer follows from role assignments, and what the caller may not read is
// refused.
type azure struct {
	assignments []rbac.Assignment
	denies      []rbac.DenyAssignment
	groups      []string          // of the caller
	location    string            // of the plan's group; empty while there is none
	resources   []string          // ids of what is in it
	states      map[string]string // of providers; Registered if missing
	roles       []graph.Role      // in the directory
	application bool              // the caller is a service principal
	permissions []string          // that it holds in Graph
	blind       bool              // it may not read its directory roles
	scopes      []string          // of the user's token in Graph; those that suffice if nil
	offer
	requests atomic.Int64
}

func (a *azure) policy() *rbac.Policy {
	return rbac.Compile(rbac.Input{Definitions: roledefinition.All(), Assignments: a.assignments})
}

func (a *azure) principals() []string { return append([]string{alice}, a.groups...) }

func (a *azure) Counts() (reads, writes int) { return int(a.requests.Load()), 0 }

// refuse is nil if the caller may do the action.
func (a *azure) refuse(ctx context.Context, action, scope string) error {
	a.requests.Add(1)
	if err := ctx.Err(); err != nil {
		return err
	}
	if a.policy().Decide(a.principals(), rbac.Request{Action: action, Scope: scope}).Verdict == rbac.Allowed {
		return nil
	}
	return &arm.Error{Status: http.StatusForbidden, Code: "AuthorizationFailed", Message: "no authorization to perform action '" + action + "' over scope '" + scope + "'"}
}

func (a *azure) Permissions(ctx context.Context, scope string) ([]rbac.Permission, error) {
	a.requests.Add(1)
	inGroup, _ := rbac.ResourceGroupOf(scope)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case inGroup == scope && a.location == "", inGroup != "" && inGroup != scope && !slices.Contains(a.resources, scope):
		return nil, &arm.Error{Status: http.StatusNotFound, Code: "ResourceNotFound"}
	}
	var sets []rbac.Permission
	for _, assigned := range a.policy().Assigned(a.principals(), scope) {
		sets = append(sets, assigned.Definition.Permissions...)
	}
	return sets, nil
}

func (a *azure) RoleAssignments(ctx context.Context, scope, filter string) ([]rbac.Assignment, error) {
	if filter == "" {
		return a.assignments, a.refuse(ctx, "Microsoft.Authorization/roleAssignments/read", scope)
	}
	if want := "assignedTo('" + alice + "')"; filter != want {
		return nil, fmt.Errorf("the filter is %q, want %q", filter, want)
	}
	if err := a.refuse(ctx, "Microsoft.Authorization/roleAssignments/read", scope); err != nil {
		return nil, err
	}
	var out []rbac.Assignment
	for _, assignment := range a.assignments {
		related := rbac.Contains(scope, assignment.Scope) || rbac.Contains(assignment.Scope, scope)
		if related && slices.Contains(a.principals(), assignment.PrincipalID) {
			out = append(out, assignment)
		}
	}
	return out, nil
}

// List knows of user-assigned identities and of deployments of models; of both
// there are none.
func (a *azure) List(ctx context.Context, path, _ string, _ url.Values) ([]arm.Tree, error) {
	if account, ok := strings.CutSuffix(path, "/deployments"); ok {
		return nil, a.refuse(ctx, "Microsoft.CognitiveServices/accounts/deployments/read", account)
	}
	scope, resourceType, _ := strings.Cut(path, "/providers/")
	return nil, a.refuse(ctx, resourceType+"/read", scope)
}

func (a *azure) RoleDefinitions(ctx context.Context, scope, _ string) ([]rbac.RoleDefinition, error) {
	return roledefinition.All(), a.refuse(ctx, "Microsoft.Authorization/roleDefinitions/read", scope)
}

func (a *azure) DenyAssignments(ctx context.Context, scope, _ string) ([]rbac.DenyAssignment, error) {
	return a.denies, a.refuse(ctx, "Microsoft.Authorization/denyAssignments/read", scope)
}

func (a *azure) Providers(ctx context.Context, id string) ([]arm.Provider, error) {
	if err := a.refuse(ctx, "Microsoft.Resources/subscriptions/providers/read", "/subscriptions/"+id); err != nil {
		return nil, err
	}
	var out []arm.Provider
	for _, r := range mustPlan(plan.Options{}).Registrations {
		state := a.states[r.Namespace]
		if state == "" {
			state = "Registered"
		}
		out = append(out, arm.Provider{Namespace: strings.ToLower(r.Namespace), State: state})
	}
	return out, nil
}

func (a *azure) GetGroup(ctx context.Context, id, name string) (arm.Tree, bool, error) {
	scope := "/subscriptions/" + id + "/resourceGroups/" + name
	if err := a.refuse(ctx, "Microsoft.Resources/subscriptions/resourceGroups/read", scope); err != nil {
		return nil, false, err
	}
	return arm.Tree{"location": a.location}, a.location != "", nil
}

// directory is the same azure, asked as Microsoft Graph.
type directory struct{ *azure }

func (d directory) Counts() (reads, writes int) { return 0, 0 }

func (d directory) MyDirectoryRoles(context.Context) ([]graph.Role, error) {
	d.requests.Add(1)
	if d.application {
		return nil, &graph.Error{Status: http.StatusBadRequest, Message: "/me request is only valid with delegated authentication flow."}
	}
	return d.roles, nil
}

func (d directory) ServicePrincipalDirectoryRoles(_ context.Context, id string) ([]graph.Role, error) {
	d.requests.Add(1)
	switch {
	case !d.application || id != alice:
		return nil, &graph.Error{Status: http.StatusNotFound}
	case d.blind:
		return nil, &graph.Error{Status: http.StatusForbidden, Code: "Authorization_RequestDenied"}
	}
	return d.roles, nil
}

func (d directory) Permissions(context.Context) (graph.Permissions, error) {
	if d.application {
		return graph.Permissions{Application: d.permissions}, nil
	}
	if d.scopes == nil {
		return graph.Permissions{Delegated: plan.AgentIDPermissions()}, nil
	}
	return graph.Permissions{Delegated: d.scopes}, nil
}

func mustPlan(o plan.Options) *plan.Plan {
	o.SubscriptionID, o.TenantID = subscription[len("/subscriptions/"):], tenant
	p, err := plan.New(o)
	if err != nil {
		panic(err)
	}
	return p
}

// given is a role assignment of the caller, or of who is named.
func given(t testing.TB, role, scope string, to ...string) rbac.Assignment {
	t.Helper()
	d, ok := roledefinition.ByName(role)
	if !ok {
		t.Fatalf("there is no role %s", role)
	}
	return rbac.Assignment{PrincipalID: append(to, alice)[0], RoleDefinitionID: d.ID, Scope: scope}
}

var user = credential.Caller{ObjectID: alice, Type: credential.User, TenantID: tenant, DisplayName: "alice@example.com", HomeTenant: true}

// check runs preflight of the default plan.
func check(t *testing.T, a *azure, change ...func(*Options)) Report {
	t.Helper()
	o := Options{Plan: mustPlan(plan.Options{}), Caller: user, ARM: a, Directory: directory{a}}
	for _, c := range change {
		c(&o)
	}
	return Run(t.Context(), o)
}

var developer = []graph.Role{{TemplateID: "adb2368d-a9be-41b5-8667-d96778e081b0", Name: "Entwickler"}}
