package preflight

import (
	"fmt"
	"slices"

	"github.com/kars-dev/kars/internal/azure/arm"
	"github.com/kars-dev/kars/internal/plan"
	"github.com/kars-dev/kars/internal/rbac"
)

// keyOf tells the needs of actions apart, as their findings are.
func keyOf(n plan.Need) string { return n.Action + " " + n.Scope }

// changes are the verified fixes of actions that are refused, by [keyOf]: what
// the caller can do alone, and what takes somebody who may assign roles.
type changes struct{ activate, assign map[string][]Fix }

// suggest finds the fewest role assignments that allow everything that is
// refused, out of the roles that the tenant has, and gives each refused need
// those that it needs. It leaves out what a deny assignment takes away. Without
// role definitions it finds nothing.
//
// What the caller holds already does not matter to it: roles only ever add, so
// what suffices to somebody who holds nothing suffices to everybody.
func (d decider) suggest() changes {
	if d.facts.Definitions.Unread != nil || len(d.facts.Definitions.Value) == 0 {
		return changes{}
	}
	var denied []rbac.Request
	var keys []string
	for _, n := range append(slices.Clone(d.plan.Needs), d.facts.registering(d.plan)...) {
		if !d.facts.matters(n) {
			continue
		}
		if decision := d.decision(n); decision.Verdict == rbac.Denied && decision.Deny == nil {
			denied, keys = append(denied, request(n)), append(keys, keyOf(n))
		}
	}
	fixes := changes{map[string][]Fix{}, map[string][]Fix{}}
	for _, s := range rbac.Suggest(d.empty(), d.knownPrincipals(), denied, rbac.SuggestOptions{
		Roles: d.facts.Definitions.Value, Scopes: d.assignableAt(denied), Eligible: d.facts.eligible(),
	}) {
		by, fix := fixes.assign, d.remedy.assign(s.Role.Name, s.Assignment.Scope)
		switch s.Kind {
		case rbac.Activate:
			by, fix = fixes.activate, d.activation(s)
		case rbac.Custom:
			continue
		}
		for _, i := range s.Flips {
			if len(by[keys[i]]) == 0 {
				by[keys[i]] = []Fix{fix}
			}
		}
	}
	return fixes
}

// empty is a tenant in which nobody holds anything yet.
func (d decider) empty() rbac.Input {
	return rbac.Input{Denies: d.facts.Denies.Value, Parents: d.facts.parents()}
}

// customRole is the custom role that would do for one action, if one would.
func (d decider) customRole(n plan.Need) []Fix {
	denied := []rbac.Request{request(n)}
	suggested := rbac.Suggest(d.empty(), d.knownPrincipals(), denied, rbac.SuggestOptions{Scopes: d.assignableAt(denied)})
	if len(suggested) == 0 {
		return nil
	}
	return []Fix{{Text: fmt.Sprintf(
		"or have a custom role with %s assigned at %s; `kars permissions --format role-json` prints one for all of the plan",
		n.Action, suggested[0].Assignment.Scope)}}
}

// assignableAt lists the scopes at which roles can be assigned before the run:
// the subscription, the group if it exists, and what lies elsewhere and is
// there already.
func (d decider) assignableAt(denied []rbac.Request) []string {
	subscription := arm.SubscriptionID(d.plan.SubscriptionID)
	scopes := []string{subscription}
	if d.facts.Group.Value.Exists {
		scopes = append(scopes, d.plan.Group.ID)
	}
	for _, r := range denied {
		if !rbac.Contains(subscription, r.Scope) {
			scopes = append(scopes, r.Scope)
		}
	}
	return scopes
}
