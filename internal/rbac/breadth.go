package rbac

import (
	"slices"
	"strings"
)

// A candidate is a role that a suggestion may give.
type candidate struct {
	role
	definition RoleDefinition
	// escalates says that the role may give roles away.
	escalates bool
	counted   bool
	granted   int
}

func newCandidate(d RoleDefinition) *candidate {
	c := &candidate{definition: d}
	c.role = role{definition: &c.definition, permissions: compilePermissions(d.Permissions)}
	c.escalates = c.grants(known{action: "microsoft.authorization/roleassignments/write"})
	return c
}

func (c *candidate) grants(k known) bool {
	return slices.ContainsFunc(c.permissions, func(p permission) bool {
		_, _, ok := p.grants(k.action, k.data)
		return ok
	})
}

// breadth counts the known actions that the role grants.
func (c *candidate) breadth(universe map[known]bool) int {
	if !c.counted {
		c.counted = true
		for k := range universe {
			if c.grants(k) {
				c.granted++
			}
		}
	}
	return c.granted
}

// known is an action that some role names, folded.
type known struct {
	action string
	data   bool
}

// universeOf is the set of actions that the roles name. A pattern stands for one
// action that only it and wider patterns match: it has "-" for each "*".
func universeOf(roles []RoleDefinition) map[known]bool {
	seen := map[known]bool{}
	for _, d := range roles {
		for _, p := range d.Permissions {
			for _, list := range [][]string{p.Actions, p.NotActions} {
				for _, pattern := range list {
					seen[known{fold(strings.ReplaceAll(pattern, "*", "-")), false}] = true
				}
			}
			for _, list := range [][]string{p.DataActions, p.NotDataActions} {
				for _, pattern := range list {
					seen[known{fold(strings.ReplaceAll(pattern, "*", "-")), true}] = true
				}
			}
		}
	}
	return seen
}

// candidate finds a role by its id among the candidates, then among the roles
// of the policy.
func (a *Advisor) candidate(id string) *candidate {
	for _, c := range a.candidates {
		if fold(c.definition.ID) == fold(id) {
			return c
		}
	}
	if r := a.policy.roles[fold(id)]; r != nil {
		return newCandidate(*r.definition)
	}
	return nil
}

// assignable reports whether a role may be assigned at a normalized scope.
// Built-in roles may be anywhere; they say so by "/" or by nothing.
//
// learn.microsoft.com/azure/role-based-access-control/role-definitions#assignablescopes
func (a *Advisor) assignable(d RoleDefinition, scope string) bool {
	if len(d.AssignableScopes) == 0 {
		return true
	}
	found := false
	a.policy.upwards(scope, func(above string) bool {
		found = slices.ContainsFunc(d.AssignableScopes, func(s string) bool { return NormalizeScope(s) == above })
		return !found
	})
	return found
}
