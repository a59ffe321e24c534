package preflight

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kars-dev/kars/internal/azure/arm"
	"github.com/kars-dev/kars/internal/plan"
)

// totalCores is the quota of all virtual CPUs of a region together.
const totalCores = "cores"

// quotas checks that the nodes fit into the quotas of virtual CPUs, each
// family's and the total (P13). Those of the plan's own cluster count already.
// An upgrade's surge nodes do not stop the run, and are warned of.
//
// learn.microsoft.com/azure/virtual-machines/quotas
func (d decider) quotas() []Finding {
	finding := func(name string) Finding {
		return Finding{
			ID: "quota/" + name, Category: CategoryQuota, Verdict: Pass, Subject: name + " in " + d.plan.Options.Region,
			Scope: arm.SubscriptionID(d.plan.SubscriptionID), Why: "the cluster's nodes need virtual CPUs",
		}
	}
	wanted := d.facts.wanted(d.plan, d.facts.Sizes.Value)
	for _, unread := range []*Unread{d.facts.Usages.Unread, d.facts.Sizes.Unread, d.facts.Cluster.Unread} {
		if unread != nil {
			return []Finding{undecided(finding(totalCores), unread)}
		}
	}
	var out []Finding
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		usage, found := usageOf(d.facts.Usages.Value, name)
		one, w := finding(name), wanted[name]
		one.Evidence = []string{fmt.Sprintf("%d of %d vCPUs are in use; the run takes %d more, an upgrade's surge %d on top", usage.Current, usage.Limit, w.nodes, w.surge)}
		// A quota that was lowered below what is in use has nothing left.
		switch left := max(int(usage.Left()), 0); {
		case !found:
			one.Verdict, one.Evidence = Unknown, []string{"the region's quotas do not name it"}
		case w.nodes > left:
			one.Verdict, one.Blocks = Fail, true
			one.Evidence = append(one.Evidence, fmt.Sprintf("%d are left", left))
			one.Fix = d.elsewhere(usage, w)
		case w.nodes+w.surge > left:
			one.Verdict = Warn
			one.Evidence = append(one.Evidence, fmt.Sprintf("%d are left: the run fits, an upgrade of the nodes will not", left))
			one.Fix = d.elsewhere(usage, w)
		}
		out = append(out, one)
	}
	return out
}

// vcpus is how many virtual CPUs a plan takes.
type vcpus struct{ nodes, surge int }

// wanted are the virtual CPUs that the run takes beyond what its cluster has
// already, by the name of their quota.
func (f Facts) wanted(p *plan.Plan, sizes []arm.VMSize) map[string]vcpus {
	out := map[string]vcpus{}
	for _, m := range p.Machines {
		size, found := sizeOf(sizes, m.Size)
		if !found {
			continue // a finding of its own: see sizes
		}
		more := max(m.Count-f.nodes(m), 0)
		for _, name := range []string{size.Family, totalCores} {
			w := out[name]
			w.nodes += more * size.VCPUs
			w.surge += m.Surge * size.VCPUs
			out[name] = w
		}
	}
	return out
}

// nodes is how many of the machines are there already.
func (f Facts) nodes(m plan.Machine) int {
	for _, pool := range f.Cluster.Value.Pools {
		if pool.Name == m.Pool && strings.EqualFold(pool.Size, m.Size) {
			return pool.Count
		}
	}
	return 0
}

func sizeOf(sizes []arm.VMSize, name string) (arm.VMSize, bool) {
	i := slices.IndexFunc(sizes, func(s arm.VMSize) bool { return strings.EqualFold(s.Name, name) })
	if i < 0 {
		return arm.VMSize{}, false
	}
	return sizes[i], true
}

func usageOf(usages []arm.Usage, name string) (arm.Usage, bool) {
	i := slices.IndexFunc(usages, func(u arm.Usage) bool { return strings.EqualFold(u.Name, name) })
	if i < 0 {
		return arm.Usage{}, false
	}
	return usages[i], true
}

// elsewhere are the ways out of a quota: the nearest region that fits (U41), and
// a higher limit here.
func (d decider) elsewhere(u arm.Usage, w vcpus) []Fix {
	fixes := d.nearest()
	if d.facts.LocalPrincipal != "" {
		return fixes
	}
	return append(fixes, Fix{
		Text: "ask for a higher limit, which often comes at once",
		Command: fmt.Sprintf(
			"az quota update --resource-name %s --scope /subscriptions/%s/providers/Microsoft.Compute/locations/%s --limit-object value=%d --resource-type dedicated",
			u.Name, d.plan.SubscriptionID, d.plan.Options.Region, int(u.Current)+w.nodes+w.surge),
	})
}

// nearest names the nearest region in which all nodes can be had.
func (d decider) nearest() []Fix {
	for _, region := range nearby(d.plan.Options.Region) {
		if r, asked := d.facts.Nearby[region]; asked && d.facts.fits(d.plan, r) {
			return []Fix{{Text: "use " + region + ", the nearest region in which the nodes fit", Command: "--region " + region}}
		}
	}
	return nil
}

// fits reports whether a region in which the plan has no nodes has all that its
// machines need.
func (f Facts) fits(p *plan.Plan, r Region) bool {
	if r.Usages.Unread != nil || r.Sizes.Unread != nil {
		return false
	}
	for _, m := range p.Machines {
		size, found := sizeOf(r.Sizes.Value, m.Size)
		if !found || unfit(m, size) != "" {
			return false
		}
	}
	elsewhere := Facts{} // no cluster is there
	for name, w := range elsewhere.wanted(p, r.Sizes.Value) {
		if u, found := usageOf(r.Usages.Value, name); !found || w.nodes+w.surge > int(u.Left()) {
			return false
		}
	}
	return true
}

// cramped reports whether the plan's nodes do not fit into its region, as far
// as is known.
func (f Facts) cramped(p *plan.Plan) bool {
	if f.Usages.Unread != nil || f.Sizes.Unread != nil {
		return false
	}
	for _, m := range p.Machines {
		if size, found := sizeOf(f.Sizes.Value, m.Size); !found || unfit(m, size) != "" {
			return true
		}
	}
	for name, w := range f.wanted(p, f.Sizes.Value) {
		if u, found := usageOf(f.Usages.Value, name); found && w.nodes+w.surge > int(u.Left()) {
			return true
		}
	}
	return false
}
