package arm

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/kars-dev/kars/internal/rbac"
)

const authorizationVersion = "2022-04-01"

const authorizationPath = "/providers/Microsoft.Authorization/"

// Permissions lists what the caller's role assignments allow at scope and above.
// At subscription scope it works although the published specification lacks it.
// learn.microsoft.com/rest/api/authorization/permissions
func (c *Client) Permissions(ctx context.Context, scope string) ([]rbac.Permission, error) {
	return list[rbac.Permission](ctx, c, call{path: scope + authorizationPath + "permissions", version: authorizationVersion})
}

// RoleAssignmentID is the ARM id of the role assignment with this name, a GUID.
func RoleAssignmentID(scope, name string) string {
	return strings.TrimSuffix(scope, "/") + authorizationPath + "roleAssignments/" + name
}

// RoleDefinitionID is the ARM id of a role, given its GUID, for use at scope.
func RoleDefinitionID(scope, role string) string {
	prefix := ""
	if parts := strings.Split(scope, "/"); len(parts) >= 3 && strings.EqualFold(parts[1], "subscriptions") {
		prefix = SubscriptionID(parts[2])
	}
	return prefix + authorizationPath + "roleDefinitions/" + role
}

type roleAssignment struct {
	ID         string `json:"id,omitempty"`
	Properties struct {
		RoleDefinitionID string `json:"roleDefinitionId"`
		PrincipalID      string `json:"principalId"`
		PrincipalType    string `json:"principalType,omitempty"`
		Scope            string `json:"scope,omitempty"`
		Condition        string `json:"condition,omitempty"`
		ConditionVersion string `json:"conditionVersion,omitempty"`
	} `json:"properties"`
}

func (w roleAssignment) assignment() rbac.Assignment {
	return rbac.Assignment{
		ID:               w.ID,
		PrincipalID:      w.Properties.PrincipalID,
		PrincipalType:    w.Properties.PrincipalType,
		RoleDefinitionID: guid(w.Properties.RoleDefinitionID),
		Scope:            w.Properties.Scope,
		Condition:        w.Properties.Condition,
		ConditionVersion: w.Properties.ConditionVersion,
	}
}

// guid is the last segment of an id, in lower case.
func guid(id string) string {
	return strings.ToLower(id[strings.LastIndexByte(id, '/')+1:])
}

// RoleAssignments lists role assignments at scope. The filter is Azure's: empty
// for those at, above and below scope; atScope() for those at and above;
// assignedTo('<object id>') for those a principal has also through groups.
// learn.microsoft.com/azure/role-based-access-control/role-assignments-list-rest
func (c *Client) RoleAssignments(ctx context.Context, scope, filter string) ([]rbac.Assignment, error) {
	found, err := list[roleAssignment](ctx, c, call{
		path: scope + authorizationPath + "roleAssignments", version: authorizationVersion, query: filtered(filter),
	})
	assignments := make([]rbac.Assignment, 0, len(found))
	for _, w := range found {
		assignments = append(assignments, w.assignment())
	}
	return assignments, err
}

// GetRoleAssignment reads the role assignment with this ARM id.
func (c *Client) GetRoleAssignment(ctx context.Context, id string) (assignment rbac.Assignment, found bool, err error) {
	var w roleAssignment
	status, err := c.do(ctx, call{method: http.MethodGet, path: id, version: authorizationVersion, accept: []int{http.StatusNotFound}}, &w)
	if err != nil || status == http.StatusNotFound {
		return rbac.Assignment{}, false, err
	}
	return w.assignment(), true, nil
}

// PutRoleAssignment makes the role assignment a under the ARM id
// [RoleAssignmentID] (a.Scope, name); a.ID is not used. PrincipalType is
// required: without it Azure looks the principal up and refuses one that has
// not been replicated yet. created is false if the same assignment is there,
// under this name or another.
func (c *Client) PutRoleAssignment(ctx context.Context, name string, a rbac.Assignment) (created bool, err error) {
	var w roleAssignment
	w.Properties.RoleDefinitionID = RoleDefinitionID(a.Scope, a.RoleDefinitionID)
	w.Properties.PrincipalID = a.PrincipalID
	w.Properties.PrincipalType = a.PrincipalType
	w.Properties.Condition = a.Condition
	w.Properties.ConditionVersion = a.ConditionVersion
	status, err := c.do(ctx, call{
		method: http.MethodPut, path: RoleAssignmentID(a.Scope, name), version: authorizationVersion, body: w,
	}, nil)
	if HasCode(err, "RoleAssignmentExists") {
		return false, nil
	}
	return status == http.StatusCreated, err
}

// DeleteRoleAssignment removes the role assignment with this ARM id; deleted is
// false if there was none.
func (c *Client) DeleteRoleAssignment(ctx context.Context, id string) (deleted bool, err error) {
	status, err := c.do(ctx, call{
		method: http.MethodDelete, path: id, version: authorizationVersion, accept: []int{http.StatusNotFound},
	}, nil)
	return status == http.StatusOK, err
}

// RoleDefinitions lists the roles that can be assigned at scope. The filter is
// Azure's, as "type eq 'BuiltInRole'"; empty for all.
func (c *Client) RoleDefinitions(ctx context.Context, scope, filter string) ([]rbac.RoleDefinition, error) {
	type wire struct {
		Name       string `json:"name"`
		Properties struct {
			RoleName         string            `json:"roleName"`
			Description      string            `json:"description"`
			Type             string            `json:"type"`
			Permissions      []rbac.Permission `json:"permissions"`
			AssignableScopes []string          `json:"assignableScopes"`
		} `json:"properties"`
	}
	found, err := list[wire](ctx, c, call{
		path: scope + authorizationPath + "roleDefinitions", version: authorizationVersion, query: filtered(filter),
	})
	roles := make([]rbac.RoleDefinition, 0, len(found))
	for _, w := range found {
		roles = append(roles, rbac.RoleDefinition{
			ID: strings.ToLower(w.Name), Name: w.Properties.RoleName, Description: w.Properties.Description,
			Type: w.Properties.Type, Permissions: w.Properties.Permissions, AssignableScopes: w.Properties.AssignableScopes,
		})
	}
	return roles, err
}

// DenyAssignments lists deny assignments at scope, with Azure's filter as for
// [Client.RoleAssignments].
func (c *Client) DenyAssignments(ctx context.Context, scope, filter string) ([]rbac.DenyAssignment, error) {
	type principal struct {
		ID   string `json:"id"`
		Type string `json:"type"`
	}
	type wire struct {
		ID         string `json:"id"`
		Properties struct {
			Name                    string            `json:"denyAssignmentName"`
			Permissions             []rbac.Permission `json:"permissions"`
			Scope                   string            `json:"scope"`
			DoNotApplyToChildScopes bool              `json:"doNotApplyToChildScopes"`
			Principals              []principal       `json:"principals"`
			ExcludePrincipals       []principal       `json:"excludePrincipals"`
			Condition               string            `json:"condition"`
			ConditionVersion        string            `json:"conditionVersion"`
		} `json:"properties"`
	}
	found, err := list[wire](ctx, c, call{
		path: scope + authorizationPath + "denyAssignments", version: authorizationVersion, query: filtered(filter),
	})
	split := func(of []principal) (ids, types []string) {
		for _, p := range of {
			ids, types = append(ids, p.ID), append(types, p.Type)
		}
		return ids, types
	}
	denies := make([]rbac.DenyAssignment, 0, len(found))
	for _, w := range found {
		p := w.Properties
		d := rbac.DenyAssignment{
			ID: w.ID, Name: p.Name, Permissions: p.Permissions, Scope: p.Scope,
			DoNotApplyToChildScopes: p.DoNotApplyToChildScopes,
			Condition:               p.Condition, ConditionVersion: p.ConditionVersion,
		}
		d.Principals, d.PrincipalTypes = split(p.Principals)
		d.ExcludePrincipals, d.ExcludePrincipalTypes = split(p.ExcludePrincipals)
		denies = append(denies, d)
	}
	return denies, err
}

func filtered(filter string) url.Values {
	if filter == "" {
		return nil
	}
	return url.Values{"$filter": {filter}}
}
