package preflight_test

import (
	"slices"
	"testing"

	"github.com/kars-dev/kars/internal/azure/arm"
	"github.com/kars-dev/kars/internal/plan"
	"github.com/kars-dev/kars/internal/preflight"
	"github.com/kars-dev/kars/localazure"
)

// resource makes one of a plan's resources as the plan has it.
func resource(t *testing.T, c *arm.Client, p *plan.Plan, id string) {
	t.Helper()
	i := slices.IndexFunc(p.Resources, func(r plan.Resource) bool { return r.ID == id })
	if i < 0 {
		t.Fatalf("the plan has no %s", id)
	}
	put(t, c, id, p.Resources[i].APIVersion, p.Resources[i].Body)
}

// A run that was ended between account and deployment has no share of the
// model's quota.
func TestAnAccountWithoutTheModelsDeploymentHasNoShareOfItsQuotaP15(t *testing.T) {
	w, o, c := owned(t)
	p := o.Plan
	if err := w.azure.SetModelQuota("eastus2", "OpenAI.GlobalStandard.gpt4.1", 10); err != nil {
		t.Fatal(err)
	}
	if _, err := c.PutGroup(t.Context(), p.SubscriptionID, p.Group.Name, p.Options.Region, nil); err != nil {
		t.Fatal(err)
	}
	resource(t, c, p, p.FoundryID())
	says(t, preflight.Run(t.Context(), o), "quota/model", preflight.Pass)
	if err := w.azure.SetModelQuota("eastus2", "OpenAI.GlobalStandard.gpt4.1", 9); err != nil {
		t.Fatal(err)
	}
	says(t, preflight.Run(t.Context(), o), "quota/model", preflight.Fail, "the run takes 10 more")
	if err := w.azure.SetModelQuota("eastus2", "OpenAI.GlobalStandard.gpt4.1", 10); err != nil {
		t.Fatal(err)
	}
	resource(t, c, p, p.FoundryID()+"/deployments/"+p.Options.Model)
	says(t, preflight.Run(t.Context(), o), "quota/model", preflight.Pass, "the deployment is there")
	silent(t, preflight.Run(t.Context(), o), "quota/deployment")
}

func TestAnAccountThatIsThereMustHaveTheDeploymentP04P15(t *testing.T) {
	w, o, c := owned(t)
	sub := arm.SubscriptionID(o.Plan.SubscriptionID)
	group := sub + "/resourceGroups/models"
	account := group + "/providers/Microsoft.CognitiveServices/accounts/ours"
	put(t, c, group, "2021-04-01", tree{"location": "eastus2"})
	put(t, c, account, "2025-06-01", tree{
		"location": "eastus2", "kind": "AIServices", "sku": tree{"name": "S0"},
		"properties": tree{"customSubDomainName": "ours", "disableLocalAuth": true},
	})
	options := o.Plan.Options
	options.FoundryEndpoint, options.FoundryID = "https://ours.openai.azure.com/", account
	p, err := plan.New(options)
	if err != nil {
		t.Fatal(err)
	}
	o.Plan, o.LocalPrincipal = p, ""
	f := says(t, preflight.Run(t.Context(), o), "quota/deployment", preflight.Fail, "it has none",
		"az cognitiveservices account deployment create --subscription "+p.SubscriptionID+" --resource-group models --name ours --deployment-name gpt-4.1")
	if f.Scope != account+"/deployments/gpt-4.1" {
		t.Errorf("the finding is at %s", f.Scope)
	}

	model := tree{"sku": tree{"name": "GlobalStandard", "capacity": 1}, "properties": tree{"model": tree{"format": "OpenAI", "name": "gpt-4.1"}}}
	put(t, c, account+"/deployments/chat", "2025-06-01", model)
	says(t, preflight.Run(t.Context(), o), "quota/deployment", preflight.Fail, "it has chat", "--model chat")
	put(t, c, account+"/deployments/GPT-4.1", "2025-06-01", model)
	says(t, preflight.Run(t.Context(), o), "quota/deployment", preflight.Pass)

	blind := w.as(t, localazure.Principal{Name: "blind"})
	blind.Plan = p
	says(t, preflight.Run(t.Context(), blind), "quota/deployment", preflight.Unknown, "Microsoft.CognitiveServices/accounts/deployments/read")
}
