// Package cloud names the hosts, audiences and domains of each Azure cloud, and
// makes the HTTP transports that reach them: the ordinary one, and the one for
// which every Azure name is the local Azure.
package cloud

import (
	"strings"

	azcloud "github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
)

// Cloud is one Azure cloud. Hosts are bare names, suffixes have no leading dot,
// audiences have neither a trailing slash nor "/.default".
type Cloud struct {
	Name string // as the Azure CLI says it: AzureCloud, AzureUSGovernment, AzureChinaCloud

	ActiveDirectoryHost string // login.microsoftonline.com
	ResourceManager     string // management.azure.com
	Graph               string // graph.microsoft.com
	Portal              string // portal.azure.com

	// TokenExchangeAudience is the audience of a federated credential.
	// learn.microsoft.com/entra/workload-id/workload-identity-federation-create-trust
	TokenExchangeAudience string
	// CognitiveServicesAudience is the resource a model call's token is for.
	CognitiveServicesAudience string

	RegistrySuffix          string // azurecr.io
	VaultSuffix             string // vault.azure.net
	OpenAISuffix            string // openai.azure.com
	CognitiveServicesSuffix string // cognitiveservices.azure.com
}

// Public is the cloud that most subscriptions are in.
var Public = Cloud{
	Name:                      "AzureCloud",
	ActiveDirectoryHost:       "login.microsoftonline.com",
	ResourceManager:           "management.azure.com",
	Graph:                     "graph.microsoft.com",
	Portal:                    "portal.azure.com",
	TokenExchangeAudience:     "api://AzureADTokenExchange",
	CognitiveServicesAudience: "https://cognitiveservices.azure.com",
	RegistrySuffix:            "azurecr.io",
	VaultSuffix:               "vault.azure.net",
	OpenAISuffix:              "openai.azure.com",
	CognitiveServicesSuffix:   "cognitiveservices.azure.com",
}

// USGov is Azure Government.
// learn.microsoft.com/azure/azure-government/compare-azure-government-global-azure
var USGov = Cloud{
	Name:                      "AzureUSGovernment",
	ActiveDirectoryHost:       "login.microsoftonline.us",
	ResourceManager:           "management.usgovcloudapi.net",
	Graph:                     "graph.microsoft.us",
	Portal:                    "portal.azure.us",
	TokenExchangeAudience:     "api://AzureADTokenExchangeUSGov",
	CognitiveServicesAudience: "https://cognitiveservices.azure.us",
	RegistrySuffix:            "azurecr.us",
	VaultSuffix:               "vault.usgovcloudapi.net",
	OpenAISuffix:              "openai.azure.us",
	CognitiveServicesSuffix:   "cognitiveservices.azure.us",
}

// China is Azure operated by 21Vianet.
// learn.microsoft.com/azure/china/resources-developer-guide
var China = Cloud{
	Name:                      "AzureChinaCloud",
	ActiveDirectoryHost:       "login.chinacloudapi.cn",
	ResourceManager:           "management.chinacloudapi.cn",
	Graph:                     "microsoftgraph.chinacloudapi.cn",
	Portal:                    "portal.azure.cn",
	TokenExchangeAudience:     "api://AzureADTokenExchangeChina",
	CognitiveServicesAudience: "https://cognitiveservices.azure.cn",
	RegistrySuffix:            "azurecr.cn",
	VaultSuffix:               "vault.azure.cn",
	OpenAISuffix:              "openai.azure.cn",
	CognitiveServicesSuffix:   "cognitiveservices.azure.cn",
}

// ByName finds a cloud by its name, in any case; the empty name is [Public].
func ByName(name string) (Cloud, bool) {
	if name == "" {
		return Public, true
	}
	for _, c := range []Cloud{Public, USGov, China} {
		if strings.EqualFold(c.Name, name) {
			return c, true
		}
	}
	return Cloud{}, false
}

// Authority is the URL of the cloud's Entra, with a trailing slash.
func (c Cloud) Authority() string { return "https://" + c.ActiveDirectoryHost + "/" }

// ResourceManagerScope is the OAuth scope of a token for Azure Resource Manager.
func (c Cloud) ResourceManagerScope() string {
	return "https://" + c.ResourceManager + "/.default"
}

// GraphScope is the OAuth scope of a token for Microsoft Graph.
func (c Cloud) GraphScope() string { return "https://" + c.Graph + "/.default" }

// Configuration is the cloud in the Azure SDK's terms.
func (c Cloud) Configuration() azcloud.Configuration {
	return azcloud.Configuration{
		ActiveDirectoryAuthorityHost: c.Authority(),
		Services: map[azcloud.ServiceName]azcloud.ServiceConfiguration{
			azcloud.ResourceManager: {
				Endpoint: "https://" + c.ResourceManager,
				Audience: "https://" + c.ResourceManager,
			},
		},
	}
}
