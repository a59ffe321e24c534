package cognitiveservices

import (
	"context"
	"slices"
	"strings"

	"github.com/kars-dev/kars/localazure/arm"
	"github.com/kars-dev/kars/localazure/store"
)

// offer is a model that can be deployed.
type offer struct {
	Name, Version string
	Default       bool // the version that a deployment without one gets
	SKUs          []string
}

func (o offer) offers(sku string) bool {
	return slices.ContainsFunc(o.SKUs, func(s string) bool { return strings.EqualFold(s, sku) })
}

// offersOf are OpenAI's chat models;
// learn.microsoft.com/azure/ai-foundry/foundry-models/concepts/models-sold-directly-by-azure.
func offersOf() []offer {
	skus := []string{"GlobalStandard", "DataZoneStandard", "Standard"}
	return []offer{
		{"gpt-4.1", "2025-04-14", true, skus},
		{"gpt-4.1-mini", "2025-04-14", true, skus},
		{"gpt-4.1-nano", "2025-04-14", true, skus},
		{"gpt-4o", "2024-08-06", false, skus},
		{"gpt-4o", "2024-11-20", true, skus},
		{"gpt-4o-mini", "2024-07-18", true, skus},
		{"gpt-5", "2025-08-07", true, skus[:2]},
		{"gpt-5-mini", "2025-08-07", true, skus[:2]},
		{"gpt-5-nano", "2025-08-07", true, skus[:2]},
		{"o4-mini", "2025-04-16", true, skus[:2]},
	}
}

func findModel(format, name, version string) (offer, bool) {
	if !strings.EqualFold(format, "OpenAI") {
		return offer{}, false
	}
	for _, o := range offersOf() {
		if strings.EqualFold(o.Name, name) && (o.Version == version || version == "" && o.Default) {
			return o, true
		}
	}
	return offer{}, false
}

// listModels lists what can be deployed in a region;
// learn.microsoft.com/rest/api/aiservices/accountmanagement/models/list.
func (p *Provider) listModels(_ context.Context, r *arm.Request) (*arm.Response, error) {
	var trees []store.Tree
	for _, o := range offersOf() {
		skus := []store.Tree{}
		for _, s := range o.SKUs {
			skus = append(skus, store.Tree{"name": s, "usageName": "OpenAI." + s + "." + o.Name, "capacity": store.Tree{"default": 10, "maximum": 1000}})
		}
		trees = append(trees, store.Tree{
			"kind": "AIServices", "skuName": "S0",
			"model": store.Tree{
				"format": "OpenAI", "name": o.Name, "version": o.Version, "isDefaultVersion": o.Default,
				"lifecycleStatus": "GenerallyAvailable", "capabilities": store.Tree{"chatCompletion": "true"}, "skus": skus,
			},
		})
	}
	page, err := arm.Paged(r, trees)
	if err != nil {
		return nil, err
	}
	return arm.OK(page), nil
}
