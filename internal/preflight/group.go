package preflight

import (
	"strings"

	"github.com/kars-dev/kars/internal/azure/arm"
	"github.com/kars-dev/kars/internal/plan"
)

// group checks the resource group: it is free to be made, or there and in the
// plan's region, where it is used as it is.
func (d decider) group() Finding {
	p := d.plan
	f := Finding{
		ID: "name/" + p.Group.Type, Category: CategoryName, Verdict: Pass, Subject: p.Group.Name, Scope: p.Group.ID,
		Why: "everything that the plan makes lies in it",
	}
	have := d.facts.Group
	switch {
	case have.Unread != nil && have.Unread.Refused:
		// The run's first step reads it too.
		f.Verdict, f.Blocks, f.Evidence = Fail, true, []string{have.Unread.Error()}
		f.Fix = []Fix{d.remedy.assign("Contributor", arm.SubscriptionID(p.SubscriptionID))}
	case have.Unread != nil:
		f.Verdict, f.Evidence = Unknown, []string{have.Unread.Error()}
	case !have.Value.Exists:
		f.Evidence = []string{"it is not there and will be made"}
	case strings.EqualFold(plan.Options{Region: have.Value.Location}.WithDefaults().Region, p.Options.Region):
		f.Evidence = []string{"it is there, in " + have.Value.Location}
	default:
		f.Verdict, f.Blocks = Fail, true
		f.Evidence = []string{"it is there, in " + have.Value.Location + " and not in " + p.Options.Region}
		f.Fix = []Fix{
			{Text: "use the group's region", Command: "--region " + have.Value.Location},
			{Text: "use another group", Command: "--resource-group " + p.Options.ResourceGroup + "-" + p.Options.Region},
		}
	}
	return f
}
