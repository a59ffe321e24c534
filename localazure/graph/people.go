package graph

import (
	"net/http"
	"slices"
	"strings"

	"github.com/kars-dev/kars/localazure/directory"
	"github.com/kars-dev/kars/localazure/store"
)

// me answers for the signed-in user.
func (s *Service) me(t *directory.Tx, c call) (answer, error) {
	if !c.who.user() {
		return answer{}, errBadRequest("/me request is only valid with delegated authentication flow.")
	}
	return s.user(t, c, c.who.object, true)
}

func (s *Service) users(t *directory.Tx, c call) (answer, error) {
	if c.path.key.zero() {
		if c.method != http.MethodGet || len(c.path.tail) > 0 {
			return answer{}, errMethod()
		}
		if err := c.who.allowed(readUsers(), false); err != nil {
			return answer{}, err
		}
		return c.list(t, directory.User, "users", func(directory.Object) bool { return true })
	}
	o, found, err := t.Object(c.path.key.value)
	if err == nil && !found && strings.Contains(c.path.key.value, "@") {
		o, found, err = t.UserByName(c.path.key.value)
	}
	if err != nil {
		return answer{}, err
	}
	if !found || o.Kind != directory.User {
		return answer{}, errNotFound(c.path.key.value)
	}
	return s.user(t, c, o, o.ID == c.who.object.ID)
}

// user answers for one user; everybody may read themselves.
func (s *Service) user(t *directory.Tx, c call, o directory.Object, self bool) (answer, error) {
	if c.method != http.MethodGet {
		return answer{}, errMethod()
	}
	switch c.path.at(0) {
	case "":
		if !self {
			if err := c.who.allowed(readUsers(), false); err != nil {
				return answer{}, err
			}
		}
		return c.entity(t, http.StatusOK, "users", o)
	case "memberof", "transitivememberof":
		return s.memberships(t, c, o)
	}
	return answer{}, errUnknownSegment(c.path.tail[0])
}

// directoryObjects answers for one object of any kind.
func (s *Service) directoryObjects(t *directory.Tx, c call) (answer, error) {
	if c.method != http.MethodGet || c.path.key.zero() || len(c.path.tail) > 0 {
		return answer{}, errMethod()
	}
	if err := c.who.allowed(both(directoryWide()...), false); err != nil {
		return answer{}, err
	}
	o, found, err := t.Object(c.path.key.value)
	if err != nil {
		return answer{}, err
	}
	if !found {
		return answer{}, errNotFound(c.path.key.value)
	}
	return c.entity(t, http.StatusOK, "directoryObjects", o)
}

// memberships answers memberOf and transitiveMemberOf: groups and directory
// roles; learn.microsoft.com/graph/api/user-list-transitivememberof.
func (s *Service) memberships(t *directory.Tx, c call, o directory.Object) (answer, error) {
	if c.method != http.MethodGet {
		return answer{}, errMethod()
	}
	// A signed-in user may see their own memberships with User.Read, which
	// every consented client of this tenant has.
	if !c.who.user() || o.ID != c.who.object.ID {
		if err := c.who.allowed(readMemberships(), false); err != nil {
			return answer{}, err
		}
	}
	transitive := c.path.at(0) == "transitivememberof"
	groups, err := t.Linked(o.ID, directory.MemberOf)
	if transitive && err == nil {
		groups, err = t.GroupsOf(o.ID)
	}
	if err != nil {
		return answer{}, err
	}
	roles, err := s.rolesOf(t, o.ID, transitive)
	if err != nil {
		return answer{}, err
	}
	for _, id := range groups {
		g, found, err := t.Object(id)
		if err != nil {
			return answer{}, err
		}
		if found {
			roles = append(roles, g)
		}
	}
	return c.typed(t, roles)
}

const typeRole = "#microsoft.graph.directoryRole"

// rolesOf returns the directory roles of a principal as objects; those that
// come by a group are transitive.
func (s *Service) rolesOf(t *directory.Tx, id string, transitive bool) ([]directory.Object, error) {
	held, err := t.DirectoryRoles(id)
	if err != nil {
		return nil, err
	}
	var out []directory.Object
	for _, r := range held {
		holders, err := t.RoleHolders(r.TemplateID)
		if err != nil {
			return nil, err
		}
		if transitive || containsFold(holders, id) {
			out = append(out, roleObject(r))
		}
	}
	return out, nil
}

func roleObject(r directory.Role) directory.Object {
	return directory.Object{ID: r.ID, Kind: "directoryRole", Type: typeRole, Properties: store.Tree{
		"id": r.ID, "roleTemplateId": r.TemplateID, "displayName": r.DisplayName,
		"description": r.Description, "deletedDateTime": nil,
	}}
}

// directoryRoles answers /directoryRoles.
func (s *Service) directoryRoles(t *directory.Tx, c call) (answer, error) {
	if c.method != http.MethodGet {
		return answer{}, errMethod()
	}
	if err := c.who.allowed(readRoles(), false); err != nil {
		return answer{}, err
	}
	p := &page{c: c}
	catalogue := s.directory.RoleCatalogue()
	slices.SortFunc(catalogue, func(a, b directory.Role) int { return strings.Compare(a.ID, b.ID) })
	for _, r := range catalogue {
		switch {
		case c.path.key.zero():
			if err := p.add(t, roleObject(r)); err != nil {
				return answer{}, err
			}
		case strings.EqualFold(c.path.key.value, r.ID), strings.EqualFold(c.path.key.value, r.TemplateID):
			return s.directoryRole(t, c, r)
		}
	}
	if !c.path.key.zero() {
		return answer{}, errNotFound(c.path.key.value)
	}
	return p.answer("directoryRoles"), nil
}

func (s *Service) directoryRole(t *directory.Tx, c call, r directory.Role) (answer, error) {
	switch c.path.at(0) {
	case "":
		return c.entity(t, http.StatusOK, "directoryRoles", roleObject(r))
	case "members":
		ids, err := t.RoleHolders(r.TemplateID)
		if err != nil {
			return answer{}, err
		}
		return c.related(t, ids)
	}
	return answer{}, errUnknownSegment(c.path.tail[0])
}

// organization answers /organization: the tenant.
func (s *Service) organization(c call) (answer, error) {
	if c.method != http.MethodGet {
		return answer{}, errMethod()
	}
	tenant := store.Tree{
		"id": s.directory.TenantID(), "displayName": "Local Azure", "tenantType": "AAD",
		"verifiedDomains": []any{map[string]any{
			"name": directory.Domain, "type": "Managed", "isDefault": true, "isInitial": true, "capabilities": "",
		}},
	}
	if !c.path.key.zero() {
		if !strings.EqualFold(c.path.key.value, s.directory.TenantID()) {
			return answer{}, errNotFound(c.path.key.value)
		}
		return c.value(http.StatusOK, "organization/$entity", pick(tenant, c.query.selected)), nil
	}
	return c.value(http.StatusOK, "organization", store.Tree{"value": []any{pick(tenant, c.query.selected)}}), nil
}

func containsFold(list []string, s string) bool {
	for _, l := range list {
		if strings.EqualFold(l, s) {
			return true
		}
	}
	return false
}
