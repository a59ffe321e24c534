package rbac

import "fmt"

// denial is a compiled DenyAssignment.
type denial struct {
	assignment  *DenyAssignment
	permissions []permission
	everyone    bool
	principals  map[string]bool
	excluded    map[string]bool
}

func compileDenial(d DenyAssignment) *denial {
	c := &denial{
		assignment:  &d,
		permissions: compilePermissions(d.Permissions),
		principals:  make(map[string]bool, len(d.Principals)),
		excluded:    make(map[string]bool, len(d.ExcludePrincipals)),
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

// decide answers by this deny assignment alone.
func (c *denial) decide(principals []string, r Request, action string) (Decision, bool) {
	if !c.appliesTo(principals) {
		return Decision{}, false
	}
	for _, set := range c.permissions {
		by, _, ok := set.grants(action, r.Data)
		if !ok {
			continue
		}
		d := Decision{Verdict: Denied, Deny: c.assignment, Pattern: by}
		d.Reason = fmt.Sprintf("the deny assignment %s at %s takes away %s", c.assignment.Name, c.assignment.Scope, by)
		if c.assignment.Condition != "" {
			d.Verdict = Unknown
			d.Reason = fmt.Sprintf("the condition of the deny assignment %s at %s could not be evaluated", c.assignment.Name, c.assignment.Scope)
		}
		return d, true
	}
	return Decision{}, false
}
