package rbac

import "fmt"

// Decide answers a request of a caller, who is given as the ids of all that
// the caller is: its own object id and those of its groups, nested ones too.
// A deny assignment wins over every role assignment.
func (p *Policy) Decide(principals []string, r Request) Decision {
	action := fold(r.Action)
	d := p.decideGrants(principals, r, action)
	if d.Verdict == Denied {
		return d
	}
	if denied, ok := p.decideDenies(principals, r, action); ok {
		denied.Assignment, denied.Definition = d.Assignment, d.Definition
		return denied
	}
	return d
}

// decideGrants answers by role assignments alone.
func (p *Policy) decideGrants(principals []string, r Request, action string) Decision {
	best := Decision{
		Verdict: Denied,
		Reason:  fmt.Sprintf("no role assignment grants %s at %s", r.Action, r.Scope),
	}
	p.eachGrant(principals, r.Scope, func(g *grant) bool {
		d := g.decide(r, action)
		if closer(d, best) {
			best = d
		}
		return best.Verdict != Allowed
	})
	return best
}

// closer reports whether a says more than b: Allowed goes before Unknown, that
// before Denied; a refusal by a condition before one by NotActions, and that
// before one that names no assignment.
func closer(a, b Decision) bool {
	rank := func(d Decision) int {
		switch {
		case d.Verdict == Allowed:
			return 4
		case d.Verdict == Unknown:
			return 3
		case d.Conditional:
			return 2
		case d.Assignment != nil:
			return 1
		}
		return 0
	}
	return rank(a) > rank(b)
}

// decide answers by this assignment alone.
func (g *grant) decide(r Request, action string) Decision {
	a := g.assignment
	if g.role == nil {
		return Decision{
			Verdict:    Unknown,
			Assignment: a,
			Reason:     fmt.Sprintf("the role definition %s assigned at %s is not known", a.RoleDefinitionID, a.Scope),
		}
	}
	best := Decision{Verdict: Denied}
	for _, set := range g.role.permissions {
		by, except, ok := set.grants(action, r.Data)
		var d Decision
		switch {
		case ok:
			d = g.guarded(r, set.guard, by)
		case except != "":
			d = g.decision(Denied, except, fmt.Sprintf("%s leaves out %s", g, except))
		default:
			continue
		}
		if closer(d, best) {
			best = d
		}
	}
	return best
}

// guarded answers for a permission set that grants the action by the pattern,
// if the conditions of the set and of the assignment hold.
func (g *grant) guarded(r Request, set guard, pattern string) Decision {
	t, why := both(set, g.guard, r)
	if t == True {
		return g.decision(Allowed, pattern, fmt.Sprintf("%s grants %s", g, pattern))
	}
	d := g.decision(Denied, pattern, fmt.Sprintf("%s grants %s, but its condition does not hold", g, pattern))
	if t == UnknownTruth {
		d = g.decision(Unknown, pattern, fmt.Sprintf("%s grants %s under a condition that cannot be evaluated: %s", g, pattern, why))
	}
	d.Conditional = true
	return d
}

func (g *grant) decision(v Verdict, pattern, reason string) Decision {
	return Decision{Verdict: v, Assignment: g.assignment, Definition: g.role.definition, Pattern: pattern, Reason: reason}
}

// String names the assignment by its role and scope.
func (g *grant) String() string {
	return g.role.definition.Name + " at " + g.assignment.Scope
}
