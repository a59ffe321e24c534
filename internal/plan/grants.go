package plan

import (
	"fmt"
	"strings"
)

// The built-in roles that the plan or the controller grants. Names drift, ids
// do not: learn.microsoft.com/azure/role-based-access-control/built-in-roles
var (
	NetworkContributor      = Role{"4d97b98b-1d4f-4787-a291-c67834d212e7", "Network Contributor"}
	ManagedIdentityOperator = Role{"f1a07417-d97a-45cb-824c-7a7467783830", "Managed Identity Operator"}
	AcrPull                 = Role{"7f951dda-4ed3-4680-a7ca-43fe172d538d", "AcrPull"}
	RBACAdministrator       = Role{"f58310d9-a9f6-439a-9e8d-f62e7b41a168", "Role Based Access Control Administrator"}
	OpenAIUser              = Role{"5e0bd9bd-7b93-4f28-af87-19fc36ad61bd", "Cognitive Services OpenAI User"}
	KeyVaultSecretsUser     = Role{"4633458b-17de-408a-b874-0445c86b69e6", "Key Vault Secrets User"}
)

// Role is a built-in role.
type Role struct{ ID, Name string }

// Principal is a symbolic principal: one that the plan itself makes, known by
// object id only once it exists.
type Principal string

// The principals of the plan's grants.
const (
	ControlPlane Principal = "control-plane identity"
	Kubelet      Principal = "kubelet identity"
	Controller   Principal = "controller identity"
	// AgentIdentity stands for the identity of every sandbox's agent, which the
	// broker makes and the controller gives its roles.
	AgentIdentity Principal = "agent identity"
)

// Grant is a role assignment that the plan makes.
type Grant struct {
	Scope         string
	Role          Role
	Principal     Principal
	IdentityID    string // ARM id of the principal's managed identity
	PrincipalType string // always sent, so that a new principal's replication is waited for by ARM
	Before        bool   // the cluster cannot be made without it
	Condition     string // ABAC, version 2.0; or empty
	Why           string
}

// RoleDefinitionOf is the full id of a grant's role, in the subscription in which
// it is granted: an account that is there already may lie in another.
func (p *Plan) RoleDefinitionOf(g Grant) string {
	subscription := p.SubscriptionID
	if rest, ok := strings.CutPrefix(strings.ToLower(g.Scope), "/subscriptions/"); ok {
		subscription, _, _ = strings.Cut(rest, "/")
	}
	return "/subscriptions/" + subscription + "/providers/Microsoft.Authorization/roleDefinitions/" + g.Role.ID
}

func (p *Plan) grants() []Grant {
	controlPlane := p.id(identityType, p.Names.ControlPlane)
	kubelet := p.id(identityType, p.Names.Kubelet)
	grant := func(who Principal, identity string, r Role, scope string, before bool, why string) Grant {
		return Grant{Scope: scope, Role: r, Principal: who, IdentityID: identity, PrincipalType: "ServicePrincipal", Before: before, Why: why}
	}
	out := []Grant{
		grant(ControlPlane, controlPlane, ManagedIdentityOperator, kubelet, true, "AKS gives the kubelet identity to the nodes"),
		grant(ControlPlane, controlPlane, NetworkContributor, p.subnetID(SystemSubnet), true, "AKS manages the system nodes' network"),
		grant(ControlPlane, controlPlane, NetworkContributor, p.subnetID(SandboxSubnet), true, "AKS manages the sandbox nodes' network"),
		grant(Kubelet, kubelet, AcrPull, p.RegistryID(), true, "nodes pull images from the registry"),
	}
	give := func(r Role, scope, why string) {
		g := grant(Controller, p.ControllerID(), RBACAdministrator, scope, false, why)
		g.Condition = onlyAssigns(r)
		out = append(out, g)
	}
	if p.FoundryID() != "" {
		give(OpenAIUser, p.FoundryID(), "the controller lets each agent identity call models")
	}
	give(KeyVaultSecretsUser, p.VaultID(), "the controller lets each agent identity read its secrets")
	return out
}

// onlyAssigns is the condition under which its holder may assign, and take
// away, only these roles, and only to service principals.
// learn.microsoft.com/azure/role-based-access-control/delegate-role-assignments-examples
func onlyAssigns(roles ...Role) string {
	ids := make([]string, len(roles))
	for i, r := range roles {
		ids[i] = r.ID
	}
	clause := func(action, source string) string {
		attribute := "@" + source + "[Microsoft.Authorization/roleAssignments:"
		return fmt.Sprintf("((!(ActionMatches{'Microsoft.Authorization/roleAssignments/%s'})) OR (%sRoleDefinitionId] ForAnyOfAnyValues:GuidEquals {%s} AND %sPrincipalType] ForAnyOfAnyValues:StringEqualsIgnoreCase {'ServicePrincipal'}))",
			action, attribute, strings.Join(ids, ", "), attribute)
	}
	return clause("write", "Request") + " AND " + clause("delete", "Resource")
}
