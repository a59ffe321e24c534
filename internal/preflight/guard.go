package preflight

import (
	"context"
	"slices"
	"strings"

	"github.com/kars-dev/kars/internal/azure/arm"
	"github.com/kars-dev/kars/internal/plan"
	"github.com/kars-dev/kars/internal/rbac"
)

// Guards are what stands in the way of everybody, whatever their roles.
type Guards struct {
	Subscription Fact[arm.Subscription] `json:"subscription"`
	// Locks are those that hold at the group and in it, or at the subscription
	// while there is no group.
	Locks Fact[[]arm.Lock] `json:"locks"`
	// Policies are the policy assignments, with enforcement on, that concern what
	// the plan makes.
	Policies Fact[[]arm.PolicyAssignment] `json:"policies"`
	// Restrictions are what those have against the plan's resources; asked for
	// only where there are any.
	Restrictions Fact[[]arm.PolicyVerdict] `json:"restrictions"`
}

// Guarding is what preflight asks about what holds for everybody.
type Guarding interface {
	Subscription(ctx context.Context, id string) (arm.Subscription, error)
	Locks(ctx context.Context, scope string) ([]arm.Lock, error)
	PolicyAssignments(ctx context.Context, scope string) ([]arm.PolicyAssignment, error)
	CheckPolicy(ctx context.Context, scope string, r arm.PolicyResource) ([]arm.PolicyVerdict, error)
}

func (g *gatherer) subscription(ctx context.Context) {
	s, err := g.options.ARM.Subscription(ctx, g.options.Plan.SubscriptionID)
	fact := read(ctx, "the subscription", s, err)
	g.set(func(f *Facts) { f.Subscription = fact })
}

func (g *gatherer) locks(ctx context.Context, scope string) {
	list, err := g.options.ARM.Locks(ctx, scope)
	list = slices.DeleteFunc(list, func(l arm.Lock) bool { return g.elsewhere(l.Scope) })
	fact := read(ctx, "the locks at "+scope, list, err)
	g.set(func(f *Facts) { f.Locks = fact })
}

// policies keeps the assignments from above, at the subscription, and at the
// group or in it; those of other groups are not the plan's.
func (g *gatherer) policies(ctx context.Context, scope string) {
	list, err := g.options.ARM.PolicyAssignments(ctx, scope)
	list = slices.DeleteFunc(list, func(a arm.PolicyAssignment) bool { return !a.Enforced || g.elsewhere(a.Scope) })
	fact := read(ctx, "the policy assignments at "+scope, list, err)
	g.set(func(f *Facts) { f.Policies = fact })
}

// elsewhere reports whether a scope is another group of the subscription, or in
// one.
func (g *gatherer) elsewhere(scope string) bool {
	subscription, group := arm.SubscriptionID(g.options.Plan.SubscriptionID), g.options.Plan.Group.ID
	return rbac.Contains(subscription, scope) && !rbac.Contains(scope, group) && !rbac.Contains(group, scope)
}

// restricted asks Azure Policy about each of the plan's resources, where
// something is assigned: a policy may look at any property, and at names.
func (g *gatherer) restricted(ctx context.Context) []func() {
	if len(g.facts.Policies.Value) == 0 || g.facts.Policies.Unread != nil {
		return nil
	}
	p := g.options.Plan
	g.policiesAsked = true
	resources := slices.Clone(p.Resources)
	if !g.facts.Group.Value.Exists {
		resources = append(resources, p.Group)
	}
	asks, scope := make([]func(), 0, len(resources)), g.narrowest()
	for _, r := range resources {
		asks = append(asks, func() { g.restriction(ctx, scope, r) })
	}
	return asks
}

func (g *gatherer) restriction(ctx context.Context, scope string, r plan.Resource) {
	verdicts, err := g.options.ARM.CheckPolicy(ctx, scope, arm.PolicyResource{
		ID: r.ID, APIVersion: r.APIVersion, Content: arm.Tree(r.Body),
	})
	verdicts = slices.DeleteFunc(verdicts, func(v arm.PolicyVerdict) bool { return !strings.EqualFold(v.Effect, "Deny") })
	fact := read(ctx, "what policies have against the "+r.Label, verdicts, err)
	g.set(func(f *Facts) {
		f.Restrictions.Value = append(slices.Clone(f.Restrictions.Value), fact.Value...)
		if f.Restrictions.Unread == nil {
			f.Restrictions.Unread = fact.Unread
		}
	})
}

// locked checks the management locks (P17): one that only reads refuses the
// run, if it is on something that the plan makes or on what that lies in; one
// against deletion refuses `kars down`, and so does any lock in the group.
//
// learn.microsoft.com/azure/azure-resource-manager/management/lock-resources
func (d decider) locked() []Finding {
	var out []Finding
	unread := func(scope string, u *Unread) {
		if u != nil {
			out = append(out, undecided(Finding{
				ID: "lock/" + arm.ReadOnly, Category: CategoryLock, Subject: "locks", Scope: scope,
				Why: "a lock holds against everybody",
			}, u))
		}
	}
	unread(d.narrowest(), d.facts.Locks.Unread)
	for _, scope := range d.guarded() {
		unread(scope, d.facts.Elsewhere[scope].Locks.Unread)
	}
	for _, l := range d.locksOf() {
		f := Finding{ID: "lock/" + l.Level, Category: CategoryLock, Subject: l.Name, Scope: l.Scope, Why: "a lock holds against everybody, also an Owner"}
		switch {
		case l.Level == arm.ReadOnly && (d.makesWithin(l.Scope) || d.givesWithin(l.Scope)):
			f.Verdict, f.Blocks = Fail, true
			f.Evidence = []string{"the lock " + l.Name + " refuses every write at " + l.Scope}
		default:
			f.Verdict = Warn
			f.Evidence = []string{"the lock " + l.Name + " refuses every deletion at " + l.Scope + ": the run goes, but `kars down` will not"}
		}
		if l.Notes != "" {
			f.Evidence = append(f.Evidence, "its note says: "+l.Notes)
		}
		f.Fix = []Fix{{Text: "have whoever set it, or somebody with Microsoft.Authorization/locks/delete, remove it"}}
		if d.facts.LocalPrincipal == "" {
			f.Fix[0].Command = "az lock delete --ids " + quote(l.ID)
		}
		out = append(out, f)
	}
	return out
}

// makesWithin reports whether the plan makes what lies at a scope or below it.
func (d decider) makesWithin(scope string) bool {
	return rbac.Contains(scope, d.plan.Group.ID) ||
		slices.ContainsFunc(d.plan.Resources, func(r plan.Resource) bool { return rbac.Contains(scope, r.ID) })
}

// policed says which policies refuse which resources of the plan (P12). Where
// nothing is assigned, or nothing refused, it is silent.
//
// learn.microsoft.com/azure/governance/policy/concepts/effect-deny
func (d decider) policed() []Finding {
	why := "a policy refuses whatever roles allow"
	for _, err := range []*Unread{d.facts.Policies.Unread, d.facts.Restrictions.Unread} {
		if err != nil {
			return append(d.refused(why), undecided(Finding{
				ID: "policy/assignments", Category: CategoryPolicy, Subject: "policies", Scope: d.narrowest(), Why: why,
			}, err))
		}
	}
	return d.refused(why)
}

func (d decider) refused(why string) []Finding {
	var out []Finding
	for _, v := range d.facts.Restrictions.Value {
		f := Finding{ID: "policy/" + v.AssignmentName, Category: CategoryPolicy, Subject: v.AssignmentName, Scope: v.ResourceID, Why: why}
		said := "the policy assignment " + v.AssignmentID
		if v.Denies() {
			f.Verdict, f.Blocks, f.Evidence = Fail, true, []string{said + " refuses it"}
		} else {
			f.Verdict, f.Evidence = Unknown, []string{said + " could not be evaluated: " + v.Result}
		}
		if v.Reason != "" {
			f.Evidence = append(f.Evidence, "Azure says: "+v.Reason)
		}
		f.Fix = []Fix{{Text: "have whoever assigned the policy exempt the resource group, or choose what it allows (as --region)"}}
		out = append(out, f)
	}
	return out
}

// enabled checks that the subscription takes writes at all.
//
// learn.microsoft.com/azure/cost-management-billing/manage/subscription-states
func (d decider) enabled() []Finding {
	state := d.facts.Subscription.Value.State
	f := Finding{
		ID: "name/Microsoft.Resources/subscriptions", Category: CategoryName, Subject: d.plan.SubscriptionID, Scope: arm.SubscriptionID(d.plan.SubscriptionID),
		Why: "everything that the plan makes is billed to it", Evidence: []string{"its state is " + state},
	}
	switch state {
	case "", "Enabled":
		return nil
	case "Warned", "PastDue":
		f.Verdict = Warn
	default:
		f.Verdict, f.Blocks = Fail, true
	}
	return []Finding{f}
}

// narrowest is the group if it may exist, or else the subscription.
func (d decider) narrowest() string { return d.facts.narrowest(d.plan) }
