package directory

import (
	"slices"
	"strings"

	"github.com/kars-dev/kars/localazure/store"
)

// Client ids of Microsoft's own applications; learn.microsoft.com/troubleshoot/entra/entra-id/governance/verify-first-party-apps-sign-in.
const (
	GraphAppID         = "00000003-0000-0000-c000-000000000000"
	ARMAppID           = "797f4846-ba00-4fd7-ba43-dac1f8f63013"
	TokenExchangeAppID = "fb60f99c-7a34-4190-8149-302f77469936"
	AzureCLIAppID      = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
	// KarsAppID is the public client as which kars signs a local user in.
	KarsAppID = "7d3c2c8e-3f0b-4a63-9a53-6b5b7c1f0a55"
)

// App is an application that every tenant has: a resource that tokens are
// issued for, or a client that asks for them.
type App struct {
	AppID       string
	DisplayName string
	// Resources are the names that the application has as a resource, without a
	// trailing slash. The first is the usual one.
	Resources []string
	// Public says that users may sign in with this client without a credential
	// of its own. Scopes are what was consented to for it at Microsoft Graph.
	Public bool
	Scopes []string
}

// FirstParty returns the applications that every tenant has.
func FirstParty() []App {
	return []App{
		{AppID: GraphAppID, DisplayName: "Microsoft Graph", Resources: []string{"https://graph.microsoft.com", GraphAppID}},
		{AppID: ARMAppID, DisplayName: "Windows Azure Service Management API", Resources: []string{
			"https://management.azure.com", "https://management.core.windows.net", ARMAppID,
		}},
		{AppID: "7d312290-28c8-473c-a0ed-8e53749b6d6d", DisplayName: "Microsoft Cognitive Services", Resources: []string{
			"https://cognitiveservices.azure.com", "7d312290-28c8-473c-a0ed-8e53749b6d6d",
		}},
		{AppID: "18a66f5f-dbdf-4c17-9dd7-1634712a9cbe", DisplayName: "Azure Machine Learning Services", Resources: []string{
			"https://ai.azure.com", "https://ml.azure.com", "18a66f5f-dbdf-4c17-9dd7-1634712a9cbe",
		}},
		{AppID: "cfa8b339-82a2-471a-a3c9-0fc0be7a4093", DisplayName: "Azure Key Vault", Resources: []string{
			"https://vault.azure.net", "cfa8b339-82a2-471a-a3c9-0fc0be7a4093",
		}},
		{AppID: "6a0ec4d3-30cb-4a83-91c0-ae56bc0e3d26", DisplayName: "Azure Container Registry", Resources: []string{
			"https://containerregistry.azure.net", "6a0ec4d3-30cb-4a83-91c0-ae56bc0e3d26",
		}},
		{AppID: "6dae42f8-4368-4678-94ff-3960e28e3630", DisplayName: "Azure Kubernetes Service AAD Server", Resources: []string{
			"6dae42f8-4368-4678-94ff-3960e28e3630",
		}},
		{AppID: "ca7f3f0b-7d91-482c-8e09-c5d840d0eac5", DisplayName: "Log Analytics API", Resources: []string{
			"https://api.loganalytics.io", "ca7f3f0b-7d91-482c-8e09-c5d840d0eac5",
		}},
		{AppID: TokenExchangeAppID, DisplayName: "AAD Token Exchange Endpoint", Resources: []string{
			"api://AzureADTokenExchange", TokenExchangeAppID,
		}},
		{AppID: AzureCLIAppID, DisplayName: "Microsoft Azure CLI", Public: true, Scopes: []string{
			"Application.ReadWrite.All", "AppRoleAssignment.ReadWrite.All", "AuditLog.Read.All",
			"DelegatedPermissionGrant.ReadWrite.All", "Directory.AccessAsUser.All", "email", "Group.ReadWrite.All",
			"openid", "profile", "User.Read.All", "User.ReadWrite.All",
		}},
		{AppID: KarsAppID, DisplayName: "kars", Public: true, Scopes: []string{
			"AgentIdentity.DeleteRestore.All", "AgentIdentity.EnableDisable.All", "AgentIdentity.Read.All",
			"AgentIdentity.ReadWrite.All", "AgentIdentityBlueprint.AddRemoveCreds.All", "AgentIdentityBlueprint.Create",
			"AgentIdentityBlueprint.DeleteRestore.All", "AgentIdentityBlueprint.Read.All",
			"AgentIdentityBlueprint.UpdateAuthProperties.All", "AgentIdentityBlueprintPrincipal.Create",
			"AgentIdentityBlueprintPrincipal.DeleteRestore.All", "AgentIdentityBlueprintPrincipal.Read.All",
			"Application.Read.All", "email", "Group.Read.All", "openid", "profile", "RoleAssignmentSchedule.ReadWrite.Directory",
			"RoleEligibilitySchedule.ReadWrite.Directory", "RoleManagement.Read.Directory", "User.Read.All",
		}},
	}
}

// Resource returns the application that tokens for name are issued for. A
// trailing slash does not matter.
func Resource(name string) (App, bool) {
	name = strings.TrimRight(name, "/")
	for _, app := range FirstParty() {
		if slices.ContainsFunc(app.Resources, func(r string) bool { return strings.EqualFold(r, name) }) {
			return app, true
		}
	}
	return App{}, false
}

// PublicClient returns the client with this id that users may sign in with.
func PublicClient(appID string) (App, bool) {
	for _, app := range FirstParty() {
		if app.Public && strings.EqualFold(app.AppID, appID) {
			return app, true
		}
	}
	return App{}, false
}

func (t *Tx) putFirstParty(app App) error {
	id := t.d.derivedID("servicePrincipal", app.AppID)
	names := []any{app.AppID}
	for _, r := range app.Resources {
		if r != app.AppID {
			names = append(names, r)
		}
	}
	return t.put(Object{ID: id, Kind: ServicePrincipal, Type: TypeServicePrincipal, Properties: store.Tree{
		"id": id, "appId": app.AppID, "displayName": app.DisplayName, "appDisplayName": app.DisplayName,
		"servicePrincipalType": "Application", "accountEnabled": true, "tags": []any{},
		"appOwnerOrganizationId": microsoftTenant, "servicePrincipalNames": names,
		"createdDateTime": stamp(t.d.now()),
	}})
}

// microsoftTenant owns Microsoft's own applications.
const microsoftTenant = "f8cdef31-a31e-4b4a-93e4-5f571e91255a"
