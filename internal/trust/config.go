package trust

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kars-dev/kars/api/v1alpha1"
	"github.com/kars-dev/kars/internal/azure/cloud"
)

// Config is the KarsAuthConfig/default that tells the cluster about the trust.
func Config(r Request, made Result) *v1alpha1.KarsAuthConfig {
	c := r.Cloud
	if c.Name == "" {
		c = cloud.Public
	}
	sponsors := make([]string, len(r.Sponsors))
	for i, s := range r.Sponsors {
		sponsors[i] = s.ID
	}
	return &v1alpha1.KarsAuthConfig{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "KarsAuthConfig"},
		ObjectMeta: metav1.ObjectMeta{Name: v1alpha1.AuthConfigName},
		Spec: v1alpha1.KarsAuthConfigSpec{
			Tenant: v1alpha1.Tenant{TenantID: r.TenantID, AuthorityHost: "https://" + c.ActiveDirectoryHost},
			AgentID: v1alpha1.Blueprint{
				BlueprintClientID: made.AppID,
				BlueprintObjectID: made.ObjectID,
				SponsorIDs:        sponsors,
			},
			Controller:     r.Controller,
			FoundryRbac:    r.FoundryRbac,
			DownstreamAPIs: r.DownstreamAPIs,
		},
	}
}

// DefaultAPIs are the APIs that agents may call unless said otherwise: the
// model account, Azure AI Foundry, the vault and Microsoft Graph (U23). An
// empty endpoint leaves its API out.
func DefaultAPIs(c cloud.Cloud, modelEndpoint, vaultURI string) map[string]v1alpha1.DownstreamAPI {
	if c.Name == "" {
		c = cloud.Public
	}
	app := true
	api := func(base, resource string) v1alpha1.DownstreamAPI {
		return v1alpha1.DownstreamAPI{BaseURL: base, Scopes: []string{resource + "/.default"}, RequestAppToken: &app}
	}
	out := map[string]v1alpha1.DownstreamAPI{"Graph": api("https://"+c.Graph+"/v1.0/", "https://"+c.Graph)}
	if modelEndpoint != "" {
		out["OpenAI"] = api(modelEndpoint, c.CognitiveServicesAudience)
		if c.Name == cloud.Public.Name {
			out["Foundry"] = api(modelEndpoint, "https://ai.azure.com")
		}
	}
	if vaultURI != "" {
		out["KeyVault"] = api(vaultURI, "https://"+c.VaultSuffix)
	}
	return out
}
