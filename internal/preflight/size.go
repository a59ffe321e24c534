package preflight

import (
	"strings"

	"github.com/kars-dev/kars/internal/azure/arm"
	"github.com/kars-dev/kars/internal/plan"
)

// sizes checks that the subscription can have the nodes' sizes in the region,
// with what the plan asks of them (P14).
//
// learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-sku-not-available
func (d decider) sizes() []Finding {
	var out []Finding
	for _, m := range d.plan.Machines {
		f := Finding{
			ID: "sku/" + m.Size, Category: CategorySKU, Verdict: Pass, Subject: m.Size + " in " + d.plan.Options.Region,
			Scope: arm.SubscriptionID(d.plan.SubscriptionID), Why: m.Why,
		}
		if err := d.facts.Sizes.Unread; err != nil {
			out = append(out, undecided(f, err))
			continue
		}
		size, found := sizeOf(d.facts.Sizes.Value, m.Size)
		why := "the region does not offer it"
		if found {
			why = unfit(m, size)
		}
		switch {
		case why != "" && d.facts.nodes(m) >= m.Count:
			f.Evidence = []string{why + ", and the cluster has its nodes already"}
		case why != "":
			f.Verdict, f.Blocks, f.Evidence = Fail, true, []string{why}
			f.Fix = d.nearest()
		default:
			f.Evidence = []string{"the subscription can have it"}
			f.Verdict, f.Evidence = zones(size, f.Evidence)
		}
		out = append(out, f)
	}
	return out
}

// unfit says why a size will not do for a machine; "" if it does.
func unfit(m plan.Machine, s arm.VMSize) string {
	reason, restricted := s.RestrictedHere()
	switch {
	case restricted && reason == "QuotaId":
		return "the subscription's offer does not include it here"
	case restricted:
		return "it is not available to the subscription here: " + reason
	case s.Architecture != "" && s.Architecture != "x64":
		return "its processor is " + s.Architecture + ", and kars' images are for x64"
	case m.EncryptionAtHost && !s.EncryptionAtHost:
		return "it cannot encrypt disks at the host here"
	}
	return ""
}

// zones says which zones are closed to the subscription. The plan names none,
// so that Azure places the nodes where it may.
func zones(s arm.VMSize, evidence []string) (Verdict, []string) {
	open := s.OpenZones()
	switch {
	case len(open) == len(s.Zones):
		return Pass, evidence
	case len(open) == 0:
		return Warn, append(evidence, "all zones of the region are closed to it: its nodes will be in none")
	}
	return Pass, append(evidence, "of the zones "+strings.Join(s.Zones, ", ")+" only "+strings.Join(open, ", ")+" are open to it")
}
