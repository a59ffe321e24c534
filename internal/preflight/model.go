package preflight

import (
	"fmt"
	"strings"

	"github.com/kars-dev/kars/internal/azure/arm"
	"github.com/kars-dev/kars/internal/plan"
)

// accountKind is the kind of account that the plan makes, and whose models count.
const accountKind = "AIServices"

// model checks that the region offers the model the way the plan deploys it, and
// that its quota suffices (P15, P18).
//
// learn.microsoft.com/azure/ai-foundry/openai/how-to/quota
func (d decider) model() []Finding {
	if d.plan.Model == nil {
		return nil
	}
	return []Finding{d.modelOffered(*d.plan.Model), d.modelQuota(*d.plan.Model)}
}

func (d decider) modelOffered(m plan.ModelCapacity) Finding {
	f := Finding{
		ID: "sku/" + m.Model, Category: CategorySKU, Verdict: Pass, Subject: m.Model + " in " + d.plan.Options.Region,
		Scope: arm.SubscriptionID(d.plan.SubscriptionID), Why: "agents call it",
	}
	if err := d.facts.Models.Unread; err != nil {
		return undecided(f, err)
	}
	if _, offered := offeredAs(m, d.facts.Models.Value); offered {
		f.Evidence = []string{"the region offers it as " + m.SKU}
		return f
	}
	f.Verdict, f.Blocks = Fail, true
	f.Evidence = []string{"the region does not offer it as " + m.SKU}
	f.Fix = []Fix{
		{Text: "see which models the region offers", Command: "az cognitiveservices model list -l " + d.plan.Options.Region + " -o table"},
		{Text: "choose one of them with --model, or another --region"},
	}
	if d.facts.LocalPrincipal != "" {
		f.Fix = f.Fix[1:]
	}
	return f
}

// modelQuota compares what the deployment takes with what is left. A deployment
// that is there already has its share, also in an account that was deleted and
// not purged; an account without one, as an interrupted run leaves it, has none.
func (d decider) modelQuota(m plan.ModelCapacity) Finding {
	f := Finding{
		ID: "quota/model", Category: CategoryQuota, Verdict: Pass, Subject: m.Model + " in " + d.plan.Options.Region,
		Scope: arm.SubscriptionID(d.plan.SubscriptionID), Why: "agents call it",
	}
	if err := d.facts.ModelUsages.Unread; err != nil {
		return undecided(f, err)
	}
	name := quotaOf(m, d.facts.Models.Value)
	usage, found := usageOf(d.facts.ModelUsages.Value, name)
	if err := d.facts.Models.Unread; err != nil && !found {
		return undecided(f, err) // the quota's name comes with the versions
	}
	if !found {
		f.Verdict, f.Evidence = Unknown, []string{"the region's quotas do not name " + name}
		return f
	}
	f.Evidence = []string{fmt.Sprintf("%d of %d thousand tokens a minute are in use; the run takes %d more", usage.Current, usage.Limit, m.Capacity)}
	account := d.facts.Names[d.plan.FoundryID()].Value
	deployed, unread := d.deployed()
	switch mayBe := account.Own || d.facts.Deployments != nil; {
	case deployed:
		f.Evidence = append(f.Evidence, "the deployment is there, and has its share already")
	case account.Deleted:
		f.Evidence = append(f.Evidence, "the account will be recovered, and a deployment in it has its share already")
	case int64(m.Capacity) <= usage.Left():
	case mayBe && unread != nil:
		return undecided(f, unread)
	default:
		f.Verdict, f.Blocks = Fail, true
		f.Fix = []Fix{
			{Text: "ask for more: https://aka.ms/oai/stuquotarequest, or delete a deployment of the model in the region"},
			{Text: "or use another model or region: --model, --region"},
		}
	}
	return f
}

// offeredAs finds, among a model's versions, the kind of deployment that the
// plan makes.
func offeredAs(m plan.ModelCapacity, versions []arm.Model) (sku arm.ModelSKU, offered bool) {
	for _, have := range versions {
		if have.Kind != accountKind || !strings.EqualFold(have.Format, m.Format) || m.Version != "" && have.Version != m.Version {
			continue
		}
		for _, s := range have.SKUs {
			if strings.EqualFold(s.Name, m.SKU) {
				return s, true
			}
		}
	}
	return arm.ModelSKU{}, false
}

// quotaOf is the name of the model's quota, which the model itself says: it is
// not always made of the model's name.
func quotaOf(m plan.ModelCapacity, versions []arm.Model) string {
	if sku, offered := offeredAs(m, versions); offered && sku.UsageName != "" {
		return sku.UsageName
	}
	return m.UsageName()
}
