// Package authorization is the local Azure's Microsoft.Authorization: role
// definitions, role assignments, permissions and deny assignments, and the
// [Authorizer] that decides by them for every plane.
package authorization

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kars-dev/kars/internal/rbac"
	"github.com/kars-dev/kars/localazure/armid"
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
// store. What it compiled is kept until one of them changes, or begins or ends.
type Authorizer struct {
	store     *store.Store
	directory *directory.Directory
	now       func() time.Time

	mu       sync.Mutex
	revision uint64
	policy   *rbac.Policy
	due      time.Time // when an assignment next begins or ends; zero: never
}

// NewAuthorizer returns an authorizer that reads the time from now.
func NewAuthorizer(st *store.Store, d *directory.Directory, now func() time.Time) *Authorizer {
	return &Authorizer{store: st, directory: d, now: now}
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

// HoldsRole says whether the caller has any role at a scope, above or below it.
func (a *Authorizer) HoldsRole(c entra.Claims, scope string) (holds bool, err error) {
	principals, err := a.principals(c.ObjectID)
	if err != nil {
		return false, err
	}
	err = a.store.View(func(tx *store.Tx) error {
		return resource.OfType(tx, "", assignmentType, func(r resource.Resource) error {
			of := assignment(r.Tree)
			mine := slices.ContainsFunc(principals, func(id string) bool { return strings.EqualFold(id, of.PrincipalID) })
			holds = holds || mine && (armid.Within(scope, of.Scope) || armid.Within(of.Scope, scope))
			return nil
		})
	})
	return holds, err
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
	err := a.refresh()
	if err == nil && a.isDue() {
		if err = a.store.Update(func(tx *store.Tx) error { return settle(tx, a.now()) }); err == nil {
			err = a.refresh()
		}
	}
	if err != nil {
		return nil, fmt.Errorf("reading role assignments: %w", err)
	}
	return a.policy, nil
}

// Settle lets role assignments begin and end whose time has come. Deciding
// does it by itself; who reads them without having asked for a decision calls
// it first.
func (a *Authorizer) Settle() error {
	_, err := a.current()
	return err
}

// isDue says whether an assignment is to begin or end.
func (a *Authorizer) isDue() bool { return !a.due.IsZero() && !a.now().Before(a.due) }

// refresh compiles the policy again if what it was compiled from has changed.
func (a *Authorizer) refresh() error {
	return a.store.View(func(tx *store.Tx) error {
		revision, err := resource.AccessRevision(tx)
		if err != nil || a.policy != nil && revision == a.revision {
			return err
		}
		input, due, err := read(tx)
		if err != nil {
			return err
		}
		a.policy, a.revision, a.due = rbac.Compile(input), revision, due
		return nil
	})
}

// read reads what decides, and when that next changes by itself; never is zero.
func read(tx *store.Tx) (in rbac.Input, due time.Time, err error) {
	in.Definitions = roledefinition.All()
	err = resource.Each(tx, "", func(r resource.Resource) error {
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
		case isSchedule(r.ID.Type()):
			var s schedule
			if err := decode(r.Tree, &s); err != nil {
				return err
			}
			due = earliest(due, s.due())
		}
		return nil
	})
	return in, due, err
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
