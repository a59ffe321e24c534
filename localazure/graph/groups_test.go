package graph_test

import (
	"testing"

	"github.com/kars-dev/kars/localazure/directory"
)

func newGroup(name string) tree {
	return tree{"displayName": name, "mailEnabled": false, "mailNickname": name, "securityEnabled": true}
}

func memberRef(id string) tree {
	return tree{"@odata.id": "https://graph.microsoft.com/v1.0/directoryObjects/" + id}
}

func TestWhoMakesAGroupDecidesWhoIsInIt(t *testing.T) {
	w := newWorld(t)
	member := w.user("member", directory.KarsAppID)
	owner, other := w.user("owner", directory.AzureCLIAppID), w.user("other", directory.AzureCLIAppID)
	w.refused(member, 403, "Authorization_RequestDenied", "POST", "/v1.0/groups", newGroup("g"))
	w.refused(owner, 400, "Request_BadRequest", "POST", "/v1.0/groups", tree{"displayName": "g"})
	id := w.ok(owner, 201, "POST", "/v1.0/groups", newGroup("g"))["id"].(string)
	members := "/v1.0/groups/" + id + "/members"
	w.refused(other, 403, "Authorization_RequestDenied", "POST", members+"/$ref", memberRef(member.ID))
	w.ok(owner, 204, "POST", members+"/$ref", memberRef(member.ID))
	w.refused(owner, 400, "Request_BadRequest", "POST", members+"/$ref", memberRef(member.ID))
	if in := w.ok(member, 200, "GET", "/v1.0/me/transitiveMemberOf", nil)["value"].([]any); len(in) != 1 {
		t.Errorf("the member is in %v", in)
	}
	w.ok(owner, 204, "DELETE", members+"/"+member.ID+"/$ref", nil)
	if left := w.ok(owner, 200, "GET", members, nil)["value"].([]any); len(left) != 0 {
		t.Errorf("members that are left: %v", left)
	}
	assignable := newGroup("roles")
	assignable["isAssignableToRole"] = true
	w.refused(owner, 403, "Authorization_RequestDenied", "POST", "/v1.0/groups", assignable)
	robot := w.app("robot", "Group.Create", "RoleManagement.ReadWrite.Directory")
	w.ok(robot, 201, "POST", "/v1.0/groups", assignable)
}
