package preflight

import (
	"fmt"

	"github.com/kars-dev/kars/internal/azure/arm"
	"github.com/kars-dev/kars/internal/plan"
	"github.com/kars-dev/kars/internal/rbac"
)

// keyOf tells the needs of actions apart, as their findings are.
func keyOf(n plan.Need) string { return n.Action + " " + n.Scope }

// suggest finds the fewest role assignments that allow everything that is
// refused, out of the roles that the tenant has, and gives each refused need
// those that it needs. It leaves out what a deny assignment takes away. Without
// role definitions it finds nothing.
//
// What the caller holds already does not matter to it: roles only ever add, so
// what suffices to somebody who holds nothing suffices to everybody.
func (d decider) suggest() map[string][]Fix {
	if d.facts.Definitions.Unread != nil || len(d.facts.Definitions.Value) == 0 {
		return nil
	}
	var denied []rbac.Request
	var keys []string
	for _, n := range d.plan.Needs {
		if n.Kind != plan.NeedAction || !d.facts.decides(n) {
			continue
		}
		if decision := d.decision(n); decision.Verdict == rbac.Denied && decision.Deny == nil {
			denied, keys = append(denied, request(n)), append(keys, keyOf(n))
		}
	}
	fixes := map[string][]Fix{}
	for _, s := range rbac.Suggest(d.empty(), d.knownPrincipals(), denied, rbac.SuggestOptions{
		Roles: d.facts.Definitions.Value, Scopes: d.assignableAt(denied),
	}) {
		if s.Kind != rbac.Assign {
			continue
		}
		for _, i := range s.Flips {
			if len(fixes[keys[i]]) == 0 {
				fixes[keys[i]] = []Fix{d.remedy.assign(s.Role.Name, s.Assignment.Scope)}
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
