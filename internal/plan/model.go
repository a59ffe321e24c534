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

// What the plan deploys the model as, and how many thousands of tokens a minute
// it takes.
const (
	ModelFormat    = "OpenAI"
	ModelSKU       = "GlobalStandard"
	ModelThousands = 10
)

// model is the capacity of the one deployment that the plan makes; nil where
// the account, and what is deployed in it, is somebody else's.
func (p *Plan) model() *ModelCapacity {
	if p.Options.FoundryEndpoint != "" {
		return nil
	}
	return &ModelCapacity{Model: p.Options.Model, Format: ModelFormat, SKU: ModelSKU, Capacity: ModelThousands}
}
