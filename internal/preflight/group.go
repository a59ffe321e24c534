package preflight

import (
	"strings"

	"github.com/kars-dev/kars/internal/azure/arm"
	"github.com/kars-dev/kars/internal/plan"
)

// group checks the resource group: it is free to be made, or there and in the
// plan's region, where it is used as it is.
func (d decider) group() Finding {
	p := d.options.Plan
	f := Finding{
		ID: "name/" + p.Group.Type, Category: CategoryName, Verdict: Pass, Subject: p.Group.Name, Scope: p.Group.ID,
		Why: "everything that the plan makes lies in it",
	}
	have := d.facts.group
	switch {
	case arm.IsForbidden(have.err):
		// The run's first step reads it too.
		f.Verdict, f.Blocks, f.Evidence = Fail, true, []string{have.err.Error()}
		f.Fix = []Fix{d.remedy.assign("Contributor", arm.SubscriptionID(p.SubscriptionID))}
	case have.err != nil:
		f.Verdict, f.Evidence = Unknown, []string{have.err.Error()}
	case !have.value.exists:
		f.Evidence = []string{"it is not there and will be made"}
	case strings.EqualFold(plan.Options{Region: have.value.location}.WithDefaults().Region, p.Options.Region):
		f.Evidence = []string{"it is there, in " + have.value.location}
	default:
		f.Verdict, f.Blocks = Fail, true
		f.Evidence = []string{"it is there, in " + have.value.location + " and not in " + p.Options.Region}
		f.Fix = []Fix{
			{Text: "use the group's region", Command: "--region " + have.value.location},
			{Text: "use another group", Command: "--resource-group " + p.Options.ResourceGroup + "-" + p.Options.Region},
		}
	}
	return f
}
