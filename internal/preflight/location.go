package preflight

import (
	"slices"
	"strings"

	"github.com/kars-dev/kars/internal/azure/arm"
	"github.com/kars-dev/kars/internal/plan"
)

// locations keeps, of all providers, the regions of the types that are planned.
func locations(p *plan.Plan, providers []arm.Provider) map[string][]string {
	out := map[string][]string{}
	for _, r := range p.Resources {
		namespace, name, _ := strings.Cut(r.Type, "/")
		i := slices.IndexFunc(providers, func(have arm.Provider) bool { return strings.EqualFold(have.Namespace, namespace) })
		if i < 0 {
			continue
		}
		if t, found := providers[i].Type(name); found && len(t.Locations) > 0 {
			out[r.Type] = t.Locations
		}
	}
	return out
}

// regions checks that the region has every service of the plan (P18). It is
// silent about those that it has.
//
// learn.microsoft.com/azure/azure-resource-manager/management/resource-providers-and-types
func (d decider) regions() []Finding {
	var out []Finding
	seen := map[string]bool{}
	for _, r := range d.plan.Resources {
		in, listed := d.facts.Locations[r.Type]
		if !listed || seen[r.Type] || (arm.ResourceType{Locations: in}).In(d.plan.Options.Region) {
			continue
		}
		seen[r.Type] = true
		out = append(out, Finding{
			ID: "sku/" + r.Type, Category: CategorySKU, Verdict: Fail, Blocks: true, Subject: r.Type,
			Scope: arm.SubscriptionID(d.plan.SubscriptionID), Why: r.Label,
			Evidence: []string{d.plan.Options.Region + " does not have it; it is in " + strings.Join(in, ", ")},
			Fix:      []Fix{{Text: "use another region: --region"}},
		})
	}
	return out
}
