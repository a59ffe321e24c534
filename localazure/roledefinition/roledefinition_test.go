package roledefinition

import (
	"regexp"
	"testing"

	"github.com/kars-dev/kars/internal/rbac"
)

var guid = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

func TestEveryRoleIsWhole(t *testing.T) {
	seen := map[string]string{}
	for _, d := range All() {
		if !guid.MatchString(d.ID) {
			t.Errorf("%s: id %q is not a lower-case GUID", d.Name, d.ID)
		}
		if other := seen[d.ID]; other != "" {
			t.Errorf("%s and %s share the id %s", d.Name, other, d.ID)
		}
		seen[d.ID] = d.Name
		if d.Name == "" || d.Description == "" || d.Type != "BuiltInRole" || len(d.Permissions) == 0 {
			t.Errorf("%s lacks a part: %+v", d.ID, d)
		}
		for _, p := range d.Permissions {
			if len(p.Actions)+len(p.DataActions) == 0 {
				t.Errorf("%s has a permission set that grants nothing", d.Name)
			}
		}
		if byID, ok := ByID(d.ID); !ok || byID.Name != d.Name {
			t.Errorf("ByID(%s) gave %q, want %q", d.ID, byID.Name, d.Name)
		}
		if byName, ok := ByName(d.Name); !ok || byName.ID != d.ID {
			t.Errorf("ByName(%s) gave %q, want %q", d.Name, byName.ID, d.ID)
		}
	}
}

func TestRolesGrantWhatTheirPagesSay(t *testing.T) {
	const assign = "Microsoft.Authorization/roleAssignments/write"
	tests := map[string]struct {
		role, action string
		data, want   bool
	}{
		"U09: owner assigns roles":                          {"Owner", assign, false, true},
		"U11: contributor makes clusters":                   {"Contributor", "Microsoft.ContainerService/managedClusters/write", false, true},
		"U11: contributor does not assign roles":            {"Contributor", assign, false, false},
		"U11: contributor does not remove role assignments": {"Contributor", "Microsoft.Authorization/roleAssignments/delete", false, false},
		"U12: contributor cannot attach a registry":         {"Contributor", assign, false, false},
		"contributor reads role assignments":                {"Contributor", "Microsoft.Authorization/roleAssignments/read", false, true},
		"contributor federates an identity":                 {"Contributor", "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/write", false, true},
		"contributor registers providers":                   {"Contributor", "Microsoft.ContainerService/register/action", false, true},
		"U11: user access administrator assigns roles":      {"User Access Administrator", assign, false, true},
		"user access administrator does not federate":       {"User Access Administrator", "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/write", false, false},
		"rbac administrator assigns roles":                  {"Role Based Access Control Administrator", assign, false, true},
		"rbac administrator does not define roles":          {"Role Based Access Control Administrator", "Microsoft.Authorization/roleDefinitions/write", false, false},
		"reader reads":                                       {"Reader", "Microsoft.KeyVault/vaults/read", false, true},
		"reader does not list credentials":                   {"Reader", "Microsoft.ContainerService/managedClusters/listClusterUserCredential/action", false, false},
		"identity operator assigns one identity":             {"Managed Identity Operator", "Microsoft.ManagedIdentity/userAssignedIdentities/kubelet/assign/action", false, true},
		"identity operator satisfies the linked check":       {"Managed Identity Operator", "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action", false, true},
		"identity contributor does not assign identities":    {"Managed Identity Contributor", "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action", false, false},
		"acr pull pulls":                                     {"AcrPull", "Microsoft.ContainerRegistry/registries/pull/read", false, true},
		"acr pull does not push":                             {"AcrPull", "Microsoft.ContainerRegistry/registries/push/write", false, false},
		"network contributor joins subnets":                  {"Network Contributor", "Microsoft.Network/virtualNetworks/subnets/join/action", false, true},
		"owner reads no secret":                              {"Owner", "Microsoft.KeyVault/vaults/secrets/getSecret/action", true, false},
		"secrets user reads secrets":                         {"Key Vault Secrets User", "Microsoft.KeyVault/vaults/secrets/getSecret/action", true, true},
		"secrets user writes none":                           {"Key Vault Secrets User", "Microsoft.KeyVault/vaults/secrets/setSecret/action", true, false},
		"secrets officer writes secrets":                     {"Key Vault Secrets Officer", "Microsoft.KeyVault/vaults/secrets/setSecret/action", true, true},
		"openai user chats":                                  {"Cognitive Services OpenAI User", "Microsoft.CognitiveServices/accounts/OpenAI/deployments/chat/completions/action", true, true},
		"openai user reads no stored completions":            {"Cognitive Services OpenAI User", "Microsoft.CognitiveServices/accounts/OpenAI/stored-completions/read", true, false},
		"openai user makes no deployment":                    {"Cognitive Services OpenAI User", "Microsoft.CognitiveServices/accounts/deployments/write", false, false},
		"owner calls no model":                               {"Owner", "Microsoft.CognitiveServices/accounts/OpenAI/deployments/chat/completions/action", true, false},
		"a role answers to its former name":                  {"Azure AI User", "Microsoft.CognitiveServices/accounts/OpenAI/deployments/chat/completions/action", true, true},
		"cluster user lists the user's credential":           {"Azure Kubernetes Service Cluster User Role", "Microsoft.ContainerService/managedClusters/listClusterUserCredential/action", false, true},
		"cluster user does not list the admin's credential":  {"Azure Kubernetes Service Cluster User Role", "Microsoft.ContainerService/managedClusters/listClusterAdminCredential/action", false, false},
		"kubernetes reader reads pods":                       {"Azure Kubernetes Service RBAC Reader", "Microsoft.ContainerService/managedClusters/pods/read", true, true},
		"kubernetes reader reads no secrets":                 {"Azure Kubernetes Service RBAC Reader", "Microsoft.ContainerService/managedClusters/secrets/read", true, false},
		"kubernetes writer writes secrets":                   {"Azure Kubernetes Service RBAC Writer", "Microsoft.ContainerService/managedClusters/secrets/write", true, true},
		"kubernetes writer binds no roles":                   {"Azure Kubernetes Service RBAC Writer", "Microsoft.ContainerService/managedClusters/rbac.authorization.k8s.io/rolebindings/write", true, false},
		"kubernetes admin deletes no namespace":              {"Azure Kubernetes Service RBAC Admin", "Microsoft.ContainerService/managedClusters/namespaces/delete", true, false},
		"kubernetes cluster admin deletes namespaces":        {"Azure Kubernetes Service RBAC Cluster Admin", "Microsoft.ContainerService/managedClusters/namespaces/delete", true, true},
		"contributor has no data action inside the cluster":  {"Contributor", "Microsoft.ContainerService/managedClusters/pods/read", true, false},
		"log analytics contributor makes workspaces":         {"Log Analytics Contributor", "Microsoft.OperationalInsights/workspaces/write", false, true},
		"cognitive services contributor makes accounts":      {"Cognitive Services Contributor", "Microsoft.CognitiveServices/accounts/write", false, true},
		"metrics publisher writes metrics":                   {"Monitoring Metrics Publisher", "Microsoft.Insights/Metrics/Write", true, true},
		"virtual machine contributor writes scale sets":      {"Virtual Machine Contributor", "Microsoft.Compute/virtualMachineScaleSets/write", false, true},
		"private dns contributor links virtual networks":     {"Private DNS Zone Contributor", "Microsoft.Network/privateDnsZones/virtualNetworkLinks/write", false, true},
		"dns zone contributor does not touch private zones":  {"DNS Zone Contributor", "Microsoft.Network/privateDnsZones/write", false, false},
		"acr delete removes artifacts":                       {"AcrDelete", "Microsoft.ContainerRegistry/registries/artifacts/delete", false, true},
		"key vault administrator manages keys":               {"Key Vault Administrator", "Microsoft.KeyVault/vaults/keys/create/action", true, true},
		"aks contributor writes clusters":                    {"Azure Kubernetes Service Contributor Role", "Microsoft.ContainerService/managedClusters/write", false, true},
		"identity operator does not make identities":         {"Managed Identity Operator", "Microsoft.ManagedIdentity/userAssignedIdentities/write", false, false},
		"acr push pulls too":                                 {"AcrPush", "Microsoft.ContainerRegistry/registries/pull/read", false, true},
		"cluster admin role lists the admin's credential":    {"Azure Kubernetes Service Cluster Admin Role", "Microsoft.ContainerService/managedClusters/listClusterAdminCredential/action", false, true},
		"cognitive services user calls models":               {"Cognitive Services User", "Microsoft.CognitiveServices/accounts/OpenAI/deployments/chat/completions/action", true, true},
		"managed identity contributor federates an identity": {"Managed Identity Contributor", "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/write", false, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d, ok := ByName(tt.role)
			if !ok {
				t.Fatalf("no role is called %q", tt.role)
			}
			if _, got := rbac.Permitted(d.Permissions, tt.action, tt.data); got != tt.want {
				t.Errorf("%s grants %s: got %t, want %t", tt.role, tt.action, got, tt.want)
			}
		})
	}
}

func TestWhatIsReturnedIsACopy(t *testing.T) {
	d, _ := ByName("Reader")
	d.Permissions[0] = rbac.Permission{Actions: []string{"*"}}
	if again, _ := ByName("Reader"); again.Permissions[0].Actions[0] != "*/read" {
		t.Errorf("a caller changed Reader to %v", again.Permissions[0].Actions)
	}
}
