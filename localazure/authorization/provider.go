package authorization

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"

	"github.com/kars-dev/kars/internal/rbac"
	"github.com/kars-dev/kars/localazure/arm"
	"github.com/kars-dev/kars/localazure/armid"
	"github.com/kars-dev/kars/localazure/directory"
	"github.com/kars-dev/kars/localazure/resource"
	"github.com/kars-dev/kars/localazure/store"
)

// Provider is Microsoft.Authorization.
type Provider struct {
	service    *arm.Service
	authorizer *Authorizer
	directory  *directory.Directory
}

// New returns the provider for a Resource Manager.
func New(s *arm.Service, a *Authorizer, d *directory.Directory) arm.Provider {
	p := &Provider{service: s, authorizer: a, directory: d}
	const scoped = "{scope...}/providers/Microsoft.Authorization/"
	return arm.Provider{
		Namespace: "Microsoft.Authorization",
		Types:     []arm.Type{p.assignments(), p.definitions(), p.eligibilityRequests(), p.assignmentRequests()},
		Routes: []arm.Route{
			{Method: http.MethodGet, Pattern: scoped + "permissions", Handle: p.permissions},
			{Method: http.MethodGet, Pattern: scoped + "denyAssignments", Handle: p.listDenies},
			{Method: http.MethodGet, Pattern: scoped + "roleDefinitions/{name}", Handle: p.getDefinition},
			{Method: http.MethodGet, Pattern: scoped + "roleEligibilityScheduleInstances", Open: true, Handle: p.listEligibilities},
			{Method: http.MethodGet, Pattern: scoped + "roleAssignmentScheduleInstances", Open: true, Handle: p.listActive},
		},
	}
}

// permissionSet is what the permissions list holds for each permission set of
// each role that the caller has;
// learn.microsoft.com/rest/api/authorization/permissions.
type permissionSet struct {
	rbac.Permission
	Condition        *string `json:"condition,omitempty"`
	ConditionVersion *string `json:"conditionVersion,omitempty"`
}

func (p *Provider) permissions(_ context.Context, r *arm.Request) (*arm.Response, error) {
	assigned, err := p.authorizer.Assigned(r.Caller, r.ID.Scope())
	if err != nil {
		return nil, err
	}
	sets := []permissionSet{}
	for _, a := range assigned {
		if a.Definition == nil {
			continue
		}
		for _, permission := range a.Definition.Permissions {
			set := permissionSet{Permission: complete(permission)}
			if a.Assignment.Condition != "" {
				set.Condition, set.ConditionVersion = &a.Assignment.Condition, &a.Assignment.ConditionVersion
			}
			sets = append(sets, set)
		}
	}
	page, err := arm.Paged(r, sets)
	if err != nil {
		return nil, err
	}
	return arm.OK(page), nil
}

// complete makes lists that Azure prints as [] so.
func complete(p rbac.Permission) rbac.Permission {
	for _, list := range []*[]string{&p.Actions, &p.NotActions, &p.DataActions, &p.NotDataActions} {
		if *list == nil {
			*list = []string{}
		}
	}
	return p
}

// listDenies lists the deny assignments at, above and below a scope, as the
// filter says. Azure lets nobody write them directly: deployment stacks do;
// learn.microsoft.com/azure/role-based-access-control/deny-assignments-rest.
func (p *Provider) listDenies(_ context.Context, r *arm.Request) (*arm.Response, error) {
	f, err := parseFilter(r.URL.Query().Get("$filter"))
	if err != nil {
		return nil, err
	}
	scope := r.ID.Scope()
	var trees []store.Tree
	err = p.service.Store.View(func(tx *store.Tx) error {
		return resource.OfType(tx, "", denyType, func(d resource.Resource) error {
			at := resource.Text(d.Tree, "properties", "scope")
			above, below := armid.Within(scope, at), armid.Within(at, scope)
			concerned, err := p.concerns(f, d.Tree)
			if err == nil && concerned && (above || below && !f.atScope) {
				trees = append(trees, d.Tree)
			}
			return err
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

// concerns says whether a deny assignment is about the principal that a filter
// names, through a group or because it is about everyone.
func (p *Provider) concerns(f filter, tree store.Tree) (bool, error) {
	principals := []string{f.principal + f.assignedTo, rbac.AllPrincipals}
	if f.assignedTo != "" {
		groups, err := p.directory.GroupsOf(f.assignedTo)
		if err != nil {
			return false, err
		}
		principals = append(principals, groups...)
	}
	d, err := deny(tree)
	return slices.ContainsFunc(d.Principals, func(id string) bool { return f.concerns(principals, id) }), err
}

// deny reads a stored deny assignment.
func deny(tree store.Tree) (rbac.DenyAssignment, error) {
	var v struct {
		ID         string
		Properties struct {
			DenyAssignmentName, Scope, Condition, ConditionVersion string
			Permissions                                            []rbac.Permission
			DoNotApplyToChildScopes                                bool
			Principals, ExcludePrincipals                          []struct{ ID string }
		}
	}
	if err := decode(tree, &v); err != nil {
		return rbac.DenyAssignment{}, err
	}
	d := rbac.DenyAssignment{
		ID: v.ID, Name: v.Properties.DenyAssignmentName, Permissions: v.Properties.Permissions, Scope: v.Properties.Scope,
		DoNotApplyToChildScopes: v.Properties.DoNotApplyToChildScopes,
		Condition:               v.Properties.Condition, ConditionVersion: v.Properties.ConditionVersion,
	}
	for _, p := range v.Properties.Principals {
		d.Principals = append(d.Principals, p.ID)
	}
	for _, p := range v.Properties.ExcludePrincipals {
		d.ExcludePrincipals = append(d.ExcludePrincipals, p.ID)
	}
	return d, nil
}

// decode reads a tree into a struct.
func decode(tree store.Tree, out any) error {
	raw, err := json.Marshal(tree)
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, out)
}
