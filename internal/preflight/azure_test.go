package preflight

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/kars-dev/kars/internal/azure/arm"
	"github.com/kars-dev/kars/internal/azure/credential"
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
	groups      []string          // of the caller
	location    string            // of the plan's group; empty while there is none
	resources   []string          // ids of what is in it
	states      map[string]string // of providers; Registered if missing
	roles       []DirectoryRole
	requests    atomic.Int64
	asked       chan string // paths, if somebody wants to know
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
	if want := "atScope() and assignedTo('" + alice + "')"; filter != want {
		return nil, fmt.Errorf("the filter is %q, want %q", filter, want)
	}
	if err := a.refuse(ctx, "Microsoft.Authorization/roleAssignments/read", scope); err != nil {
		return nil, err
	}
	var out []rbac.Assignment
	for _, assigned := range a.policy().Assigned(a.principals(), scope) {
		out = append(out, *assigned.Assignment)
	}
	return out, nil
}

func (a *azure) RoleDefinitions(ctx context.Context, scope, _ string) ([]rbac.RoleDefinition, error) {
	return roledefinition.All(), a.refuse(ctx, "Microsoft.Authorization/roleDefinitions/read", scope)
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

// graph is the same azure, asked as Microsoft Graph. It gives one directory
// role a page.
type graph struct{ *azure }

func (g graph) Counts() (reads, writes int) { return 0, 0 }

func (g graph) Do(ctx context.Context, method, path string, _, out any) error {
	g.requests.Add(1)
	if g.asked != nil {
		g.asked <- path
	}
	if method != http.MethodGet {
		return fmt.Errorf("%s %s is not a read", method, path)
	}
	skip := 0
	if _, after, found := strings.Cut(path, "$skiptoken="); found {
		fmt.Sscan(after, &skip)
	}
	page := map[string]any{"value": []DirectoryRole{}}
	if skip < len(g.roles) {
		page["value"] = g.roles[skip : skip+1]
		page["@odata.nextLink"] = fmt.Sprintf("https://graph.microsoft.com/v1.0/me/transitiveMemberOf/microsoft.graph.directoryRole?$skiptoken=%d", skip+1)
	}
	raw, err := json.Marshal(page)
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, out)
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
func given(t *testing.T, role, scope string, to ...string) rbac.Assignment {
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
	o := Options{Plan: mustPlan(plan.Options{}), Caller: user, ARM: a, Directory: graph{a}}
	for _, c := range change {
		c(&o)
	}
	return Run(t.Context(), o)
}

var developer = []DirectoryRole{{TemplateID: "adb2368d-a9be-41b5-8667-d96778e081b0", Name: "Entwickler"}}
