package rbac

import (
	"slices"
	"strings"
)

// A candidate is a role that a suggestion may give.
type candidate struct {
	role
	definition RoleDefinition
	escalates  bool // it may give roles away
	counted    bool // granted is known
	granted    int
}

func newCandidate(d RoleDefinition) *candidate {
	c := &candidate{definition: d}
	c.role = role{definition: &c.definition, permissions: compilePermissions(d.Permissions)}
	c.escalates = slices.ContainsFunc(c.permissions, func(p permission) bool {
		_, _, ok := p.grants("microsoft.authorization/roleassignments/write", false)
		return ok
	})
	return c
}

// breadth counts the actions of the universe that the role grants.
func (c *candidate) breadth(u *universe) int {
	if !c.counted {
		c.counted = true
		c.granted = u.control.count(c.definition, false) + u.data.count(c.definition, true)
	}
	return c.granted
}

// known is an action that some role names, folded.
type known struct {
	action string
	data   bool
}

// A universe is the set of actions that roles name. A pattern stands for one
// action that only it and wider patterns match: it has "-" for each "*".
type universe struct{ control, data names }

func newUniverse(roles []RoleDefinition) *universe {
	var u universe
	for _, d := range roles {
		for _, p := range d.Permissions {
			u.control.add(p.Actions, p.NotActions)
			u.data.add(p.DataActions, p.NotDataActions)
		}
	}
	u.control.sort()
	u.data.sort()
	return &u
}

func (u *universe) has(k known) bool {
	in := u.control
	if k.data {
		in = u.data
	}
	_, found := slices.BinarySearch(in, k.action)
	return found
}

// names are folded and, once made, sorted.
type names []string

func (n *names) add(lists ...[]string) {
	for _, list := range lists {
		for _, pattern := range list {
			*n = append(*n, fold(strings.ReplaceAll(pattern, "*", "-")))
		}
	}
}

func (n *names) sort() {
	slices.Sort(*n)
	*n = slices.Compact(*n)
}

// count counts the names that a role grants.
func (n names) count(d RoleDefinition, data bool) int {
	granted := make([]bool, len(n))
	for _, p := range d.Permissions {
		allow, not := p.Actions, p.NotActions
		if data {
			allow, not = p.DataActions, p.NotDataActions
		}
		if len(allow) == 0 {
			continue
		}
		set := make([]bool, len(n))
		n.mark(set, allow, true)
		n.mark(set, not, false)
		for i, yes := range set {
			granted[i] = granted[i] || yes
		}
	}
	total := 0
	for _, yes := range granted {
		if yes {
			total++
		}
	}
	return total
}

// mark sets what the patterns match. Only names that begin with the text before
// the first "*" are looked at.
func (n names) mark(set []bool, patterns []string, to bool) {
	for _, pattern := range patterns {
		pattern = fold(pattern)
		head, _, _ := strings.Cut(pattern, "*")
		from, _ := slices.BinarySearch(n, head)
		for i := from; i < len(n) && strings.HasPrefix(n[i], head); i++ {
			if matchFolded(pattern, n[i]) {
				set[i] = to
			}
		}
	}
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
