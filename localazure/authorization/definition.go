package authorization

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/kars-dev/kars/internal/rbac"
	"github.com/kars-dev/kars/localazure/action"
	"github.com/kars-dev/kars/localazure/arm"
	"github.com/kars-dev/kars/localazure/armid"
	"github.com/kars-dev/kars/localazure/resource"
	"github.com/kars-dev/kars/localazure/roledefinition"
	"github.com/kars-dev/kars/localazure/store"
)

func (p *Provider) definitions() arm.Type {
	return arm.Type{
		Name:          definitionType,
		APIVersions:   []string{"2022-04-01"},
		Extension:     true,
		AlwaysCreated: true,
		Preflight:     p.authorizeDefinition,
		Prepare:       p.prepareDefinition,
		Remove:        removeDefinition,
		List:          p.listDefinitions,
	}
}

// authorizeDefinition asks that the caller may write role definitions at every
// scope where the role is, or so far was, to be assigned, wherever the request
// addresses it: a role is one in the whole tenant, and who changes it changes
// what all its assignments allow;
// learn.microsoft.com/azure/role-based-access-control/custom-roles#who-can-create-delete-update-or-view-a-custom-role.
func (p *Provider) authorizeDefinition(ctx context.Context, w *arm.Write) error {
	sent, err := definition(w.New)
	if err != nil {
		return nil //nolint:nilerr // which prepareDefinition refuses
	}
	var was rbac.RoleDefinition
	err = p.service.Store.View(func(tx *store.Tx) (err error) {
		was, _, err = findDefinition(tx, bareID(w.ID.Name()))
		return err
	})
	if err != nil || was.Type == "BuiltInRole" {
		return err
	}
	for _, scope := range slices.Concat(sent.AssignableScopes, was.AssignableScopes) {
		need := action.Need{Action: definitionType + "/write", Scope: scope}
		if err := p.service.Authorize(ctx, w.Caller, need, nil); err != nil {
			return err
		}
	}
	return nil
}

// prepareDefinition applies the rules for custom roles;
// learn.microsoft.com/azure/role-based-access-control/custom-roles.
func (p *Provider) prepareDefinition(_ context.Context, w *arm.Write) error {
	if _, err := uuid.Parse(w.ID.Name()); err != nil {
		return arm.Errorf(http.StatusBadRequest, "InvalidRoleDefinitionId",
			"The role definition ID '%s' is not valid. The role definition ID must be a GUID.", w.ID.Name())
	}
	d, err := definition(w.New)
	if err != nil {
		return arm.Errorf(http.StatusBadRequest, "BadRequestFormat", "The request was incorrectly formatted: %v.", err)
	}
	switch {
	case d.Name == "":
		return arm.Errorf(http.StatusBadRequest, "RoleDefinitionNameMissing", "The role definition must have a name.")
	case len(d.AssignableScopes) == 0:
		return arm.Errorf(http.StatusBadRequest, "MissingAssignableScopes", "The role definition must have at least one assignable scope.")
	case slices.ContainsFunc(roledefinition.All(), func(b rbac.RoleDefinition) bool { return b.ID == bareID(w.ID.Name()) }):
		return arm.Errorf(http.StatusForbidden, "RoleDefinitionIsBuiltIn", "A built-in role definition cannot be changed.")
	}
	properties := resource.Properties(w.New)
	properties["type"] = "CustomRole"
	resource.Default(properties, "description", "")
	if err := uniqueName(w.Tx, w.ID, d.Name); err != nil {
		return err
	}
	return p.moveHere(w)
}

// moveHere takes away the role under the id of another scope, where it was
// written before.
func (p *Provider) moveHere(w *arm.Write) error {
	var elsewhere []string
	err := resource.OfType(w.Tx, "", definitionType, func(r resource.Resource) error {
		if bareID(r.ID.Name()) == bareID(w.ID.Name()) && !armid.Equal(r.ID.String(), w.ID.String()) {
			elsewhere = append(elsewhere, r.ID.String())
		}
		return nil
	})
	for _, id := range elsewhere {
		err = errors.Join(err, resource.DeleteWithin(w.Tx, id))
	}
	return err
}

func uniqueName(tx *store.Tx, id armid.ID, name string) error {
	clash := func(d rbac.RoleDefinition) error {
		if d.ID == bareID(id.Name()) || !strings.EqualFold(d.Name, name) {
			return nil
		}
		return arm.Errorf(http.StatusConflict, "RoleDefinitionWithSameNameExists",
			"A custom role with the same name already exists in this directory. Use a different name.")
	}
	return eachDefinition(tx, clash)
}

func removeDefinition(_ context.Context, w *arm.Write) error {
	unused := func(role string) error {
		if role != bareID(w.ID.Name()) {
			return nil
		}
		return arm.Errorf(http.StatusBadRequest, "RoleDefinitionHasAssignments",
			"There are existing role assignments referencing role (code: RoleDefinitionHasAssignments).")
	}
	err := resource.OfType(w.Tx, "", assignmentType, func(r resource.Resource) error {
		return unused(assignment(r.Tree).RoleDefinitionID)
	})
	if err != nil {
		return err
	}
	return eachSchedule(w.Tx, func(s schedule) error { return unused(s.RoleDefinitionID) })
}

func (p *Provider) getDefinition(_ context.Context, r *arm.Request) (*arm.Response, error) {
	var tree store.Tree
	err := p.service.Store.View(func(tx *store.Tx) error {
		d, found, err := findDefinition(tx, bareID(r.Params["name"]))
		if err != nil {
			return err
		}
		if !found {
			return arm.Errorf(http.StatusNotFound, "RoleDefinitionDoesNotExist",
				"The specified role definition with ID '%s' does not exist.", r.Params["name"])
		}
		tree = definitionTree(r.ID, d)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return arm.OK(tree), nil
}

func (p *Provider) listDefinitions(_ context.Context, r *arm.Request) (*arm.Response, error) {
	keep, err := definitionFilter(r.URL.Query().Get("$filter"))
	if err != nil {
		return nil, err
	}
	var trees []store.Tree
	err = p.service.Store.View(func(tx *store.Tx) error {
		return eachDefinition(tx, func(d rbac.RoleDefinition) error {
			if keep(d) {
				trees = append(trees, definitionTree(r.ID, d))
			}
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	page, err := arm.Paged(r, trees)
	if err != nil {
		return nil, err
	}
	return arm.OK(page), nil
}

// definitionFilter reads "roleName eq '…'", "type eq '…'" and
// "atScopeAndBelow()", joined by "and".
func definitionFilter(text string) (func(rbac.RoleDefinition) bool, error) {
	var name, kind string
	for _, term := range regexp.MustCompile(`(?i)\s+and\s+`).Split(strings.TrimSpace(text), -1) {
		m := regexp.MustCompile(`(?i)^(roleName|type)\s+eq\s+'([^']*)'$`).FindStringSubmatch(term)
		switch {
		case term == "" || strings.EqualFold(term, "atScopeAndBelow()"):
		case m == nil:
			return nil, arm.Errorf(http.StatusBadRequest, "UnsupportedFilter", "The filter '%s' is not supported.", text)
		case strings.EqualFold(m[1], "type"):
			kind = m[2]
		default:
			name = m[2]
		}
	}
	return func(d rbac.RoleDefinition) bool {
		return (name == "" || strings.EqualFold(d.Name, name)) && (kind == "" || strings.EqualFold(d.Type, kind))
	}, nil
}

func findDefinition(tx *store.Tx, id string) (found rbac.RoleDefinition, ok bool, err error) {
	err = eachDefinition(tx, func(d rbac.RoleDefinition) error {
		if d.ID == id {
			found, ok = d, true
		}
		return nil
	})
	return found, ok, err
}

// eachDefinition calls fn for the built-in roles and then the custom ones.
func eachDefinition(tx *store.Tx, fn func(rbac.RoleDefinition) error) error {
	for _, d := range roledefinition.All() {
		if err := fn(d); err != nil {
			return err
		}
	}
	return resource.OfType(tx, "", definitionType, func(r resource.Resource) error {
		d, err := definition(r.Tree)
		if err != nil {
			return fmt.Errorf("reading %s: %w", r.ID, err)
		}
		return fn(d)
	})
}

// definition reads a custom role's tree.
func definition(tree store.Tree) (rbac.RoleDefinition, error) {
	var v struct {
		Name       string
		Properties struct {
			RoleName, Description string
			Permissions           []rbac.Permission
			AssignableScopes      []string
		}
	}
	if err := decode(tree, &v); err != nil {
		return rbac.RoleDefinition{}, err
	}
	return rbac.RoleDefinition{
		ID: strings.ToLower(v.Name), Name: v.Properties.RoleName, Description: v.Properties.Description,
		Type: "CustomRole", Permissions: v.Properties.Permissions, AssignableScopes: v.Properties.AssignableScopes,
	}, nil
}

func definitionTree(asked armid.ID, d rbac.RoleDefinition) store.Tree {
	permissions := make([]rbac.Permission, len(d.Permissions))
	for i, p := range d.Permissions {
		permissions[i] = complete(p)
	}
	return store.Tree{
		"id": definitionID(asked, d.ID), "name": d.ID, "type": definitionType,
		"properties": store.Tree{
			"roleName": d.Name, "type": d.Type, "description": d.Description,
			"assignableScopes": d.AssignableScopes, "permissions": permissions,
		},
	}
}

// definitionID writes a role definition's id as seen from a subscription.
func definitionID(from armid.ID, id string) string {
	suffix := "/providers/" + definitionType + "/" + bareID(id)
	if from.Subscription == "" {
		return suffix
	}
	return "/subscriptions/" + from.Subscription + suffix
}
