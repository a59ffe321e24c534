package rbac

import "fmt"

// denial is a compiled DenyAssignment.
type denial struct {
	assignment  *DenyAssignment
	permissions []permission
	everyone    bool
	principals  map[string]bool
	excluded    map[string]bool
	guard       guard
}

func compileDenial(d DenyAssignment) *denial {
	c := &denial{
		assignment:  &d,
		permissions: compilePermissions(d.Permissions),
		principals:  make(map[string]bool, len(d.Principals)),
		excluded:    make(map[string]bool, len(d.ExcludePrincipals)),
		guard:       compileGuard(d.Condition, d.ConditionVersion),
	}
	for _, id := range d.Principals {
		c.everyone = c.everyone || id == AllPrincipals
		c.principals[fold(id)] = true
	}
	for _, id := range d.ExcludePrincipals {
		c.excluded[fold(id)] = true
	}
	return c
}

// appliesTo reports whether the caller is meant and not excluded.
func (c *denial) appliesTo(principals []string) bool {
	meant := c.everyone
	for _, id := range principals {
		id = fold(id)
		if c.excluded[id] {
			return false
		}
		meant = meant || c.principals[id]
	}
	return meant
}

// decideDenies returns the decision of the deny assignments, if one of them
// takes the action away or may do so.
func (p *Policy) decideDenies(principals []string, r Request, action string) (Decision, bool) {
	var found Decision
	var ok bool
	target := NormalizeScope(r.Scope)
	p.upwards(target, func(scope string) bool {
		for _, c := range p.denies[scope] {
			if c.assignment.DoNotApplyToChildScopes && scope != target {
				continue
			}
			d, applies := c.decide(principals, r, action)
			if applies && (!ok || d.Verdict == Denied) {
				found, ok = d, true
			}
		}
		return !ok || found.Verdict != Denied
	})
	return found, ok
}

// decide answers by this deny assignment alone: Denied, or Unknown when it
// hangs on a condition that cannot be evaluated.
func (c *denial) decide(principals []string, r Request, action string) (Decision, bool) {
	if !c.appliesTo(principals) {
		return Decision{}, false
	}
	name := fmt.Sprintf("the deny assignment %s at %s", c.assignment.Name, c.assignment.Scope)
	var open Decision
	for _, set := range c.permissions {
		by, _, ok := set.grants(action, r.Data)
		if !ok {
			continue
		}
		switch t, why := both(set.guard, c.guard, r); t {
		case True:
			return Decision{Verdict: Denied, Deny: c.assignment, Pattern: by, Reason: name + " takes away " + by}, true
		case UnknownTruth:
			open = Decision{Deny: c.assignment, Pattern: by, Reason: name + " takes away " + by + " under a condition that cannot be evaluated: " + why}
		}
	}
	return open, open.Deny != nil
}
