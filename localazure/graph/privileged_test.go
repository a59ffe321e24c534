package graph_test

import (
	"testing"

	"github.com/kars-dev/kars/localazure/directory"
)

const (
	eligibilities = "/v1.0/roleManagement/directory/roleEligibilityScheduleInstances"
	assignments   = "/v1.0/roleManagement/directory/roleAssignmentScheduleInstances"
	mine          = "/filterByCurrentUser(on='principal')"

	makeEligible = "/v1.0/roleManagement/directory/roleEligibilityScheduleRequests"
	makeActive   = "/v1.0/roleManagement/directory/roleAssignmentScheduleRequests"
)

func roleRequest(action, role, principal, duration string) tree {
	expiration := tree{"type": "afterDuration", "duration": duration}
	if duration == "" {
		expiration = tree{"type": "noExpiration"}
	}
	return tree{
		"action": action, "justification": "a test", "roleDefinitionId": role, "directoryScopeId": "/", "principalId": principal,
		"scheduleInfo": tree{"expiration": expiration},
	}
}

func TestPrivilegedIdentityManagementAsksForItsOwnPermissions(t *testing.T) {
	w := newWorld(t)
	user := w.user("user", directory.KarsAppID)
	admin := w.user("admin", directory.KarsAppID, directory.PrivilegedRoleAdministrator)
	reader := w.user("reader", directory.KarsAppID, directory.GlobalReader)
	// The Azure CLI's token has no scope for it, whatever the role.
	cli := w.user("cli", directory.AzureCLIAppID, directory.GlobalAdministrator)
	robot := w.app("robot", "RoleManagement.Read.Directory")
	blind := w.app("blind", "Directory.Read.All")
	for _, path := range []string{eligibilities, assignments} {
		w.refused(cli, 403, "UnknownError", "GET", path+mine, nil)
		w.refused(blind, 403, "UnknownError", "GET", path+mine, nil)
		w.refused(user, 403, "Authorization_RequestDenied", "GET", path, nil)
		w.ok(user, 200, "GET", path+mine, nil)
		w.ok(robot, 200, "GET", path+mine, nil)
		w.ok(robot, 200, "GET", path, nil)
		w.ok(reader, 200, "GET", path+"?$filter=principalId%20eq%20'"+user.ID+"'", nil)
	}
	assign := roleRequest("adminAssign", directory.AgentIDDeveloper, user.ID, "P30D")
	for _, path := range []string{makeEligible, makeActive} {
		w.refused(cli, 403, "UnknownError", "POST", path, assign)
		w.refused(robot, 403, "UnknownError", "POST", path, assign)
		w.refused(reader, 403, "Authorization_RequestDenied", "POST", path, assign)
		w.refused(user, 403, "Authorization_RequestDenied", "POST", path, assign)
		if got := w.ok(admin, 201, "POST", path, assign); got["status"] != "Provisioned" || got["targetScheduleId"] == nil {
			t.Errorf("%s answered %v", path, got)
		}
		w.refused(admin, 400, "RoleAssignmentExists", "POST", path, assign)
	}
	filtered := w.ok(reader, 200, "GET", eligibilities+"?$filter=principalId%20eq%20'"+user.ID+"'&$select=id&$expand=roleDefinition,principal($select=displayName)", nil)
	instance := filtered["value"].([]any)[0].(tree)
	role, who := instance["roleDefinition"].(tree), instance["principal"].(tree)
	if role["displayName"] != "Agent ID Developer" || who["displayName"] != "user" || who["id"] != nil || instance["principalId"] != nil {
		t.Errorf("expanded: %v", instance)
	}
}

func TestActivatingADirectoryRoleKeepsToItsSettings(t *testing.T) {
	w := newWorld(t)
	user := w.user("user", directory.KarsAppID)
	other := w.user("other", directory.KarsAppID)
	admin := w.user("admin", directory.KarsAppID, directory.PrivilegedRoleAdministrator)
	const role = directory.AgentIDAdministrator
	activate := func(principal, duration string) tree { return roleRequest("selfActivate", role, principal, duration) }
	w.refused(user, 400, "RoleAssignmentDoesNotExist", "POST", makeActive, activate(user.ID, "PT1H"))
	w.ok(admin, 201, "POST", makeEligible, roleRequest("adminAssign", role, user.ID, ""))
	w.refused(other, 403, "Authorization_RequestDenied", "POST", makeActive, activate(user.ID, "PT1H"))
	for duration, code := range map[string]string{
		"": "RoleAssignmentRequestPolicyValidationFailed", "PT9H": "RoleAssignmentRequestPolicyValidationFailed",
		"PT1M": "ActiveDurationTooShort", "soon": "Request_BadRequest",
	} {
		w.refused(user, 400, code, "POST", makeActive, activate(user.ID, duration))
	}
	silent := activate(user.ID, "PT1H")
	delete(silent, "justification")
	w.refused(user, 400, "RoleAssignmentRequestPolicyValidationFailed", "POST", makeActive, silent)
	w.ok(user, 201, "POST", makeActive, activate(user.ID, "PT1H"))
	w.refused(user, 400, "RoleAssignmentExists", "POST", makeActive, activate(user.ID, "PT1H"))
	w.refused(user, 400, "ActiveDurationTooShort", "POST", makeActive, roleRequest("selfDeactivate", role, user.ID, "PT1H"))
	w.ok(admin, 201, "POST", makeActive, roleRequest("adminRemove", role, user.ID, "PT1H"))
	if left := w.ok(user, 200, "GET", assignments+mine, nil)["value"].([]any); len(left) != 0 {
		t.Errorf("still active: %v", left)
	}
	w.ok(admin, 201, "POST", makeEligible, roleRequest("adminRemove", role, user.ID, "PT1H"))
	w.refused(admin, 400, "RoleAssignmentDoesNotExist", "POST", makeEligible, roleRequest("adminRemove", role, user.ID, "PT1H"))
	w.refused(user, 400, "Request_BadRequest", "POST", makeActive, roleRequest("selfExtend", role, user.ID, "PT1H"))
	w.refused(user, 405, "Request_BadRequest", "GET", makeActive, nil)
}

func TestADirectoryRoleIsNotForJustAnyGroup(t *testing.T) {
	w := newWorld(t)
	admin := w.user("admin", directory.KarsAppID, directory.PrivilegedRoleAdministrator)
	var plain directory.Principal
	err := w.directory.Update(func(t *directory.Tx) (err error) {
		plain, err = t.CreateGroup(directory.NewGroup{DisplayName: "plain"})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	w.refused(admin, 400, "Request_BadRequest", "POST", makeEligible, roleRequest("adminAssign", directory.AgentIDAdministrator, plain.ID, "P1D"))
}

func TestAnApplicationThatMayWriteTheDirectoryMayNotManageAgents(t *testing.T) {
	w := newWorld(t)
	sponsor := w.user("sponsor", directory.KarsAppID)
	body := func() tree {
		return tree{"@odata.type": "Microsoft.Graph.AgentIdentityBlueprint", "displayName": "b", "sponsors@odata.bind": sponsoredBy(sponsor.ID)}
	}
	w.ok(w.app("narrow", "AgentIdentityBlueprint.Create"), 201, "POST", "/v1.0/applications", body())
	w.refused(w.app("wide", "AgentIdentityBlueprint.Create", "Directory.ReadWrite.All"), 403, "Authorization_RequestDenied", "POST", "/v1.0/applications", body())
}
