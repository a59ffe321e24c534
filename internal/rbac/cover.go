package rbac

import (
	"cmp"
	"slices"
)

// cover picks from the options until everything is allowed that they can
// allow: each time the one that allows most of what is left.
func (s *search) cover(options []option) []Suggestion {
	var out []Suggestion
	left := slices.Clone(s.open)
	for len(options) > 0 {
		best := s.best(options, left)
		if gain(best, left) == 0 {
			break
		}
		left = slices.DeleteFunc(left, func(i int) bool { return slices.Contains(best.Flips, i) })
		if g := best.Suggestion; s.holds(g) {
			g.Besides = best.breadth(s.universe) - s.named(g.Flips)
			out = append(out, g)
		}
	}
	return out
}

// best is the option that allows most of what is left; of several the one at
// the narrowest scope, and of these that which grants least.
func (s *search) best(options []option, left []int) option {
	first := slices.MinFunc(options, func(a, b option) int { return compareOptions(a, b, left) })
	alike := slices.DeleteFunc(slices.Clone(options), func(o option) bool { return compareOptions(first, o, left) != 0 })
	return slices.MinFunc(alike, func(a, b option) int {
		return cmp.Or(
			cmp.Compare(a.breadth(s.universe), b.breadth(s.universe)),
			cmp.Compare(a.Role.Name, b.Role.Name),
			cmp.Compare(a.Assignment.Scope, b.Assignment.Scope),
		)
	})
}

// gain counts how much of what is left an option allows.
func gain(o option, left []int) int {
	n := 0
	for _, i := range o.Flips {
		if slices.Contains(left, i) {
			n++
		}
	}
	return n
}

// compareOptions puts the option first that allows more of what is left, a role
// that gives no roles away before one that does.
func compareOptions(a, b option, left []int) int {
	ga, gb := gain(a, left), gain(b, left)
	rank := func(o option, gain int) int {
		switch {
		case gain == 0:
			return 2
		case o.escalates:
			return 1
		}
		return 0
	}
	return cmp.Or(cmp.Compare(rank(a, ga), rank(b, gb)), cmp.Compare(gb, ga), cmp.Compare(b.depth, a.depth))
}

// holds tries the suggestion: it reports whether the policy with its
// assignment added allows every request of its Flips.
func (s *search) holds(g Suggestion) bool {
	with := s.policy.with(g.Role, g.Assignment)
	return !slices.ContainsFunc(g.Flips, func(i int) bool {
		return with.Decide(s.principals, s.requests[i]).Verdict != Allowed
	})
}

// named counts the actions of the requests that the candidate roles name.
func (s *search) named(indices []int) int {
	seen := map[known]bool{}
	for _, i := range indices {
		if k := (known{fold(s.requests[i].Action), s.requests[i].Data}); s.universe.has(k) {
			seen[k] = true
		}
	}
	return len(seen)
}

// customs are the custom roles with exactly the actions: one at the narrowest
// scope that reaches all of the requests, or else several at the narrowest
// that reach each.
//
// A custom role with data actions cannot be assigned at a management group:
// learn.microsoft.com/azure/role-based-access-control/custom-roles#custom-role-limits
func (s *search) customs() []Suggestion {
	reaches := func(scope string, i int) bool {
		if scope == Root || !slices.Contains(s.reaching[i], scope) {
			return false
		}
		at, err := ParseScope(scope)
		return !s.requests[i].Data || err == nil && at.Kind != ManagementGroupScope
	}
	groups := map[string][]int{}
	common := slices.IndexFunc(s.scopes, func(scope string) bool {
		return !slices.ContainsFunc(s.open, func(i int) bool { return !reaches(scope, i) })
	})
	for _, i := range s.open {
		at := common
		if at < 0 {
			at = slices.IndexFunc(s.scopes, func(scope string) bool { return reaches(scope, i) })
		}
		if at >= 0 {
			groups[s.scopes[at]] = append(groups[s.scopes[at]], i)
		}
	}
	var out []Suggestion
	for _, scope := range s.scopes {
		if flips := groups[scope]; len(flips) > 0 {
			if g := s.custom(scope, flips); s.holds(g) {
				out = append(out, g)
			}
		}
	}
	return out
}

// custom is the custom role for the requests at a scope.
func (s *search) custom(scope string, flips []int) Suggestion {
	var p Permission
	for _, i := range flips {
		list := &p.Actions
		if s.requests[i].Data {
			list = &p.DataActions
		}
		action := s.requests[i].Action
		if !slices.ContainsFunc(*list, func(a string) bool { return fold(a) == fold(action) }) {
			*list = append(*list, action)
		}
	}
	slices.Sort(p.Actions)
	slices.Sort(p.DataActions)
	written := s.written[scope]
	return Suggestion{
		Kind:       Custom,
		Role:       RoleDefinition{Type: "CustomRole", Permissions: []Permission{p}, AssignableScopes: []string{written}},
		Assignment: Assignment{PrincipalID: s.principals[0], Scope: written},
		Flips:      flips,
	}
}
