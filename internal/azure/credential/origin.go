package credential

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Origin says where a caller's tokens come from, and what about that may
// surprise.
type Origin struct {
	// Credential is azidentity's name of the credential, as AzureCLICredential;
	// empty where that cannot be told.
	Credential string `json:"credential,omitempty"`
	Why        string `json:"why,omitempty"` // it was this one, in one line
	// Federated is true for a pipeline's or a workload's assertion that was
	// exchanged for a token.
	Federated bool `json:"federated,omitempty"`
	// Disagreements are between the AZURE_ variables and what the Azure CLI is
	// signed in to, one line each.
	Disagreements []string `json:"disagreements,omitempty"`
}

// toolClients are the clients by which Microsoft's own tools sign people in.
// learn.microsoft.com/troubleshoot/entra/entra-id/governance/verify-first-party-apps-sign-in
var toolClients = map[string]string{
	"04b07795-8ddb-461a-bbee-02f9e1bf7b46": "AzureCLICredential",
	"1950a258-227b-4e31-a9cf-717495945fc2": "AzurePowerShellCredential",
}

// OriginOf tells from the caller's claims and the environment which credential
// of azidentity's chain answered. Profile is the Azure CLI's azureProfile.json,
// nil if there is none; it holds no token.
// learn.microsoft.com/azure/developer/go/sdk/authentication/credential-chains
func OriginOf(c Caller, getenv func(string) string, profile []byte) Origin {
	signedIn, hasCLI := current(profile)
	o := Origin{}
	if hasCLI {
		o.Disagreements = disagreements(c, getenv, signedIn)
	}
	mine := c.AppID != "" && strings.EqualFold(c.AppID, getenv("AZURE_CLIENT_ID"))
	secret := getenv("AZURE_CLIENT_SECRET") != "" || getenv("AZURE_CLIENT_CERTIFICATE_PATH") != ""
	tool := toolClients[strings.ToLower(c.AppID)]
	switch {
	case mine && secret:
		o.Credential, o.Why = "EnvironmentCredential", "AZURE_CLIENT_ID, AZURE_TENANT_ID and a secret or certificate are set, which goes before everything else"
	case mine && getenv("AZURE_FEDERATED_TOKEN_FILE") != "":
		o.Credential, o.Why, o.Federated = "WorkloadIdentityCredential", "AZURE_FEDERATED_TOKEN_FILE is set", true
	case c.ManagedIdentity:
		o.Credential, o.Why = "ManagedIdentityCredential", "no AZURE_ variables name another, and this machine has a managed identity"
	case tool != "":
		o.Credential, o.Why = tool, "no AZURE_ variables and no managed identity came before it"
	case hasCLI && c.Type == ServicePrincipal && strings.EqualFold(signedIn.User.Name, c.AppID):
		o.Credential, o.Why = "AzureCLICredential", "the Azure CLI is signed in as this service principal"
		o.Federated = c.Assertion && inPipeline(getenv)
	}
	return o
}

// inPipeline reports whether this is a job of a service that gives jobs
// assertions to exchange for tokens.
// learn.microsoft.com/entra/workload-id/workload-identity-federation
func inPipeline(getenv func(string) string) bool {
	// GitHub Actions, Azure Pipelines, GitLab.
	for _, variable := range []string{"ACTIONS_ID_TOKEN_REQUEST_URL", "SYSTEM_OIDCREQUESTURI", "GITLAB_CI"} {
		if getenv(variable) != "" {
			return true
		}
	}
	return false
}

// cliAccount is a subscription that the Azure CLI knows.
type cliAccount struct {
	ID       string `json:"id"`
	TenantID string `json:"tenantId"`
	Default  bool   `json:"isDefault"`
	User     struct {
		Name string `json:"name"` // of a service principal its client id
	} `json:"user"`
}

// current is what the Azure CLI works with now.
func current(profile []byte) (cliAccount, bool) {
	var document struct {
		Subscriptions []cliAccount `json:"subscriptions"`
	}
	// The CLI writes a byte order mark.
	if json.Unmarshal([]byte(strings.TrimPrefix(string(profile), "\ufeff")), &document) != nil {
		return cliAccount{}, false
	}
	for _, a := range document.Subscriptions {
		if a.Default {
			return a, true
		}
	}
	return cliAccount{}, false
}

// disagreements are what a person at a terminal would not expect: the variables
// win over what `az account show` says.
func disagreements(c Caller, getenv func(string) string, signedIn cliAccount) []string {
	var out []string
	differ := func(what, variable, cli string) {
		if value := getenv(variable); value != "" && cli != "" && !strings.EqualFold(value, cli) {
			out = append(out, fmt.Sprintf("%s says the %s %s, the Azure CLI %s", variable, what, value, cli))
		}
	}
	differ("tenant", "AZURE_TENANT_ID", signedIn.TenantID)
	differ("subscription", "AZURE_SUBSCRIPTION_ID", signedIn.ID)
	mine := c.AppID != "" && strings.EqualFold(c.AppID, getenv("AZURE_CLIENT_ID"))
	if mine && c.Type == ServicePrincipal && !strings.EqualFold(signedIn.User.Name, c.AppID) {
		out = append(out, fmt.Sprintf("AZURE_CLIENT_ID says the application %s, the Azure CLI is signed in as %s", c.AppID, signedIn.User.Name))
	}
	return out
}
