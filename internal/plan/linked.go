package plan

import (
	"slices"
	"strings"
)

// A reference is a place in a resource's body that names other resources, and
// what ARM demands there of whoever writes the resource.
// learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-linkedauthorizationfailed
type reference struct {
	in   string // type of the resource that refers, "" for any
	path string // keys of its body; [] is each element of a list, {} each key
	why  string
	// actions are demanded at the resource that is referred to.
	actions []string
}

const (
	joinSubnet     = vnetType + "/subnets/join/action"
	assignIdentity = identityType + "/assign/action"
)

// references are the places that can be in a plan's bodies; what is not in a
// body is not needed. For clusters:
// learn.microsoft.com/azure/aks/concepts-identity#identity-creating-and-operating-the-cluster-permissions
func references() []reference {
	const (
		properties = "properties."
		pools      = properties + "agentPoolProfiles.[]."
		outbound   = properties + "networkProfile.loadBalancerProfile."
		subnets    = properties + "subnets.[].properties."
	)
	return []reference{
		{"", "identity.userAssignedIdentities.{}", "is given this identity", []string{assignIdentity}},
		{clusterType, properties + "identityProfile.kubeletidentity.resourceId", "is given this identity for its kubelets", []string{assignIdentity}},
		{clusterType, pools + "vnetSubnetID", "joins this subnet with its nodes", []string{joinSubnet}},
		{clusterType, outbound + "outboundIPs.publicIPs.[].id", "goes out by this address", []string{"Microsoft.Network/publicIPAddresses/join/action"}},
		{clusterType, outbound + "outboundIPPrefixes.publicIPPrefixes.[].id", "goes out by these addresses", []string{"Microsoft.Network/publicIPPrefixes/join/action"}},
		{clusterType, properties + "addonProfiles.omsagent.config.logAnalyticsWorkspaceResourceID", "is monitored in this workspace", []string{
			workspaceType + "/read", workspaceType + "/sharedKeys/action",
			"Microsoft.OperationsManagement/solutions/read", "Microsoft.OperationsManagement/solutions/write",
		}},
		{vnetType, subnets + "networkSecurityGroup.id", "refers to this security group", []string{nsgType + "/join/action"}},
	}
}

// linked are the needs that follow from what a resource's body refers to.
func linked(r Resource) []Need {
	var out []Need
	for _, ref := range references() {
		if ref.in != "" && ref.in != r.Type {
			continue
		}
		for _, id := range named(r.Body, strings.Split(ref.path, ".")) {
			for _, action := range ref.actions {
				out = append(out, Need{
					Kind: NeedAction, Action: action, Scope: id, Step: r.Step,
					Why: "the " + r.noun() + " " + ref.why, Equivalent: equivalent(action, id),
				})
			}
		}
	}
	return out
}

// equivalent is the other name of a demanded action. The role Managed Identity
// Operator, made for assigning identities, has the identity's name in its
// action; for the keys of workspaces AKS documents a read.
// learn.microsoft.com/azure/role-based-access-control/built-in-roles/identity#managed-identity-operator
func equivalent(action, id string) string {
	switch action {
	case assignIdentity:
		return identityType + id[strings.LastIndexByte(id, '/'):] + "/assign/action"
	case workspaceType + "/sharedKeys/action":
		return workspaceType + "/sharedKeys/read"
	default:
		return ""
	}
}

// named returns the texts at a path of a body, in a stable order.
func named(at any, path []string) []string {
	if len(path) == 0 {
		if id, ok := at.(string); ok && id != "" {
			return []string{id}
		}
		return nil
	}
	var out []string
	switch v := at.(type) {
	case Tree:
		if path[0] != "{}" {
			return named(v[path[0]], path[1:])
		}
		for key := range v {
			out = append(out, named(key, path[1:])...)
		}
		slices.Sort(out)
	case []any:
		if path[0] == "[]" {
			for _, element := range v {
				out = append(out, named(element, path[1:])...)
			}
		}
	}
	return out
}
