package arm

import "context"

const cognitiveVersion = "2024-10-01"

// ModelUsages lists the quotas of models in a region, in thousands of tokens a
// minute: one for each model and kind of deployment, named as
// [ModelSKU.UsageName] is. It takes Microsoft.CognitiveServices/locations/usages/read.
// learn.microsoft.com/rest/api/aiservices/accountmanagement/usages/list
func (c *Client) ModelUsages(ctx context.Context, subscription, region string) ([]Usage, error) {
	return c.usages(ctx, cognitivePath(subscription, region)+"/usages", cognitiveVersion)
}

// Model is a version of a model that accounts of one kind can deploy in a
// region.
type Model struct {
	Kind      string     `json:"kind"` // of the account, as "AIServices"
	Format    string     `json:"format"`
	Name      string     `json:"name"`    // as "gpt-4.1"
	Version   string     `json:"version"` // as "2025-04-14"
	Default   bool       `json:"default,omitempty"`
	Lifecycle string     `json:"lifecycle"` // Preview, Stable, GenerallyAvailable, Deprecating, Deprecated
	SKUs      []ModelSKU `json:"skus,omitempty"`
}

// ModelSKU is a kind of deployment that a model offers.
type ModelSKU struct {
	Name            string `json:"name"`      // as "GlobalStandard"
	UsageName       string `json:"usageName"` // of its quota, as "OpenAI.GlobalStandard.gpt-4.1"
	DefaultCapacity int64  `json:"defaultCapacity,omitempty"`
	MaximumCapacity int64  `json:"maximumCapacity,omitempty"`
}

// Models lists the models that can be deployed in a region. It takes
// Microsoft.CognitiveServices/locations/models/read.
// learn.microsoft.com/rest/api/aiservices/accountmanagement/models/list
func (c *Client) Models(ctx context.Context, subscription, region string) ([]Model, error) {
	type wire struct {
		Kind  string `json:"kind"`
		Model struct {
			Format    string `json:"format"`
			Name      string `json:"name"`
			Version   string `json:"version"`
			Default   bool   `json:"isDefaultVersion"`
			Lifecycle string `json:"lifecycleStatus"`
			SKUs      []struct {
				Name      string `json:"name"`
				UsageName string `json:"usageName"`
				Capacity  struct {
					Default int64 `json:"default"`
					Maximum int64 `json:"maximum"`
				} `json:"capacity"`
			} `json:"skus"`
		} `json:"model"`
	}
	found, err := list[wire](ctx, c, call{path: cognitivePath(subscription, region) + "/models", version: cognitiveVersion})
	all := make([]Model, 0, len(found))
	for _, w := range found {
		m := Model{
			Kind: w.Kind, Format: w.Model.Format, Name: w.Model.Name, Version: w.Model.Version,
			Default: w.Model.Default, Lifecycle: w.Model.Lifecycle,
		}
		for _, s := range w.Model.SKUs {
			m.SKUs = append(m.SKUs, ModelSKU{s.Name, s.UsageName, s.Capacity.Default, s.Capacity.Maximum})
		}
		all = append(all, m)
	}
	return all, err
}

func cognitivePath(subscription, region string) string {
	return SubscriptionID(subscription) + "/providers/Microsoft.CognitiveServices/locations/" + region
}
