package product

import "time"

// The documents that tests read, as docs/architecture.md describes them. They
// are written down here a second time, so that a change of the product's own
// types cannot change the contract unseen.

// UpResult is what `kars up -o json` prints.
type UpResult struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Preflight  *struct {
		Verdict  string    `json:"verdict"`
		Findings []Finding `json:"findings"`
	} `json:"preflight"`
	Steps    []Step `json:"steps"`
	Requests struct {
		Azure      Count `json:"azure"`
		Kubernetes Count `json:"kubernetes"`
	} `json:"requests"`
	Warnings []struct {
		ID   string `json:"id"`
		Text string `json:"text"`
		Fix  string `json:"fix"`
	} `json:"warnings"`
	Error *struct {
		Code    string `json:"code"`
		Step    string `json:"step"`
		Message string `json:"message"`
		Fix     string `json:"fix"`
	} `json:"error"`
	Outputs struct {
		SubscriptionID      string    `json:"subscriptionId"`
		TenantID            string    `json:"tenantId"`
		ResourceGroup       string    `json:"resourceGroup"`
		Cluster             string    `json:"cluster"`
		Registry            string    `json:"registry"`
		KeyVault            string    `json:"keyVault"`
		RegistryLoginServer string    `json:"registryLoginServer"`
		KeyVaultURI         string    `json:"keyVaultUri"`
		FoundryEndpoint     string    `json:"foundryEndpoint"`
		Kubeconfig          string    `json:"kubeconfig"`
		Tier                string    `json:"tier"`
		Sandboxes           []Sandbox `json:"sandboxes"`
	} `json:"outputs"`
}

// Finding is one of preflight's.
type Finding struct {
	ID       string   `json:"id"`
	Category string   `json:"category"`
	Verdict  string   `json:"verdict"`
	Subject  string   `json:"subject"`
	Scope    string   `json:"scope"`
	Evidence []string `json:"evidence"`
	Fix      []struct {
		Text    string `json:"text"`
		Command string `json:"command"`
	} `json:"fix"`
	Blocks bool `json:"blocks"`
}

// Step is how one step of a run ended.
type Step struct {
	ID         string `json:"id"`
	Status     string `json:"status"`
	DurationMS *int64 `json:"durationMs"`
	Detail     string `json:"detail"`
}

// Count counts requests.
type Count struct {
	Reads  int `json:"reads"`
	Writes int `json:"writes"`
}

// Sandbox is a sandbox in documents.
type Sandbox struct {
	Name          string `json:"name"`
	Namespace     string `json:"namespace"`
	Phase         string `json:"phase"`
	AgentIdentity *struct {
		AppID       string `json:"appId"`
		ObjectID    string `json:"objectId"`
		DisplayName string `json:"displayName"`
	} `json:"agentIdentity"`
}

// SandboxList is what `kars list -o json` prints.
type SandboxList struct {
	Kind      string    `json:"kind"`
	Sandboxes []Sandbox `json:"sandboxes"`
}

// ConnectResult is what `kars connect -o json` prints.
type ConnectResult struct {
	Kind  string `json:"kind"`
	Reply string `json:"reply"`
}

// DownResult is what `kars down -o json` prints.
type DownResult struct {
	Kind  string `json:"kind"`
	Steps []Step `json:"steps"`
	Kept  []struct {
		ID  string `json:"id"`
		Why string `json:"why"`
	} `json:"kept"`
}

// LocalStatus is what `kars local status -o json` prints.
type LocalStatus struct {
	Kind     string `json:"kind"`
	Running  bool   `json:"running"`
	PID      int    `json:"pid"`
	Requests struct {
		ByPrincipal map[string]map[string]Count `json:"byPrincipal"`
	} `json:"requests"`
}

// Writes are those that the local Azure counts for a principal, of all planes.
func (s LocalStatus) Writes(principal string) int {
	n := 0
	for _, c := range s.Requests.ByPrincipal[principal] {
		n += c.Writes
	}
	return n
}

// Request is one of `kars local requests -o json`.
type Request struct {
	Time   time.Time `json:"time"`
	Method string    `json:"method"`
	Path   string    `json:"path"`
	Status int       `json:"status"`
	Caller struct {
		ObjectID     string `json:"oid"`
		AppID        string `json:"appid"`
		IdentityType string `json:"idtyp"`
		Audience     string `json:"aud"`
		Parent       string `json:"xms_par_app_azp"`
	} `json:"caller"`
}
