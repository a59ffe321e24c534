package provision

import (
	"github.com/kars-dev/kars/internal/event"
)

// Result is what one run of `kars up` came to; it is a document's body, as
// docs/architecture.md describes it.
type Result struct {
	Steps    []StepResult    `json:"steps"`
	Requests Requests        `json:"requests"`
	Warnings []event.Warning `json:"warnings"`
	Error    *Failure        `json:"error,omitempty"`
	Outputs  Outputs         `json:"outputs"`
}

// StepResult is how one step ended.
type StepResult struct {
	ID         string       `json:"id"`
	Status     event.Status `json:"status"`
	DurationMS int64        `json:"durationMs"`
	Detail     string       `json:"detail"`
}

// Requests are the requests that a run made.
type Requests struct {
	Azure      Count `json:"azure"`
	Kubernetes Count `json:"kubernetes"`
}

// Count counts requests that cannot change anything, and those that can.
type Count struct {
	Reads  int `json:"reads"`
	Writes int `json:"writes"`
}

// Failure is why a run failed, and what to do about it.
type Failure struct {
	Code    string `json:"code"`
	Step    string `json:"step"`
	Message string `json:"message"`
	Fix     string `json:"fix"`
}

// Outputs are what the run brought about; ids are ARM ids.
type Outputs struct {
	SubscriptionID      string    `json:"subscriptionId"`
	TenantID            string    `json:"tenantId"`
	ResourceGroup       string    `json:"resourceGroup"`
	Cluster             string    `json:"cluster"`
	Registry            string    `json:"registry"`
	KeyVault            string    `json:"keyVault"`
	RegistryLoginServer string    `json:"registryLoginServer"`
	KeyVaultURI         string    `json:"keyVaultUri"`
	FoundryEndpoint     string    `json:"foundryEndpoint"`
	Kubeconfig          string    `json:"kubeconfig"` // a path
	Tier                Tier      `json:"tier"`
	Sandboxes           []Sandbox `json:"sandboxes"`
}

// Tier says whether sandboxes have identities of their own.
type Tier string

// The tiers.
const (
	TierEntra     Tier = "entra"
	TierAnonymous Tier = "anonymous"
)

// Sandbox is one sandbox as documents show it.
type Sandbox struct {
	Name          string         `json:"name"`
	Namespace     string         `json:"namespace"`
	Phase         string         `json:"phase"`
	AgentIdentity *AgentIdentity `json:"agentIdentity,omitempty"`
}

// AgentIdentity is a sandbox's identity in Entra.
type AgentIdentity struct {
	AppID       string `json:"appId"`
	ObjectID    string `json:"objectId"`
	DisplayName string `json:"displayName"`
}

// Nothing is the result of a run that did not begin.
func Nothing() Result {
	return Result{Steps: []StepResult{}, Warnings: []event.Warning{}, Outputs: Outputs{Sandboxes: []Sandbox{}, Tier: TierAnonymous}}
}
