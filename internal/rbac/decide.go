package rbac

// Decide answers a request of a caller, who is given as the ids of all that
// the caller is: its own object id and those of its groups, nested ones too.
// A deny assignment wins over every role assignment.
func (p *Policy) Decide(principals []string, r Request) Decision {
	q := newQuery(principals, r)
	granted := p.decideGrants(&q)
	if granted.verdict != Denied {
		if denied, ok := p.decideDenies(&q); ok {
			d := denied.decision()
			if g := granted.grant; g != nil {
				d.Assignment, d.Definition = g.assignment, g.definition()
			}
			return d
		}
	}
	return granted.decision(r)
}

// A query is a request and its caller as they are looked up.
type query struct {
	request    Request
	principals []string // folded
	action     string   // folded
	scope      string   // normalized
}

func newQuery(principals []string, r Request) query {
	action, scope := foldBoth(r.Action, r.Scope)
	return query{request: r, principals: foldAll(principals), action: action, scope: NormalizeScope(scope)}
}

// An outcome is what one role assignment, or all of them, say to a query. Its
// sentence is only made when somebody is told.
type outcome struct {
	verdict Verdict
	grant   *grant // nil: no assignment says anything
	// by is the pattern that grants, except the one that takes it away again.
	by, except string
	// conditional says that by grants and a condition stands before it, which
	// is of set when it is not of the assignment; missing is why it is unknown.
	conditional bool
	set         *permission
	missing     string
}

// decideGrants answers by role assignments alone.
func (p *Policy) decideGrants(q *query) outcome {
	best := outcome{verdict: Denied}
	p.eachGrant(q.principals, q.scope, func(g *grant) bool {
		if o := g.decide(q); o.rank() > best.rank() {
			best = o
		}
		return best.verdict != Allowed
	})
	return best
}

// rank says how much an outcome says: Allowed goes before Unknown, that before
// Denied; a refusal by a condition before one by NotActions, and that before
// one that names no pattern.
func (o *outcome) rank() int {
	switch {
	case o.verdict == Allowed:
		return 4
	case o.verdict == Unknown:
		return 3
	case o.conditional:
		return 2
	case o.except != "":
		return 1
	}
	return 0
}

// decide answers by this assignment alone.
func (g *grant) decide(q *query) outcome {
	best := outcome{verdict: Denied, grant: g}
	if g.role == nil {
		best.verdict = Unknown
		return best
	}
	for i := range g.role.permissions {
		set := &g.role.permissions[i]
		by, except, ok := set.grants(q.action, q.request.Data)
		o := outcome{verdict: Denied, grant: g, by: by, except: except, set: set}
		if ok {
			o.guarded(q)
		}
		if o.rank() > best.rank() {
			best = o
		}
		if best.verdict == Allowed {
			break
		}
	}
	return best
}

// guarded completes the outcome of a permission set that grants the action by
// the conditions of the set and of the assignment.
func (o *outcome) guarded(q *query) {
	t, missing := both(&o.set.guard, &o.grant.guard, &q.request)
	switch t {
	case True:
		o.verdict = Allowed
		return
	case UnknownTruth:
		o.verdict = Unknown
	}
	o.conditional, o.missing = true, missing
}

// decision tells the outcome.
func (o *outcome) decision(r Request) Decision {
	g := o.grant
	if g == nil || o.rank() == 0 {
		return Decision{Verdict: Denied, Reason: "no role assignment grants " + r.Action + " at " + r.Scope}
	}
	d := Decision{
		Verdict: o.verdict, Assignment: g.assignment, Definition: g.definition(),
		Pattern: o.by, Conditional: o.conditional, Reason: o.reason(),
	}
	if o.except != "" {
		d.Pattern = o.except
	}
	return d
}

// reason is the sentence for an outcome that names an assignment.
func (o *outcome) reason() string {
	a := o.grant.assignment
	if o.grant.role == nil {
		return "the role definition " + a.RoleDefinitionID + " assigned at " + a.Scope + " is not known"
	}
	name := o.grant.role.definition.Name
	switch {
	case o.except != "":
		return name + " at " + a.Scope + " leaves out " + o.except
	case o.by == "":
		return name + " at " + a.Scope + " grants nothing that matches"
	case !o.conditional:
		return name + " at " + a.Scope + " grants " + o.by
	case o.verdict == Denied:
		return name + " at " + a.Scope + " grants " + o.by + ", but its condition does not hold"
	default:
		return name + " at " + a.Scope + " grants " + o.by + " under a condition that cannot be evaluated: " + o.missing
	}
}

// definition is nil when nobody knows the role.
func (g *grant) definition() *RoleDefinition {
	if g.role == nil {
		return nil
	}
	return g.role.definition
}
