package graph

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/kars-dev/kars/localazure/directory"
	"github.com/kars-dev/kars/localazure/store"
)

// roleManagement answers for Privileged Identity Management of directory roles,
// /roleManagement/directory;
// learn.microsoft.com/graph/api/resources/privilegedidentitymanagementv3-overview.
func (s *Service) roleManagement(t *directory.Tx, c call) (answer, error) {
	if c.path.at(0) != "directory" {
		return answer{}, errUnknownSegment(c.path.at(0))
	}
	switch c.path.at(1) {
	case "roleeligibilityscheduleinstances":
		return s.roleInstances(t, c, true)
	case "roleassignmentscheduleinstances":
		return s.roleInstances(t, c, false)
	case "roleeligibilityschedulerequests":
		return s.roleRequest(t, c, true)
	case "roleassignmentschedulerequests":
		return s.roleRequest(t, c, false)
	}
	return answer{}, errUnknownSegment(c.path.at(1))
}

// schedulePermissions are the scopes or permissions of which a request needs
// one; learn.microsoft.com/graph/api/rbacapplication-list-roleeligibilityscheduleinstances,
// learn.microsoft.com/graph/api/rbacapplication-post-roleassignmentschedulerequests.
func schedulePermissions(eligible, write bool) []string {
	kind := "RoleAssignmentSchedule"
	if eligible {
		kind = "RoleEligibilitySchedule"
	}
	if write {
		return []string{kind + ".ReadWrite.Directory", "RoleManagement.ReadWrite.Directory"}
	}
	return []string{
		kind + ".Read.Directory", kind + ".ReadWrite.Directory",
		"RoleManagement.Read.All", "RoleManagement.Read.Directory", "RoleManagement.ReadWrite.Directory",
	}
}

// allowedSchedules decides about a request of Privileged Identity Management.
// One for the caller itself takes no directory role: everybody activates their
// own and sees what there is to activate.
func (c caller) allowedSchedules(eligible, write, own bool) error {
	r := both(schedulePermissions(eligible, write)...)
	have := c.claims.Roles
	if c.user() {
		have = c.claims.Scopes
	}
	if !overlap(have, r.permissions) {
		return errScope(r.permissions)
	}
	if own {
		return nil
	}
	r.roles = []string{directory.PrivilegedRoleAdministrator, directory.GlobalAdministrator}
	if !write {
		r.roles = append(r.roles, directory.GlobalReader)
	}
	return c.allowed(r, false)
}

// errScope is the refusal of a token that lacks a permission, which Privileged
// Identity Management tells within another error.
func errScope(permissions []string) error {
	raw, _ := json.Marshal(map[string]any{ // texts always encode
		"errorCode":           "PermissionScopeNotGranted",
		"message":             "Authorization failed due to missing permission scope " + strings.Join(permissions, ",") + ".",
		"instanceAnnotations": []string{},
	})
	return &graphError{http.StatusForbidden, "UnknownError", string(raw)}
}

// roleInstances lists what is in effect now: of all, or with
// filterByCurrentUser(on='principal') what the caller itself may activate or
// holds, by a group too;
// learn.microsoft.com/graph/api/unifiedroleeligibilityscheduleinstance-filterbycurrentuser.
func (s *Service) roleInstances(t *directory.Tx, c call, eligible bool) (answer, error) {
	if c.method != http.MethodGet {
		return answer{}, errMethod()
	}
	own := c.path.at(2) == "filterbycurrentuser(on='principal')"
	if len(c.path.tail) > 2 && !own {
		return answer{}, errUnknownSegment(c.path.tail[2])
	}
	if err := c.who.allowedSchedules(eligible, false, own); err != nil {
		return answer{}, err
	}
	holders, err := t.GroupsOf(c.who.object.ID)
	if err != nil {
		return answer{}, err
	}
	holders = append(holders, c.who.object.ID)
	all, err := t.RoleSchedules()
	if err != nil {
		return answer{}, err
	}
	if len(c.query.selected) > 0 {
		for _, e := range c.query.expanded {
			c.query.selected = append(c.query.selected, e.name)
		}
	}
	p := &page{c: c}
	for _, r := range all {
		if r.Eligible != eligible || !r.Includes(s.now()) || own && !containsFold(holders, r.PrincipalID) {
			continue
		}
		o, err := s.roleInstance(t, c, r, own)
		if err == nil {
			err = p.add(t, o)
		}
		if err != nil {
			return answer{}, err
		}
	}
	return p.answer("roleManagement/directory/" + c.path.tail[1]), nil
}

// roleInstance is a schedule as Graph shows it; seen by its principal, own says
// whether that is by a group.
func (s *Service) roleInstance(t *directory.Tx, c call, r directory.RoleSchedule, own bool) (directory.Object, error) {
	tree := store.Tree{
		"id": r.ID, "principalId": r.PrincipalID, "roleDefinitionId": r.TemplateID, "directoryScopeId": "/", "appScopeId": nil,
		"startDateTime": moment(r.Start), "endDateTime": moment(r.End), "memberType": "Direct",
	}
	if own && !strings.EqualFold(r.PrincipalID, c.who.object.ID) {
		tree["memberType"] = "Group"
	}
	if r.Eligible {
		tree["roleEligibilityScheduleId"] = r.ID
	} else {
		tree["assignmentType"], tree["roleAssignmentScheduleId"], tree["roleAssignmentOriginId"] = "Assigned", r.ID, r.ID
		if r.Activated != "" {
			tree["assignmentType"] = "Activated"
		}
	}
	err := s.expand(t, c, r, tree)
	return directory.Object{ID: r.ID, Properties: tree}, err
}

func (s *Service) expand(t *directory.Tx, c call, r directory.RoleSchedule, tree store.Tree) error {
	for _, e := range c.query.expanded {
		switch e.name {
		case "roledefinition":
			catalogue := s.directory.RoleCatalogue()
			i := slices.IndexFunc(catalogue, func(d directory.Role) bool { return d.TemplateID == r.TemplateID })
			if i >= 0 {
				tree["roleDefinition"] = pick(roleDefinition(catalogue[i]), e.selected)
			}
		case "principal":
			o, found, err := t.Object(r.PrincipalID)
			if err != nil {
				return err
			}
			if found {
				shown := pick(o.Properties, e.selected)
				shown["@odata.type"] = o.Type
				tree["principal"] = shown
			}
		default:
			return errUnsupported("$expand")
		}
	}
	return nil
}

// roleDefinition is a directory role as learn.microsoft.com/graph/api/resources/unifiedroledefinition
// shows it. That of a built-in role has its template's id.
func roleDefinition(r directory.Role) store.Tree {
	return store.Tree{
		"id": r.TemplateID, "templateId": r.TemplateID, "displayName": r.DisplayName, "description": r.Description,
		"isBuiltIn": true, "isEnabled": true,
	}
}

// moment is a time as Graph writes it; null for none.
func moment(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format("2006-01-02T15:04:05.999Z")
}
