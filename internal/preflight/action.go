package preflight

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kars-dev/kars/internal/azure/arm"
	"github.com/kars-dev/kars/internal/plan"
	"github.com/kars-dev/kars/internal/rbac"
)

// action checks that the caller may do an action at its scope.
func (d decider) action(n plan.Need) Finding {
	f := Finding{ID: "rbac/" + n.Action, Category: CategoryRBAC, Subject: n.Action, Scope: n.Scope, Why: n.Why}
	if n.Kind == plan.NeedData {
		f = Finding{ID: "data/" + n.Action, Category: CategoryData, Subject: n.Action, Scope: n.Scope, Why: n.Why}
	}
	decision := d.decision(n)
	f.Evidence = []string{decision.Reason}
	if decision.Conditional && decision.Verdict == rbac.Denied && n.Attributes != nil {
		f.Evidence[0] += " for " + describe(n.Attributes)
	}
	switch decision.Verdict {
	case rbac.Allowed:
		f.Verdict = Pass
	case rbac.Denied:
		f.Verdict, f.Blocks = Fail, true
		if f.Fix = d.changes.assign[keyOf(n)]; f.Fix == nil {
			f.Fix = d.remedy.forAction(n)
		}
		f.Fix = slices.Concat(d.changes.activate[keyOf(n)], f.Fix)
		if decision.Deny != nil {
			f.Fix = []Fix{{Text: "no role helps: have whoever made the deny assignment exclude you, or use another resource group"}}
		}
	default:
		f.Verdict = Unknown
	}
	if f.Verdict == Fail && n.Optional {
		f.Verdict, f.Blocks = Warn, false
		f.Evidence = append(f.Evidence, "the run goes on without it")
	}
	return f
}

// decision is what all that was read says to a need.
func (d decider) decision(n plan.Need) rbac.Decision {
	decision := d.facts.permitted(n)
	if decision.Verdict == rbac.Allowed && n.Attributes != nil {
		decision = d.facts.withConditions(n, decision)
	}
	if decision.Verdict == rbac.Allowed {
		decision = d.despiteDenies(n, decision)
	}
	if says, ok := d.inPlace(n); ok && decision.Verdict != rbac.Allowed {
		return rbac.Decision{Verdict: rbac.Allowed, Reason: says}
	}
	if lost := d.lost(n); lost != nil && decision.Verdict == rbac.Denied && decision.Deny == nil {
		decision = rbac.Decision{Verdict: rbac.Unknown, Reason: decision.Reason + ", but it may not be needed: " + lost.Error()}
	}
	return decision
}

// lost is the fact that might have made a need fall away, where its answer was
// lost: what is there already nobody needs the right to make. A refusal is no
// loss, for the run would be refused too.
func (d decider) lost(n plan.Need) *Unread {
	switch {
	case n.OnlyIfAbsent && d.facts.groupMayExist():
		return d.facts.Group.Unread
	case isGrant(n) && d.facts.Granted.Unread != nil && !d.facts.Granted.Unread.Refused:
		return d.facts.Granted.Unread
	}
	return nil
}

// you is the one principal of the policies that stand for an answer of the
// permissions API.
const you = "you"

// permitted decides a need, by the action's other name where it has one.
func (f Facts) permitted(n plan.Need) rbac.Decision {
	d := f.permittedByName(n)
	if d.Verdict == rbac.Allowed || n.Equivalent == "" {
		return d
	}
	n.Action = n.Equivalent
	if other := f.permittedByName(n); other.Verdict == rbac.Allowed {
		return other
	}
	return d
}

// permittedByName decides by the permissions API's answers: the narrowest
// scope that was read decides; a wider one counts when it says yes. Where the
// API is closed to the caller, role assignments and definitions decide.
func (f Facts) permittedByName(n plan.Need) rbac.Decision {
	var denied *rbac.Decision
	unread := "your permissions were not read"
	for i, h := range f.holdings(n.Scope) {
		if h.Unread != nil {
			if i == 0 {
				unread = h.Unread.Error()
			}
			continue
		}
		d := f.heldAt(h, n)
		if d.Verdict == rbac.Allowed {
			return d
		}
		if i == 0 {
			denied = &d
		}
	}
	if denied != nil {
		return *denied
	}
	if policy, principals := f.assigned(); policy != nil {
		d := policy.Decide(principals, request(n))
		// Role assignments of the plan's subscription say nothing of another.
		if d.Verdict != rbac.Denied || rbac.Contains(arm.SubscriptionID(f.Plan.SubscriptionID), n.Scope) {
			return d
		}
	}
	return rbac.Decision{Verdict: rbac.Unknown, Reason: unread}
}

// assigned is the policy of the caller's role assignments, and whom they name:
// the caller and groups of the caller's. It is nil where they, or what the
// roles grant, were not read.
func (f Facts) assigned() (*rbac.Policy, []string) {
	if f.Assignments.Unread != nil || f.Definitions.Unread != nil || len(f.Definitions.Value) == 0 {
		return nil, nil
	}
	principals := []string{f.Caller.ObjectID}
	for _, a := range f.Assignments.Value {
		if !slices.Contains(principals, a.PrincipalID) {
			principals = append(principals, a.PrincipalID)
		}
	}
	return rbac.Compile(rbac.Input{
		Definitions: f.Definitions.Value, Assignments: f.Assignments.Value, Parents: f.parents(),
	}), principals
}

// parents place the subscription below the management groups that role and
// deny assignments were inherited from.
func (f Facts) parents() map[string]string {
	return rbac.ParentsOf(arm.SubscriptionID(f.Plan.SubscriptionID), f.Assignments.Value, f.Denies.Value)
}

// heldAt decides by the permission sets at one scope.
func (f Facts) heldAt(h holding, n plan.Need) rbac.Decision {
	if len(h.Value) == 0 {
		return rbac.Decision{Verdict: rbac.Denied, Reason: "no role of yours applies at " + h.scope}
	}
	policy := rbac.Compile(rbac.Input{
		Definitions: []rbac.RoleDefinition{{ID: you, Name: "what you hold", Permissions: h.Value}},
		Assignments: []rbac.Assignment{{PrincipalID: you, RoleDefinitionID: you, Scope: h.scope}},
	})
	d := policy.Decide([]string{you}, request(n))
	if d.Verdict == rbac.Denied && d.Pattern == "" {
		d.Reason = "no role of yours at " + h.scope + " grants it"
	}
	return d
}

// withConditions looks for conditions on the roles by which the caller may
// give roles on: the permissions API does not evaluate them. It only ever
// lessens the decision it is given.
func (f Facts) withConditions(n plan.Need, by rbac.Decision) rbac.Decision {
	switch {
	case f.Assignments.Unread != nil:
		return rbac.Decision{Verdict: rbac.Unknown, Reason: "there may be a condition: " + f.Assignments.Unread.Error()}
	case !f.conditioned():
		return by
	case f.Definitions.Unread != nil:
		return rbac.Decision{Verdict: rbac.Unknown, Reason: "a role of yours has a condition: " + f.Definitions.Unread.Error()}
	}
	policy, principals := f.assigned()
	if policy == nil {
		return by
	}
	d := policy.Decide(principals, request(n))
	if d.Verdict != rbac.Allowed && !d.Conditional {
		return by // granted by something that the list does not show
	}
	return d
}

// describe lists a request's attributes by their short names.
func describe(attributes map[string]any) string {
	var parts []string
	for name, v := range attributes {
		parts = append(parts, fmt.Sprintf("%s %v", name[strings.LastIndexByte(name, ':')+1:], v))
	}
	slices.Sort(parts)
	return strings.Join(parts, " and ")
}

func request(n plan.Need) rbac.Request {
	return rbac.Request{Action: n.Action, Data: n.Kind == plan.NeedData, Scope: n.Scope, Attributes: n.Attributes}
}
