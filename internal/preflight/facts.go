package preflight

import (
	"strings"

	"github.com/kars-dev/kars/internal/azure/graph"
	"github.com/kars-dev/kars/internal/rbac"
)

// A fact is something read from Azure, or why it could not be read.
type fact[T any] struct {
	value T
	err   error
}

// group is the plan's resource group as it is now.
type group struct {
	exists   bool
	location string
}

// standing is what the caller is in the directory.
type standing struct {
	roles       []graph.Role
	permissions []string // of an application by itself, in Graph
}

// facts are all that deciding looks at.
type facts struct {
	group fact[group]
	// permissions of the caller by the scope they were asked for: the
	// subscription, the group if it exists, and resources that exist and where
	// those of the group did not suffice.
	permissions map[string]fact[[]rbac.Permission]
	// assignments are those that apply to the caller at the group, or at the
	// subscription while there is no group.
	assignments fact[[]rbac.Assignment]
	// denies are the deny assignments there.
	denies fact[[]rbac.DenyAssignment]
	// definitions are of the subscription's roles; read only when an assignment
	// has a condition.
	definitions fact[[]rbac.RoleDefinition]
	// registrations are the states of resource providers by namespace in lower
	// case.
	registrations fact[map[string]string]
	directory     fact[standing]
}

// holdings returns what the caller holds at each scope that was asked for and
// contains this one, the narrowest first.
func (f facts) holdings(scope string) []holding {
	var out []holding
	for asked, p := range f.permissions {
		if rbac.Contains(asked, scope) {
			out = append(out, holding{scope: asked, fact: p})
		}
	}
	sortNarrowestFirst(out)
	return out
}

type holding struct {
	scope string
	fact[[]rbac.Permission]
}

// conditioned reports whether a role of the caller hangs on a condition.
func (f facts) conditioned() bool {
	for _, a := range f.assignments.value {
		if a.Condition != "" {
			return true
		}
	}
	return false
}

// registration returns the state of a resource provider.
func (f facts) registration(namespace string) string {
	state := f.registrations.value[strings.ToLower(namespace)]
	if state == "" {
		return "NotRegistered"
	}
	return state
}
