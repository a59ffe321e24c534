package action

import (
	"slices"
	"strings"
)

// Linked returns what writing a resource needs at the other resources that its
// tree refers to, in a stable order and each once.
// learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-linkedauthorizationfailed
// tells of these checks; each row of the table names the page for its action.
func Linked(resourceType string, tree map[string]any) []Need {
	var needs []Need
	for _, l := range links() {
		if l.kind != "*" && !strings.EqualFold(l.kind, resourceType) {
			continue
		}
		for _, scope := range find(tree, strings.Split(l.path, ".")) {
			need := Need{Action: l.action, Scope: scope, Equivalent: equivalent(l.action, scope)}
			if strings.HasPrefix(scope, "/") && !slices.ContainsFunc(needs, need.equal) {
				needs = append(needs, need)
			}
		}
	}
	return needs
}

// equivalent returns the other name by which roles grant an action. The check is
// reported as "userAssignedIdentities/assign/action", and the role Managed
// Identity Operator, documented to satisfy it, holds it below the identity's
// name: "userAssignedIdentities/*/assign/action";
// learn.microsoft.com/azure/role-based-access-control/built-in-roles/identity#managed-identity-operator.
// The keys of a workspace are a read on the page of AKS, and an action among the
// provider's operations;
// learn.microsoft.com/azure/role-based-access-control/permissions/monitor#microsoftoperationalinsights.
func equivalent(action, scope string) string {
	const assign, suffix = "Microsoft.ManagedIdentity/userAssignedIdentities", "/assign/action"
	switch action {
	case assign + suffix:
		return assign + scope[strings.LastIndex(scope, "/"):] + suffix
	case sharedKeys:
		return "Microsoft.OperationalInsights/workspaces/sharedKeys/action"
	}
	return ""
}

const sharedKeys = "Microsoft.OperationalInsights/workspaces/sharedkeys/read"

func (n Need) equal(o Need) bool {
	return strings.EqualFold(n.Action, o.Action) && strings.EqualFold(n.Scope, o.Scope)
}

// link is a place in a resource's tree that refers to another resource.
type link struct {
	kind   string // the type written, or "*"
	path   string // keys; "[]" is every element, "{}" every key of a map
	action string
	source string
}

func links() []link {
	const (
		clusters  = "Microsoft.ContainerService/managedClusters"
		creating  = "https://learn.microsoft.com/azure/aks/concepts-identity#identity-creating-and-operating-the-cluster-permissions"
		assigning = "https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-manage-user-assigned-managed-identities"
		joining   = "https://learn.microsoft.com/azure/virtual-network/virtual-network-manage-subnet#permissions"
		assign    = "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action"
		join      = "Microsoft.Network/virtualNetworks/subnets/join/action"
		outbound  = "properties.networkProfile.loadBalancerProfile."
		workspace = "properties.addonProfiles.omsagent.config.logAnalyticsWorkspaceResourceID"
	)
	return []link{
		{"*", "identity.userAssignedIdentities.{}", assign, assigning},
		{clusters, "properties.identityProfile.kubeletidentity.resourceId", assign, creating},
		{clusters, "properties.agentPoolProfiles.[].vnetSubnetID", join, creating},
		{clusters, "properties.agentPoolProfiles.[].podSubnetID", join, creating},
		{clusters, "properties.apiServerAccessProfile.subnetId", join, creating},
		{clusters, "properties.diskEncryptionSetID", "Microsoft.Compute/diskEncryptionSets/read", creating},
		{clusters, "properties.agentPoolProfiles.[].proximityPlacementGroupID", "Microsoft.Compute/proximityPlacementGroups/write", creating},
		{clusters, outbound + "outboundIPs.publicIPs.[].id", "Microsoft.Network/publicIPAddresses/join/action", creating},
		{clusters, outbound + "outboundIPPrefixes.publicIPPrefixes.[].id", "Microsoft.Network/publicIPPrefixes/join/action", creating},
		{clusters, workspace, "Microsoft.OperationalInsights/workspaces/read", creating},
		{clusters, workspace, sharedKeys, creating},
		{clusters, workspace, "Microsoft.OperationsManagement/solutions/read", creating},
		{clusters, workspace, "Microsoft.OperationsManagement/solutions/write", creating},
		{clusters + "/agentPools", "properties.vnetSubnetID", join, creating},
		{"Microsoft.Network/virtualNetworks", "properties.subnets.[].properties.networkSecurityGroup.id", "Microsoft.Network/networkSecurityGroups/join/action", joining},
		{"Microsoft.Network/virtualNetworks", "properties.subnets.[].properties.routeTable.id", "Microsoft.Network/routeTables/join/action", joining},
		{"Microsoft.Network/virtualNetworks/subnets", "properties.networkSecurityGroup.id", "Microsoft.Network/networkSecurityGroups/join/action", joining},
		{"Microsoft.Network/virtualNetworks/subnets", "properties.routeTable.id", "Microsoft.Network/routeTables/join/action", joining},
	}
}

// find returns the strings at path in order. Keys are compared without regard
// to case, as ARM compares property names.
func find(value any, path []string) []string {
	if len(path) == 0 {
		if s, ok := value.(string); ok && s != "" {
			return []string{s}
		}
		return nil
	}
	var found []string
	switch v := value.(type) {
	case []any:
		if path[0] != "[]" {
			return nil
		}
		for _, element := range v {
			found = append(found, find(element, path[1:])...)
		}
	case map[string]any:
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		for _, k := range keys {
			switch {
			case path[0] == "{}":
				found = append(found, find(k, path[1:])...)
			case strings.EqualFold(k, path[0]):
				found = append(found, find(v[k], path[1:])...)
			}
		}
	}
	return found
}
