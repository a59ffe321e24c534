package rbac

import "slices"

// An Explanation is the whole derivation of a decision.
type Explanation struct {
	Request    Request
	Principals []string // as they were given
	Decision   Decision
	// Grants are the role assignments that apply to the caller at the scope,
	// inherited ones too, the narrowest first. Denies are the deny assignments
	// whose scope contains the request's, likewise.
	Grants []ExplainedGrant
	Denies []ExplainedDeny
}

// An ExplainedGrant is what one role assignment gives by itself.
type ExplainedGrant struct {
	Assignment *Assignment
	Definition *RoleDefinition // nil when the policy does not know the role
	Verdict    Verdict
	Inherited  bool // assigned above the request's scope
	// Pattern grants the action and is empty when none does. NotPattern is the
	// one of NotActions that takes it away again.
	Pattern, NotPattern string
	// Clauses are those of its condition, or of the role's own, on which it
	// hangs whether the pattern counts.
	Clauses []Clause
	// Problem says why the condition cannot be evaluated at all.
	Problem string
}

// An ExplainedDeny is what one deny assignment takes away by itself. Takes is
// Denied when it does, Unknown when it may, Allowed when it does not.
type ExplainedDeny struct {
	Assignment *DenyAssignment
	Takes      Verdict
	Inherited  bool
	// Why it does not take the action away, or empty.
	Spares SpareReason
	// Pattern names the action; NotPattern excepts it from that.
	Pattern, NotPattern string
	Clauses             []Clause
	Problem             string
}

// A SpareReason says why a deny assignment does not apply.
type SpareReason string

// The reasons, in the order in which they are looked at.
const (
	ChildScope     SpareReason = "it does not apply below its scope"
	NotMeant       SpareReason = "it is for others"
	Excluded       SpareReason = "it excludes the caller, or a group of the caller's"
	NoPattern      SpareReason = "it does not name the action"
	NotAction      SpareReason = "it leaves the action out"
	ConditionFails SpareReason = "its condition does not hold"
)

// Explain is Decide with all that led there.
func (p *Policy) Explain(principals []string, r Request) Explanation {
	x := Explanation{Request: r, Principals: slices.Clone(principals), Decision: p.Decide(principals, r)}
	q := newQuery(principals, r)
	p.eachGrant(q.principals, q.scope, func(g *grant) bool {
		x.Grants = append(x.Grants, g.explain(&q))
		return true
	})
	p.upwards(q.scope, func(scope string) bool {
		for _, c := range p.denies[scope] {
			x.Denies = append(x.Denies, c.explain(scope, &q))
		}
		return true
	})
	return x
}

func (g *grant) explain(q *query) ExplainedGrant {
	o := g.decide(q)
	x := ExplainedGrant{
		Assignment: g.assignment, Definition: g.definition(), Verdict: o.verdict,
		Inherited: NormalizeScope(g.assignment.Scope) != q.scope,
		Pattern:   o.by, NotPattern: o.except,
	}
	if o.by != "" && o.except == "" {
		x.Clauses, x.Problem = explainGuards(&o.set.guard, &g.guard, q)
	}
	return x
}

func (c *denial) explain(scope string, q *query) ExplainedDeny {
	x := ExplainedDeny{Assignment: c.assignment, Takes: Allowed, Inherited: scope != q.scope}
	relation := c.relationTo(q.principals)
	f, applies := c.decide(q)
	x.Pattern, x.NotPattern = f.by, f.except
	switch {
	case !c.reaches(scope, q):
		x.Spares = ChildScope
	case relation == notMeant:
		x.Spares = NotMeant
	case relation == exempt:
		x.Spares = Excluded
	case f.except != "":
		x.Spares = NotAction
	case f.by == "":
		x.Spares = NoPattern
	default:
		x.Clauses, x.Problem = explainGuards(&f.set.guard, &c.guard, q)
		switch {
		case f.certain:
			x.Takes = Denied
		case applies:
			x.Takes = Unknown
		default:
			x.Spares = ConditionFails
		}
	}
	return x
}

// explainGuards gives the clauses on which two guards hang together: those of
// the ones that do not hold if there are any.
func explainGuards(set, own *guard, q *query) (clauses []Clause, problem string) {
	together, _ := both(set, own, &q.request)
	for _, g := range []*guard{set, own} {
		t, why := g.holds(&q.request)
		if t != together {
			continue
		}
		if g.problem != nil {
			problem = why
			continue
		}
		if g.condition != nil {
			_, c := g.condition.explain(q.request)
			clauses = append(clauses, c...)
		}
	}
	return clauses, problem
}
