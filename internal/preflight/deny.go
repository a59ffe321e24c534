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
	if len(d.facts.Denies.Value) == 0 {
		return by
	}
	known := d.knownPrincipals()
	policy := rbac.Compile(rbac.Input{
		Definitions: []rbac.RoleDefinition{{ID: you, Permissions: []rbac.Permission{{Actions: []string{"*"}}}}},
		Assignments: []rbac.Assignment{{PrincipalID: d.facts.Caller.ObjectID, RoleDefinitionID: you, Scope: rbac.Root}},
		Denies:      d.facts.Denies.Value,
		Parents:     d.facts.parents(),
	})
	decision := policy.Decide(known, request(n))
	if decision.Deny == nil {
		return by
	}
	// It may exclude a group of the caller's that no token or assignment shows.
	if decision.Verdict == rbac.Denied && len(decision.Deny.ExcludePrincipals) > 0 {
		decision.Verdict = rbac.Unknown
		decision.Reason += ", unless a group of yours is among those it excludes"
	}
	return decision
}

// knownPrincipals are the caller's object id and those of its groups that its
// token or its role assignments name.
func (d decider) knownPrincipals() []string {
	known := append([]string{d.facts.Caller.ObjectID}, d.facts.Caller.Groups...)
	for _, a := range d.facts.Assignments.Value {
		if !slices.ContainsFunc(known, func(id string) bool { return strings.EqualFold(id, a.PrincipalID) }) {
			known = append(known, a.PrincipalID)
		}
	}
	return known
}

// denies is a finding of its own only when deny assignments could not be read:
// where one stands in the way, the action's finding says so.
func (d decider) denies() []Finding {
	if d.facts.Denies.Unread == nil {
		return nil
	}
	return []Finding{{
		ID: "deny/assignments", Category: CategoryDeny, Verdict: Unknown, Subject: "Microsoft.Authorization/denyAssignments/read",
		Scope: arm.SubscriptionID(d.plan.SubscriptionID), Why: "a deny assignment wins over every role",
		Evidence: []string{d.facts.Denies.Unread.Error()},
	}}
}
