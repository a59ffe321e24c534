package preflight

import (
	"context"
	"slices"
	"strings"

	"github.com/kars-dev/kars/internal/azure/arm"
	"github.com/kars-dev/kars/internal/plan"
	"github.com/kars-dev/kars/internal/rbac"
)

// Elsewhere is what guards something outside of the plan's group on which the
// plan gives a role, as a Foundry account that is there already.
type Elsewhere struct {
	// Denies are those that reach it, also from management groups above it, which
	// need not be above the plan's subscription.
	Denies Fact[[]rbac.DenyAssignment] `json:"denies"`
	Locks  Fact[[]arm.Lock]            `json:"locks"` // on it, and on what it lies in
}

// guardedElsewhere are the scopes outside of the plan's group on which it gives
// roles.
func guardedElsewhere(p *plan.Plan) []string {
	var out []string
	for _, n := range p.Needs {
		if isGrant(n) && !n.Optional && !rbac.Contains(p.Group.ID, n.Scope) && !rbac.Contains(n.Scope, p.Group.ID) && !slices.Contains(out, n.Scope) {
			out = append(out, n.Scope)
		}
	}
	return out
}

// guardsAt reads what guards a scope outside of the plan's group. Of what is not
// there nothing is said: its own need says so.
func (g *gatherer) guardsAt(ctx context.Context, scope string) {
	denies, deniesErr := g.options.ARM.DenyAssignments(ctx, scope, "")
	locks, locksErr := g.options.ARM.Locks(ctx, scope)
	if arm.IsNotFound(deniesErr) || arm.IsNotFound(locksErr) {
		return
	}
	denies = slices.DeleteFunc(denies, func(d rbac.DenyAssignment) bool {
		return rbac.Contains(scope, d.Scope) && !rbac.Contains(d.Scope, scope)
	})
	locks = slices.DeleteFunc(locks, func(l arm.Lock) bool { return !rbac.Contains(l.Scope, scope) })
	guards := Elsewhere{
		Denies: read(ctx, "the deny assignments at "+scope, denies, deniesErr),
		Locks:  read(ctx, "the locks at "+scope, locks, locksErr),
	}
	g.set(func(f *Facts) {
		if f.Elsewhere == nil {
			f.Elsewhere = map[string]Elsewhere{}
		}
		f.Elsewhere[scope] = guards
	})
}

// deniedElsewhere is what the deny assignments at a need's own scope take away
// of it.
func (d decider) deniedElsewhere(n plan.Need) (rbac.Decision, bool) {
	subscription, ok := rbac.SubscriptionOf(n.Scope)
	denies := d.facts.Elsewhere[n.Scope].Denies.Value
	if !ok || len(denies) == 0 {
		return rbac.Decision{}, false
	}
	return d.denied(n, denies, rbac.ParentsOf(subscription, nil, denies))
}

// locksOf are all locks, each once: one on the subscription is listed at the
// group and at an account of another.
func (d decider) locksOf() []arm.Lock {
	out := slices.Clone(d.facts.Locks.Value)
	for _, scope := range d.guarded() {
		for _, l := range d.facts.Elsewhere[scope].Locks.Value {
			if !slices.ContainsFunc(out, func(o arm.Lock) bool { return strings.EqualFold(o.ID, l.ID) }) {
				out = append(out, l)
			}
		}
	}
	return out
}

// guarded are the scopes elsewhere that were asked about, in order.
func (d decider) guarded() []string {
	var out []string
	for scope := range d.facts.Elsewhere {
		out = append(out, scope)
	}
	slices.Sort(out)
	return out
}

// guards reports whether something elsewhere may be in the way of the plan.
func (f Facts) guards() bool {
	for _, at := range f.Elsewhere {
		if len(at.Denies.Value) > 0 || len(at.Locks.Value) > 0 {
			return true
		}
	}
	return false
}

// givesWithin reports whether the run gives a role elsewhere that lies at a
// scope or below it, and that nobody has given yet.
func (d decider) givesWithin(scope string) bool {
	return slices.ContainsFunc(d.plan.Needs, func(n plan.Need) bool {
		if !isGrant(n) || n.Optional || !rbac.Contains(scope, n.Scope) {
			return false
		}
		_, there := d.inPlace(n)
		return !there
	})
}
