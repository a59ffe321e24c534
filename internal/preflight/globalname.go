package preflight

import (
	"strings"

	"github.com/kars-dev/kars/internal/plan"
)

// names checks the names that nobody else in Azure may have (P16). They derive
// from subscription and group, so that what holds one is nearly always the
// plan's own, there or soft-deleted.
func (d decider) names() []Finding {
	var out []Finding
	for _, n := range d.plan.GlobalNames {
		out = append(out, d.name(n))
	}
	return out
}

func (d decider) name(n plan.GlobalName) Finding {
	f := Finding{ID: "name/" + n.Type, Category: CategoryName, Verdict: Pass, Subject: n.Name, Scope: n.ResourceID, Why: n.Why}
	fact := d.facts.Names[n.ResourceID]
	name := fact.Value
	switch {
	case name.Available:
		f.Evidence = []string{"it is free"}
	case name.Own:
		f.Evidence = []string{"it is the plan's own, and there"}
	case name.Deleted:
		f.Evidence = []string{"what held it was deleted and is kept for a while; the run recovers it with all that was in it"}
	case fact.Unread != nil:
		f = undecided(f, fact.Unread)
	default:
		f.Verdict, f.Blocks = Fail, true
		f.Evidence = []string{"somebody else holds it, or it was deleted in another region"}
		if said := strings.TrimSpace(name.Reason + " " + name.Message); said != "" {
			f.Evidence = append(f.Evidence, "Azure says: "+said)
		}
		f.Fix = []Fix{
			{Text: "name the cluster otherwise", Command: "--cluster-name " + otherName(d.plan.Options.ClusterName)},
			{Text: "or use another group, which its names derive from", Command: "--resource-group " + d.plan.Options.ResourceGroup + "-2"},
		}
	}
	return f
}

// otherName is a name of a cluster that differs and is not longer than one may
// be.
func otherName(name string) string {
	const longest = 14
	return strings.TrimSuffix(name[:min(len(name), longest-1)], "-") + "2"
}
