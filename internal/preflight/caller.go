package preflight

import (
	"slices"

	"github.com/kars-dev/kars/internal/azure/arm"
	"github.com/kars-dev/kars/internal/rbac"
)

// leastPrivilege notes that the owner of a subscription holds more than the
// plan needs (U09). It is a note, not a fault: the verdict is pass.
func (d decider) leastPrivilege() []Finding {
	scope := arm.SubscriptionID(d.plan.SubscriptionID)
	owns := slices.ContainsFunc(d.facts.Permissions[scope].Value, func(p rbac.Permission) bool {
		return slices.Contains(p.Actions, "*") && len(p.NotActions) == 0
	})
	if !owns {
		return nil
	}
	return []Finding{{
		ID: "rbac/least-privilege", Category: CategoryRBAC, Verdict: Pass, Subject: "Owner", Scope: scope,
		Why:      "a deployer should hold no more than the plan needs",
		Evidence: []string{"you may do everything at " + scope + "; Contributor and User Access Administrator together suffice"},
		Fix:      []Fix{d.remedy.assign("Contributor", scope), d.remedy.assign("User Access Administrator", scope)},
	}}
}
