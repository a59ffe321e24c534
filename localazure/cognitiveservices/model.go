package cognitiveservices

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/kars-dev/kars/localazure/arm"
	"github.com/kars-dev/kars/localazure/region"
	"github.com/kars-dev/kars/localazure/store"
)

// offer is a version of a model that can be deployed.
type offer struct {
	Name, Version string
	Default       bool   // the version that a deployment without one gets
	usage         string // what its quotas call it, which is not always its name
	skus          []sku
}

// sku is a kind of deployment, and how many thousands of tokens a minute a
// subscription may have of a model as such in a region.
type sku struct {
	name     string
	standard int64
}

// usageName is the name of the quota of a kind of deployment.
func (o offer) usageName(sku string) string { return "OpenAI." + sku + "." + o.usage }

func (o offer) localizedName(sku string) string {
	return "Tokens Per Minute (thousands) - " + o.Name + " - " + sku
}

// offersOf are OpenAI's chat models, and the quotas of a pay-as-you-go
// subscription;
// learn.microsoft.com/azure/ai-foundry/foundry-models/concepts/models-sold-directly-by-azure,
// learn.microsoft.com/azure/ai-foundry/openai/quotas-limits.
func offersOf() []offer {
	skus := func(global, zone, standard int64) []sku {
		all := []sku{{"GlobalStandard", global}, {"DataZoneStandard", zone}}
		if standard > 0 {
			all = append(all, sku{"Standard", standard})
		}
		return all
	}
	return []offer{
		{"gpt-4.1", "2025-04-14", true, "gpt4.1", skus(1000, 300, 50)},
		{"gpt-4.1-mini", "2025-04-14", true, "gpt4.1-mini", skus(5000, 2000, 150)},
		{"gpt-4.1-nano", "2025-04-14", true, "gpt4.1-nano", skus(5000, 2000, 150)},
		{"gpt-4o", "2024-08-06", false, "gpt-4o", skus(450, 300, 150)},
		{"gpt-4o", "2024-11-20", true, "gpt-4o", skus(450, 300, 150)},
		{"gpt-4o-mini", "2024-07-18", true, "gpt-4o-mini", skus(2000, 1000, 450)},
		{"gpt-5", "2025-08-07", true, "gpt-5", skus(1000, 300, 0)},
		{"gpt-5-mini", "2025-08-07", true, "gpt-5-mini", skus(1000, 300, 0)},
		{"gpt-5-nano", "2025-08-07", true, "gpt-5-nano", skus(5000, 2000, 0)},
		{"o4-mini", "2025-04-16", true, "o4-mini", skus(1000, 300, 0)},
	}
}

// offered says whether a kind of deployment can be had in a region;
// learn.microsoft.com/azure/foundry/foundry-models/concepts/models-sold-directly-by-azure-region-availability.
func offered(sku, location string) bool {
	standard := []string{"eastus", "eastus2", "northcentralus", "southcentralus", "swedencentral", "westus", "westus3"}
	zone := append([]string{
		"centralus", "francecentral", "germanywestcentral", "italynorth", "polandcentral", "spaincentral", "westeurope",
	}, standard...)
	global := append([]string{
		"australiaeast", "brazilsouth", "canadaeast", "japaneast", "koreacentral", "norwayeast", "southafricanorth",
		"southindia", "switzerlandnorth", "uaenorth", "uksouth",
	}, zone...)
	in := map[string][]string{"GlobalStandard": global, "DataZoneStandard": zone, "Standard": standard}
	return slices.Contains(in[sku], location)
}

// offersIn are the models that can be deployed in a region, each with the kinds
// of deployment that it has there.
func offersIn(location string) []offer {
	var in []offer
	for _, o := range offersOf() {
		o.skus = slices.DeleteFunc(o.skus, func(s sku) bool { return !offered(s.name, location) })
		if len(o.skus) > 0 {
			in = append(in, o)
		}
	}
	return in
}

// sku returns a kind of deployment of the model by name.
func (o offer) sku(name string) (sku, bool) {
	i := slices.IndexFunc(o.skus, func(s sku) bool { return strings.EqualFold(s.name, name) })
	if i < 0 {
		return sku{}, false
	}
	return o.skus[i], true
}

func findModel(location, format, name, version string) (offer, bool) {
	if !strings.EqualFold(format, "OpenAI") {
		return offer{}, false
	}
	for _, o := range offersIn(location) {
		if strings.EqualFold(o.Name, name) && (o.Version == version || version == "" && o.Default) {
			return o, true
		}
	}
	return offer{}, false
}

// listModels lists what can be deployed in a region;
// learn.microsoft.com/rest/api/aiservices/accountmanagement/models/list.
func (p *Provider) listModels(_ context.Context, r *arm.Request) (*arm.Response, error) {
	in, err := location(r)
	if err != nil {
		return nil, err
	}
	var trees []store.Tree
	for _, o := range offersIn(in) {
		skus := []store.Tree{}
		for _, s := range o.skus {
			skus = append(skus, store.Tree{"name": s.name, "usageName": o.usageName(s.name), "capacity": store.Tree{"default": 10, "maximum": s.standard}})
		}
		for _, kind := range []string{"OpenAI", "AIServices"} {
			trees = append(trees, store.Tree{
				"kind": kind, "skuName": "S0",
				"model": store.Tree{
					"format": "OpenAI", "name": o.Name, "version": o.Version, "isDefaultVersion": o.Default,
					"lifecycleStatus": "GenerallyAvailable", "capabilities": store.Tree{"chatCompletion": "true"}, "skus": skus,
				},
			})
		}
	}
	page, err := arm.Paged(r, trees)
	if err != nil {
		return nil, err
	}
	return arm.OK(page), nil
}

func location(r *arm.Request) (string, error) {
	l, ok := region.Find(r.Params["location"])
	if !ok {
		return "", arm.Errorf(http.StatusBadRequest, "InvalidLocation", "The location '%s' is invalid.", r.Params["location"])
	}
	return l.Name, nil
}
