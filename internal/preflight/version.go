package preflight

import (
	"slices"
	"strings"

	"github.com/kars-dev/kars/internal/azure/arm"
	"github.com/kars-dev/kars/internal/plan"
)

// version checks that the region still offers the cluster's Kubernetes version
// (P19). A cluster that is there keeps its own.
//
// learn.microsoft.com/azure/aks/supported-kubernetes-versions
func (d decider) version() []Finding {
	f := Finding{
		ID: "sku/kubernetes", Category: CategorySKU, Verdict: Pass, Subject: "Kubernetes " + plan.KubernetesVersion,
		Scope: arm.SubscriptionID(d.plan.SubscriptionID), Why: "kars is made for this version",
	}
	if have := d.facts.Cluster.Value; have.Exists && sameMinor(have.Version, plan.KubernetesVersion) {
		f.Evidence = []string{"the cluster has " + have.Version}
		return []Finding{f}
	}
	if err := d.facts.Versions.Unread; err != nil {
		return []Finding{undecided(f, err)}
	}
	var offered []string
	for _, v := range d.facts.Versions.Value {
		if sameMinor(v.Version, plan.KubernetesVersion) {
			f.Evidence = []string{d.plan.Options.Region + " offers it"}
			if v.Preview {
				f.Verdict = Warn
				f.Evidence = append(f.Evidence, "as a preview, which Azure does not support in production")
			}
			return []Finding{f}
		}
		offered = append(offered, v.Version)
	}
	slices.Sort(offered)
	f.Verdict, f.Blocks = Fail, true
	f.Evidence = []string{d.plan.Options.Region + " offers only " + strings.Join(offered, ", ")}
	f.Fix = []Fix{{Text: "use a region that offers it, or the kars whose cluster is of a version on offer"}}
	return []Finding{f}
}

// sameMinor compares versions such as "1.36" and "1.36.3" by major and minor.
func sameMinor(a, b string) bool {
	minor := func(v string) string {
		parts := strings.SplitN(v, ".", 3)
		return strings.Join(parts[:min(2, len(parts))], ".")
	}
	return a != "" && minor(a) == minor(b)
}
