package graph

import (
	"net/http"

	"github.com/kars-dev/kars/localazure/directory"
)

func (s *Service) groups(t *directory.Tx, c call) (answer, error) {
	if c.path.key.zero() {
		if c.method == http.MethodPost {
			return s.createGroup(t, c)
		}
		if err := c.readsGroups(); err != nil {
			return answer{}, err
		}
		return c.list(t, directory.Group, "groups", func(directory.Object) bool { return true })
	}
	o, found, err := t.Object(c.path.key.value)
	if err != nil {
		return answer{}, err
	}
	if !found || o.Kind != directory.Group {
		return answer{}, errNotFound(c.path.key.value)
	}
	if c.path.at(0) == "members" && c.method != http.MethodGet {
		return s.changeMembers(t, c, o)
	}
	if err := c.readsGroups(); err != nil {
		return answer{}, err
	}
	switch c.path.at(0) {
	case "":
		return c.entity(t, http.StatusOK, "groups", o)
	case "members":
		ids, err := t.LinkedFrom(o.ID, directory.MemberOf)
		if err != nil {
			return answer{}, err
		}
		return c.related(t, ids)
	case "memberof", "transitivememberof":
		return s.memberships(t, c, o)
	}
	return answer{}, errUnknownSegment(c.path.tail[0])
}

func (c call) readsGroups() error {
	if c.method != http.MethodGet {
		return errMethod()
	}
	return c.who.allowed(readGroups(), false)
}

// createGroup makes a group, which its creator owns. A group to which directory
// roles can be assigned takes the right to assign them;
// learn.microsoft.com/graph/api/group-post-groups.
func (s *Service) createGroup(t *directory.Tx, c call) (answer, error) {
	r := both("Group.ReadWrite.All", "Directory.ReadWrite.All")
	r.permissions = append(r.permissions, "Group.Create")
	assignable, _ := c.body["isAssignableToRole"].(bool)
	if err := c.who.allowed(r, false); err != nil {
		return answer{}, err
	}
	if assignable {
		if err := c.who.allowed(managesAssignable(), false); err != nil {
			return answer{}, err
		}
	}
	if secure, _ := c.body["securityEnabled"].(bool); !secure || c.text("mailNickname") == "" || c.body["mailEnabled"] != false {
		return answer{}, errBadRequest("A security group needs mailEnabled, mailNickname and securityEnabled.")
	}
	g, err := t.CreateGroup(directory.NewGroup{DisplayName: c.text("displayName"), Assignable: assignable})
	if err != nil {
		return answer{}, err
	}
	if err := t.Link(g.ID, directory.OwnedBy, c.who.object.ID); err != nil {
		return answer{}, err
	}
	o, _, err := t.Object(g.ID)
	if err != nil {
		return answer{}, err
	}
	return c.entity(t, http.StatusCreated, "groups", o)
}

// managesAssignable is the right to manage groups to which directory roles can
// be assigned; learn.microsoft.com/entra/identity/role-based-access-control/groups-concept.
func managesAssignable() right {
	r := both("RoleManagement.ReadWrite.Directory")
	r.roles = []string{directory.PrivilegedRoleAdministrator, directory.GlobalAdministrator}
	return r
}

// changeMembers adds and removes members of a group;
// learn.microsoft.com/graph/api/group-post-members.
func (s *Service) changeMembers(t *directory.Tx, c call, g directory.Object) (answer, error) {
	r := both("GroupMember.ReadWrite.All", "Group.ReadWrite.All", "Directory.ReadWrite.All")
	r.roles, r.ownerInstead = []string{directory.UserAdministrator, directory.GlobalAdministrator}, true
	if assignable, _ := g.Properties["isAssignableToRole"].(bool); assignable {
		r = managesAssignable()
		r.ownerInstead = true
	}
	if err := c.who.may(t, r, g.ID); err != nil {
		return answer{}, err
	}
	none := answer{status: http.StatusNoContent}
	switch {
	case c.method == http.MethodPost && c.path.at(1) == "$ref":
		member, err := reference(t, c.body["@odata.id"])
		if err != nil {
			return answer{}, err
		}
		members, err := t.LinkedFrom(g.ID, directory.MemberOf)
		if err != nil {
			return answer{}, err
		}
		if containsFold(members, member) {
			return answer{}, errBadRequest("One or more added object references already exist for the following modified properties: 'members'.")
		}
		return none, t.AddMember(g.ID, member)
	case c.method == http.MethodDelete && c.path.at(2) == "$ref":
		return none, t.Unlink(c.path.tail[1], directory.MemberOf, g.ID)
	}
	return answer{}, errMethod()
}
