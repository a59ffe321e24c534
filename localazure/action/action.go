// Package action says which Azure actions a request to Azure Resource Manager
// requires, and at which scopes.
//
// It is a witness of its own: it knows nothing of what the product believes it
// needs. What is not in the tables follows the rule that operations are named
// by: "{provider}/{type}/read", "write" and "delete" for GET, PUT or PATCH, and
// DELETE, "{provider}/{type}/{operation}/action" for POST;
// learn.microsoft.com/azure/role-based-access-control/resource-provider-operations.
package action

import (
	"net/http"
	"strings"

	"github.com/kars-dev/kars/localazure/armid"
)

// Need is an action that the caller must be allowed at a scope.
type Need struct {
	Action string
	Scope  string // an ARM id
	// Equivalent is another action that satisfies the need, if there is one.
	Equivalent string
	// AnyRole says that whoever holds a role at the scope, above or below it,
	// may do it too, whatever the role allows.
	AnyRole bool
}

// Of returns what a request needs, and false for one that every signed-in
// caller may make (its answer is filtered instead).
func Of(method string, id armid.ID) (Need, bool) {
	kind := id.Type()
	if id.Rest != "" {
		kind = id.CollectionType()
	}
	for _, e := range exceptions() {
		if e.method == method && strings.EqualFold(e.kind, kind) {
			return Need{Action: e.action, Scope: id.Scope()}, e.action != ""
		}
	}
	return Need{Action: byRule(method, kind), Scope: id.Scope(), AnyRole: method == http.MethodGet && visible(kind)}, true
}

// visible says whether all who hold a role over a scope may read the objects of
// a type there: those of Azure Policy;
// learn.microsoft.com/azure/governance/policy/overview#azure-rbac-permissions-in-azure-policy.
func visible(kind string) bool {
	return strings.EqualFold(kind, "Microsoft.Authorization/policyAssignments") || strings.EqualFold(kind, "Microsoft.Authorization/policyDefinitions")
}

func byRule(method, kind string) string {
	switch method {
	case http.MethodGet, http.MethodHead:
		return kind + "/read"
	case http.MethodDelete:
		return kind + "/delete"
	case http.MethodPost:
		return kind + "/action"
	default:
		return kind + "/write"
	}
}

// exception is a request whose action does not follow the rule.
type exception struct {
	method string
	kind   string // the type, or type and operation, in the path
	action string // empty: none
	source string
}

func exceptions() []exception {
	const operations = "https://learn.microsoft.com/azure/role-based-access-control/permissions/"
	return []exception{
		{
			http.MethodGet, "Microsoft.Resources/subscriptions", "Microsoft.Resources/subscriptions/read",
			operations + "management-and-governance#microsoftresources",
		},
		{
			http.MethodGet, "Microsoft.Resources/tenants", "",
			"https://learn.microsoft.com/rest/api/resources/tenants/list: gets the tenants of your account",
		},
		{
			http.MethodPost, "Microsoft.KeyVault/checkNameAvailability", "Microsoft.KeyVault/checkNameAvailability/read",
			operations + "security#microsoftkeyvault",
		},
		{
			http.MethodPost, "Microsoft.ContainerRegistry/checkNameAvailability", "Microsoft.ContainerRegistry/checkNameAvailability/read",
			operations + "containers#microsoftcontainerregistry",
		},
		{
			http.MethodGet, "Microsoft.ManagedIdentity/identities", "Microsoft.ManagedIdentity/identities/read",
			operations + "identity#microsoftmanagedidentity",
		},
		{
			http.MethodPost, "Microsoft.PolicyInsights/checkPolicyRestrictions", "Microsoft.PolicyInsights/checkPolicyRestrictions/read",
			operations + "management-and-governance#microsoftpolicyinsights",
		},
	}
}
