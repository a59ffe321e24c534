package graph_test

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kars-dev/kars/internal/azure/graph"
	"github.com/kars-dev/kars/internal/tenanttest"
	"github.com/kars-dev/kars/localazure/directory"
)

func roleRequest(action, role, principal, duration string) map[string]any {
	return map[string]any{
		"action": action, "justification": "a test", "roleDefinitionId": role, "directoryScopeId": "/", "principalId": principal,
		"scheduleInfo": map[string]any{"expiration": map[string]any{"type": "afterDuration", "duration": duration}},
	}
}

func post(t *testing.T, c *graph.Client, collection string, body map[string]any) error {
	t.Helper()
	return c.Do(t.Context(), http.MethodPost, "/v1.0/roleManagement/directory/"+collection, body, nil)
}

func createBlueprint(t *testing.T, u tenanttest.User) error {
	t.Helper()
	me := []string{"https://graph.microsoft.com/v1.0/users/" + u.ID}
	return u.Graph.Do(t.Context(), http.MethodPost, "/v1.0/applications/", map[string]any{
		"@odata.type": "Microsoft.Graph.AgentIdentityBlueprint", "displayName": "b", "sponsors@odata.bind": me, "owners@odata.bind": me,
	}, nil)
}

func TestU25AnEligibleDirectoryRoleCountsOnlyWhileItIsActive(t *testing.T) {
	var ahead atomic.Int64
	n := tenanttest.NewAt(t, func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) })
	admin, u := n.User("admin", directory.PrivilegedRoleAdministrator), n.User("person")
	ctx := t.Context()

	if found, err := u.Graph.EligibleDirectoryRoles(ctx); err != nil || len(found) != 0 {
		t.Fatalf("eligible for %+v, %v", found, err)
	}
	if err := post(t, admin.Graph, "roleEligibilityScheduleRequests", roleRequest("adminAssign", directory.AgentIDDeveloper, u.ID, "P1D")); err != nil {
		t.Fatal(err)
	}
	found, err := u.Graph.EligibleDirectoryRoles(ctx)
	if err != nil || len(found) != 1 {
		t.Fatalf("eligible for %+v, %v", found, err)
	}
	if r := found[0]; r.TemplateID != directory.AgentIDDeveloper || r.Name != "Agent ID Developer" || r.PrincipalID != u.ID ||
		r.Scope != "/" || r.MemberType != "Direct" || r.Type != "" || r.End.Sub(r.Start) != 24*time.Hour {
		t.Errorf("eligible for %+v", r)
	}
	if err := createBlueprint(t, u); !graph.IsForbidden(err) {
		t.Errorf("a blueprint of who is only eligible: %v", err)
	}

	if err := post(t, u.Graph, "roleAssignmentScheduleRequests", roleRequest("selfActivate", directory.AgentIDDeveloper, u.ID, "PT30M")); err != nil {
		t.Fatal(err)
	}
	if err := createBlueprint(t, u); err != nil {
		t.Errorf("a blueprint while the role is active: %v", err)
	}
	if roles, err := u.Graph.MyDirectoryRoles(ctx); err != nil || len(roles) != 1 || roles[0].TemplateID != directory.AgentIDDeveloper {
		t.Errorf("roles %+v, %v", roles, err)
	}
	active, err := u.Graph.ActiveDirectoryRoles(ctx)
	if err != nil || len(active) != 1 || active[0].Type != "Activated" || active[0].End.Sub(active[0].Start) != 30*time.Minute {
		t.Errorf("active %+v, %v", active, err)
	}

	ahead.Store(int64(31 * time.Minute))
	if err := createBlueprint(t, u); !graph.IsForbidden(err) {
		t.Errorf("a blueprint after the end: %v", err)
	}
	if active, err := u.Graph.ActiveDirectoryRoles(ctx); err != nil || len(active) != 0 {
		t.Errorf("after the end, active %+v, %v", active, err)
	}
	if roles, err := u.Graph.MyDirectoryRoles(ctx); err != nil || len(roles) != 0 {
		t.Errorf("after the end, roles %+v, %v", roles, err)
	}
}

func TestU25AGroupsEligibilityReachesItsMembers(t *testing.T) {
	n := tenanttest.New(t)
	admin, u := n.User("admin", directory.PrivilegedRoleAdministrator), n.User("person")
	var group directory.Principal
	err := n.Directory.Update(func(tx *directory.Tx) (err error) {
		if group, err = tx.CreateGroup(directory.NewGroup{DisplayName: "developers", Assignable: true}); err == nil {
			err = tx.AddMember(group.ID, u.ID)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := post(t, admin.Graph, "roleEligibilityScheduleRequests", roleRequest("adminAssign", directory.AgentIDAdministrator, group.ID, "P1D")); err != nil {
		t.Fatal(err)
	}
	found, err := u.Graph.EligibleDirectoryRoles(t.Context())
	if err != nil || len(found) != 1 || found[0].MemberType != "Group" || found[0].PrincipalID != group.ID {
		t.Fatalf("eligible for %+v, %v", found, err)
	}
	if err := post(t, u.Graph, "roleAssignmentScheduleRequests", roleRequest("selfActivate", directory.AgentIDAdministrator, u.ID, "PT1H")); err != nil {
		t.Fatal(err)
	}
	active, err := u.Graph.ActiveDirectoryRoles(t.Context())
	if err != nil || len(active) != 1 || active[0].MemberType != "Direct" || active[0].PrincipalID != u.ID {
		t.Errorf("active %+v, %v", active, err)
	}
	held, err := admin.Graph.ActiveDirectoryRoles(t.Context())
	if err != nil || len(held) != 1 || held[0].Type != "Assigned" || !held[0].End.IsZero() {
		t.Errorf("what the administrator holds for good: %+v, %v", held, err)
	}
}
