package preflight

import (
	"slices"
	"strings"

	"github.com/kars-dev/kars/internal/azure/arm"
	"github.com/kars-dev/kars/internal/plan"
	"github.com/kars-dev/kars/internal/rbac"
)

// despiteDenies lets deny assignments have their say about what roles allow.
// The permissions API knows nothing of them: managed applications, deployment
// stacks and locked-down groups would pass and then be refused.
//
// learn.microsoft.com/azure/role-based-access-control/deny-assignments
func (d decider) despiteDenies(n plan.Need, by rbac.Decision) rbac.Decision {
	here, denied := d.denied(n, d.facts.Denies.Value, d.facts.parents())
	there, deniedThere := d.deniedElsewhere(n)
	switch {
	case deniedThere && (!denied || there.Verdict == rbac.Denied):
		return there
	case denied:
		return here
	}
	return by
}

// denied says what deny assignments take away of a need: surely, or perhaps,
// where that hangs on groups of the caller's that nothing shows.
func (d decider) denied(n plan.Need, denies []rbac.DenyAssignment, parents map[string]string) (rbac.Decision, bool) {
	if len(denies) == 0 {
		return rbac.Decision{}, false
	}
	known := d.knownPrincipals()
	decide := func(denies []rbac.DenyAssignment) rbac.Decision {
		return rbac.Compile(rbac.Input{
			Definitions: []rbac.RoleDefinition{{ID: you, Permissions: []rbac.Permission{{Actions: []string{"*"}, DataActions: []string{"*"}}}}},
			Assignments: []rbac.Assignment{{PrincipalID: d.facts.Caller.ObjectID, RoleDefinitionID: you, Scope: rbac.Root}},
			Denies:      denies, Parents: parents,
		}).Decide(known, request(n))
	}
	var sure, perhaps []rbac.DenyAssignment
	for _, a := range denies {
		named := d.mayBeIn(a.Principals, a.PrincipalTypes, known)
		if named {
			a.Principals = append(slices.Clone(a.Principals), d.facts.Caller.ObjectID)
		}
		if named || d.mayBeIn(a.ExcludePrincipals, a.ExcludePrincipalTypes, known) {
			perhaps = append(perhaps, a)
		} else {
			sure = append(sure, a)
		}
	}
	if decision := decide(sure); decision.Deny != nil {
		return decision, true
	}
	decision := decide(perhaps)
	if decision.Deny == nil {
		return decision, false
	}
	decision.Verdict = rbac.Unknown
	if d.mayBeIn(decision.Deny.Principals, decision.Deny.PrincipalTypes, known) {
		decision.Reason += ", if a group of yours is among those it names"
	}
	if d.mayBeIn(decision.Deny.ExcludePrincipals, decision.Deny.ExcludePrincipalTypes, known) {
		decision.Reason += ", unless a group of yours is among those it excludes"
	}
	return decision, true
}

// mayBeIn reports whether the caller may be a member of one of these principals
// although nothing shows it. A token that lists groups lists all of them: one
// with too many for it lists none.
//
// learn.microsoft.com/security/zero-trust/develop/configure-tokens-group-claims-app-roles
func (d decider) mayBeIn(ids, types, known []string) bool {
	if len(d.facts.Caller.Groups) > 0 {
		return false
	}
	for i, id := range ids {
		kind := ""
		if i < len(types) {
			kind = types[i]
		}
		if id != rbac.AllPrincipals && !alone(kind) && !oneOf(known, id) {
			return true
		}
	}
	return false
}

// knownPrincipals are the caller's object id and those of its groups that its
// token or its role assignments name.
func (d decider) knownPrincipals() []string {
	known := append([]string{d.facts.Caller.ObjectID}, d.facts.Caller.Groups...)
	for _, a := range d.facts.Assignments.Value {
		if !oneOf(known, a.PrincipalID) {
			known = append(known, a.PrincipalID)
		}
	}
	return known
}

// alone reports whether a type of principals is one without members.
func alone(kind string) bool {
	return oneOf([]string{"User", "ServicePrincipal", "Device"}, kind)
}

func oneOf(texts []string, s string) bool {
	return slices.ContainsFunc(texts, func(t string) bool { return strings.EqualFold(t, s) })
}

// denies is a finding of its own only when deny assignments could not be read:
// where one stands in the way, the action's finding says so.
func (d decider) denies() []Finding {
	var out []Finding
	unread := func(scope string, u *Unread) {
		if u != nil {
			out = append(out, Finding{
				ID: "deny/assignments", Category: CategoryDeny, Verdict: Unknown, Subject: "Microsoft.Authorization/denyAssignments/read",
				Scope: scope, Why: "a deny assignment wins over every role", Evidence: []string{u.Error()},
			})
		}
	}
	unread(arm.SubscriptionID(d.plan.SubscriptionID), d.facts.Denies.Unread)
	for _, scope := range d.guarded() {
		unread(scope, d.facts.Elsewhere[scope].Denies.Unread)
	}
	return out
}
