package plan

// ModelCapacity is what the deployment of the model takes of the subscription's
// quota in the region.
// learn.microsoft.com/azure/ai-foundry/openai/how-to/quota
type ModelCapacity struct {
	Model string `json:"model"` // as gpt-4.1
	// Version is the model's; empty is the one that Azure deploys by default.
	Version  string `json:"version,omitempty"`
	Format   string `json:"format"`   // as OpenAI
	SKU      string `json:"sku"`      // as GlobalStandard
	Capacity int    `json:"capacity"` // thousands of tokens per minute
}

// UsageName is how the usages of Cognitive Services name the quota that the
// capacity counts against, as OpenAI.GlobalStandard.gpt-4.1.
// learn.microsoft.com/rest/api/aiservices/accountmanagement/usages/list
func (m ModelCapacity) UsageName() string { return m.Format + "." + m.SKU + "." + m.Model }

// model is the capacity of the one deployment that the plan makes; nil where
// the account, and what is deployed in it, is somebody else's.
func (p *Plan) model() *ModelCapacity {
	if p.Options.FoundryEndpoint != "" {
		return nil
	}
	return &ModelCapacity{Model: p.Options.Model, Format: "OpenAI", SKU: "GlobalStandard", Capacity: 10}
}
