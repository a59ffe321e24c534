package authorization

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/kars-dev/kars/localazure/arm"
	"github.com/kars-dev/kars/localazure/armid"
	"github.com/kars-dev/kars/localazure/resource"
	"github.com/kars-dev/kars/localazure/store"
)

func (p *Provider) assignments() arm.Type {
	return arm.Type{
		Name:        assignmentType,
		APIVersions: []string{"2022-04-01"},
		Extension:   true,
		Prepare:     p.prepareAssignment,
		Remove:      removeAssignment,
		List:        p.listAssignments,
		Attributes:  assignmentAttributes,
	}
}

// assignmentAttributes are what a condition on role assignments may ask about:
// @Request for what is sent, @Resource for what is stored;
// learn.microsoft.com/azure/role-based-access-control/conditions-authorization-actions-attributes.
func assignmentAttributes(stored, sent store.Tree) map[string]any {
	attributes := map[string]any{}
	for source, tree := range map[string]store.Tree{"@Request": sent, "@Resource": stored} {
		if tree == nil {
			continue
		}
		const kind = "[Microsoft.Authorization/roleAssignments:"
		attributes[source+kind+"RoleDefinitionId]"] = bareID(resource.Text(tree, "properties", "roleDefinitionId"))
		attributes[source+kind+"PrincipalId]"] = resource.Text(tree, "properties", "principalId")
		attributes[source+kind+"PrincipalType]"] = resource.Text(tree, "properties", "principalType")
	}
	return attributes
}

// prepareAssignment applies the rules for role assignments;
// learn.microsoft.com/azure/role-based-access-control/troubleshooting.
func (p *Provider) prepareAssignment(_ context.Context, w *arm.Write) error {
	if _, err := uuid.Parse(w.ID.Name()); err != nil {
		return arm.Errorf(http.StatusBadRequest, "InvalidRoleAssignmentId",
			"The role assignment ID '%s' is not valid. The role assignment ID must be a GUID.", w.ID.Name())
	}
	properties := resource.Properties(w.New)
	principal, role := resource.Text(properties, "principalId"), resource.Text(properties, "roleDefinitionId")
	if principal == "" || role == "" {
		return arm.Errorf(http.StatusBadRequest, "BadRequestFormat",
			"The request was incorrectly formatted: 'principalId' and 'roleDefinitionId' are required.")
	}
	scope := w.ID.Parent().String()
	if err := p.knownRole(w.Tx, role); err != nil {
		return err
	}
	if err := p.knownPrincipal(w.Tx, properties, principal); err != nil {
		return err
	}
	if err := checkCondition(properties); err != nil {
		return err
	}
	if err := unique(w, scope, principal, role); err != nil {
		return err
	}
	complement(w, properties, scope, p.service.Now())
	return nil
}

func (p *Provider) knownRole(tx *store.Tx, role string) error {
	_, found, err := findDefinition(tx, bareID(role))
	if err != nil || found {
		return err
	}
	return arm.Errorf(http.StatusBadRequest, "RoleDefinitionDoesNotExist",
		"The specified role definition with ID '%s' does not exist.", bareID(role))
}

func (p *Provider) knownPrincipal(tx *store.Tx, properties store.Tree, id string) error {
	principal, found, err := p.directory.In(tx).Principal(id)
	if err != nil {
		return err
	}
	if !found {
		return arm.Errorf(http.StatusBadRequest, "PrincipalNotFound",
			"Principal %s does not exist in the directory %s. Check that you have the correct principal ID. If you are creating this principal and then immediately assigning a role, this error might be related to a replication delay. In this case, set the role assignment principalType property to a value, such as ServicePrincipal, User, or Group.  See https://aka.ms/docs-principaltype",
			strings.ReplaceAll(id, "-", ""), p.directory.TenantID())
	}
	said := resource.Text(properties, "principalType")
	if said != "" && !strings.EqualFold(said, principal.Type) {
		// The misspelling is Azure's own.
		return arm.Errorf(http.StatusBadRequest, "UnmatchedPrincipalType",
			"The PrincipalId '%s' has type '%s' , which is different from specified PrinciaplType '%s'.",
			strings.ReplaceAll(id, "-", ""), principal.Type, said)
	}
	properties["principalType"] = principal.Type
	return nil
}

// unique refuses a second assignment of a role to a principal at a scope, and
// changes of what an assignment is about.
func unique(w *arm.Write, scope, principal, role string) error {
	if w.Old != nil {
		was := resource.Properties(w.Old)
		if !strings.EqualFold(resource.Text(was, "principalId"), principal) || bareID(resource.Text(was, "roleDefinitionId")) != bareID(role) {
			return arm.Errorf(http.StatusBadRequest, "RoleAssignmentUpdateNotPermitted",
				"Tenant ID, application ID, principal ID, and scope are not allowed to be updated.")
		}
		return nil
	}
	return resource.OfType(w.Tx, scope, assignmentType, func(r resource.Resource) error {
		a := assignment(r.Tree)
		if !armid.Equal(a.Scope, scope) || !strings.EqualFold(a.PrincipalID, principal) || a.RoleDefinitionID != bareID(role) {
			return nil
		}
		return arm.Errorf(http.StatusConflict, "RoleAssignmentExists",
			"The role assignment already exists. The ID of the existing role assignment is %s.", strings.ReplaceAll(r.ID.Name(), "-", ""))
	})
}

func complement(w *arm.Write, properties store.Tree, scope string, now time.Time) {
	stamp := now.UTC().Format("2006-01-02T15:04:05.0000000Z")
	properties["scope"] = scope
	properties["roleDefinitionId"] = definitionID(w.ID, resource.Text(properties, "roleDefinitionId"))
	properties["createdOn"], properties["createdBy"] = stamp, w.Caller.ObjectID
	if w.Old != nil {
		was := resource.Properties(w.Old)
		properties["createdOn"], properties["createdBy"] = was["createdOn"], was["createdBy"]
	}
	properties["updatedOn"], properties["updatedBy"] = stamp, w.Caller.ObjectID
	for _, key := range []string{"condition", "conditionVersion", "delegatedManagedIdentityResourceId", "description"} {
		resource.Default(properties, key, nil)
	}
}

// listAssignments lists what applies at a scope: the assignments at, above and
// below it, as the filter says;
// learn.microsoft.com/azure/role-based-access-control/role-assignments-list-rest.
func (p *Provider) listAssignments(_ context.Context, r *arm.Request) (*arm.Response, error) {
	f, err := parseFilter(r.URL.Query().Get("$filter"))
	if err != nil {
		return nil, err
	}
	principals := []string{f.principal}
	if f.assignedTo != "" {
		groups, err := p.directory.GroupsOf(f.assignedTo)
		if err != nil {
			return nil, err
		}
		principals = append([]string{f.assignedTo}, groups...)
	}
	scope := r.ID.Scope()
	var trees []store.Tree
	err = p.service.Store.View(func(tx *store.Tx) error {
		return resource.OfType(tx, "", assignmentType, func(found resource.Resource) error {
			a := assignment(found.Tree)
			above := a.Scope == "/" || armid.Within(scope, a.Scope)
			below := !f.atScope && armid.Within(a.Scope, scope)
			if (above || below) && f.concerns(principals, a.PrincipalID) {
				trees = append(trees, found.Tree)
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
