// Package authorization is the local Azure's Microsoft.Authorization: role
// definitions, role assignments, permissions and deny assignments, and the
// [Authorizer] that decides by them for every plane.
package authorization

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/kars-dev/kars/internal/rbac"
	"github.com/kars-dev/kars/localazure/directory"
	"github.com/kars-dev/kars/localazure/entra"
	"github.com/kars-dev/kars/localazure/resource"
	"github.com/kars-dev/kars/localazure/roledefinition"
	"github.com/kars-dev/kars/localazure/store"
)

// Resource types of this provider.
const (
	assignmentType = "Microsoft.Authorization/roleAssignments"
	definitionType = "Microsoft.Authorization/roleDefinitions"
	denyType       = "Microsoft.Authorization/denyAssignments"
)

// Authorizer decides what callers may do, from the role assignments in the
// store. What it compiled is kept until one of them changes.
type Authorizer struct {
	store     *store.Store
	directory *directory.Directory

	mu       sync.Mutex
	revision uint64
	policy   *rbac.Policy
}

// NewAuthorizer returns an authorizer.
func NewAuthorizer(st *store.Store, d *directory.Directory) *Authorizer {
	return &Authorizer{store: st, directory: d}
}

// Authorize decides whether the caller, itself or through its groups, may do
// what r says.
func (a *Authorizer) Authorize(_ context.Context, c entra.Claims, r rbac.Request) (rbac.Decision, error) {
	principals, err := a.principals(c.ObjectID)
	if err != nil {
		return rbac.Decision{}, err
	}
	policy, err := a.current()
	if err != nil {
		return rbac.Decision{}, err
	}
	return policy.Decide(principals, r), nil
}

// Assigned returns the role assignments that apply to the caller at a scope.
func (a *Authorizer) Assigned(c entra.Claims, scope string) ([]rbac.Assigned, error) {
	principals, err := a.principals(c.ObjectID)
	if err != nil {
		return nil, err
	}
	policy, err := a.current()
	if err != nil {
		return nil, err
	}
	return policy.Assigned(principals, scope), nil
}

func (a *Authorizer) principals(objectID string) ([]string, error) {
	groups, err := a.directory.GroupsOf(objectID)
	if err != nil {
		return nil, fmt.Errorf("reading the groups of %s: %w", objectID, err)
	}
	return append([]string{objectID}, groups...), nil
}

// current returns the policy for the assignments as they are now.
func (a *Authorizer) current() (*rbac.Policy, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	err := a.store.View(func(tx *store.Tx) error {
		revision, err := resource.AccessRevision(tx)
		if err != nil || a.policy != nil && revision == a.revision {
			return err
		}
		input, err := read(tx)
		if err != nil {
			return err
		}
		a.policy, a.revision = rbac.Compile(input), revision
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading role assignments: %w", err)
	}
	return a.policy, nil
}

func read(tx *store.Tx) (rbac.Input, error) {
	in := rbac.Input{Definitions: roledefinition.All()}
	err := resource.Each(tx, "", func(r resource.Resource) error {
		switch {
		case strings.EqualFold(r.ID.Type(), assignmentType):
			in.Assignments = append(in.Assignments, assignment(r.Tree))
		case strings.EqualFold(r.ID.Type(), definitionType):
			d, err := definition(r.Tree)
			if err != nil {
				return err
			}
			in.Definitions = append(in.Definitions, d)
		case strings.EqualFold(r.ID.Type(), denyType):
			d, err := deny(r.Tree)
			if err != nil {
				return err
			}
			in.Denies = append(in.Denies, d)
		}
		return nil
	})
	return in, err
}

func assignment(tree store.Tree) rbac.Assignment {
	p := resource.Properties(tree)
	return rbac.Assignment{
		ID:               resource.Text(tree, "id"),
		PrincipalID:      resource.Text(p, "principalId"),
		PrincipalType:    resource.Text(p, "principalType"),
		RoleDefinitionID: bareID(resource.Text(p, "roleDefinitionId")),
		Scope:            resource.Text(p, "scope"),
		Condition:        resource.Text(p, "condition"),
		ConditionVersion: resource.Text(p, "conditionVersion"),
	}
}

// bareID returns the GUID at the end of an id.
func bareID(id string) string {
	return strings.ToLower(id[strings.LastIndex(id, "/")+1:])
}
