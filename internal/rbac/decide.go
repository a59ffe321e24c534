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
// before Denied, and a refusal that names its assignment before one that does
// not.
func closer(a, b Decision) bool {
	rank := func(d Decision) int {
		switch {
		case d.Verdict == Allowed:
			return 3
		case d.Verdict == Unknown:
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
	d := Decision{Verdict: Denied}
	for _, set := range g.role.permissions {
		by, except, ok := set.grants(action, r.Data)
		if ok {
			return g.conditional(r, by)
		}
		if except != "" {
			d.Assignment, d.Definition, d.Pattern = a, g.role.definition, except
			d.Reason = fmt.Sprintf("%s at %s leaves out %s", g.role.definition.Name, a.Scope, except)
		}
	}
	return d
}

// conditional answers for an assignment whose role grants the action by the
// pattern.
func (g *grant) conditional(_ Request, pattern string) Decision {
	a, role := g.assignment, g.role.definition
	d := Decision{Assignment: a, Definition: role, Pattern: pattern}
	if a.Condition == "" {
		d.Verdict = Allowed
		d.Reason = fmt.Sprintf("%s at %s grants %s", role.Name, a.Scope, pattern)
		return d
	}
	d.Verdict = Unknown
	d.Reason = fmt.Sprintf("the condition of %s at %s could not be evaluated", role.Name, a.Scope)
	return d
}
