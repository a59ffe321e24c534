package rbac

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

// A relation says how a deny assignment stands to a caller.
type relation int

const (
	notMeant relation = iota
	meant
	exempt // meant, and excluded by an id of its own or of a group
)

// relationTo takes folded ids.
func (c *denial) relationTo(principals []string) relation {
	found := notMeant
	if c.everyone {
		found = meant
	}
	for _, id := range principals {
		if c.excluded[id] {
			return exempt
		}
		if c.principals[id] {
			found = meant
		}
	}
	return found
}

// reaches reports whether a deny assignment that was found at a normalized
// scope on the way up has its say about the query's.
func (c *denial) reaches(scope string, q *query) bool {
	return !c.assignment.DoNotApplyToChildScopes || scope == q.scope
}

// A refusal is what a deny assignment takes away: surely when it is certain,
// and else under a condition of which something is missing.
type refusal struct {
	denial  *denial
	set     *permission
	by      string
	except  string // what spares the action; by takes nothing then
	certain bool
	missing string
}

// decideDenies returns what the deny assignments take away of the query, if
// one of them does or may do so.
func (p *Policy) decideDenies(q *query) (refusal, bool) {
	var found refusal
	if len(p.denies) == 0 {
		return found, false
	}
	p.upwards(q.scope, func(scope string) bool {
		for _, c := range p.denies[scope] {
			if !c.reaches(scope, q) || c.relationTo(q.principals) != meant {
				continue
			}
			if f, applies := c.decide(q); applies && (found.denial == nil || f.certain) {
				found = f
			}
		}
		return !found.certain
	})
	return found, found.denial != nil
}

// decide answers by the patterns and conditions of this deny assignment alone.
func (c *denial) decide(q *query) (refusal, bool) {
	found := refusal{denial: c}
	applies := false
	for i := range c.permissions {
		set := &c.permissions[i]
		by, except, ok := set.grants(q.action, q.request.Data)
		if !ok {
			if !applies && except != "" {
				found.by, found.except, found.set = by, except, set
			}
			continue
		}
		t, missing := both(&set.guard, &c.guard, &q.request)
		if t == False {
			if !applies {
				found.by, found.except, found.set = by, "", set
			}
			continue
		}
		found, applies = refusal{denial: c, set: set, by: by, certain: t == True, missing: missing}, true
		if found.certain {
			break
		}
	}
	return found, applies
}

func (f *refusal) decision() Decision {
	a := f.denial.assignment
	d := Decision{Verdict: Denied, Deny: a, Pattern: f.by, Reason: "the deny assignment " + a.Name + " at " + a.Scope + " takes away " + f.by}
	if !f.certain {
		d.Verdict = Unknown
		d.Reason += " under a condition that cannot be evaluated: " + f.missing
	}
	return d
}
