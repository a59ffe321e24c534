package plan

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWhatABodyRefersToDecidesWhatIsDemanded(t *testing.T) {
	const (
		group    = "/subscriptions/s/resourceGroups/g/providers/"
		identity = group + identityType + "/one"
		other    = group + identityType + "/two"
		subnet   = group + vnetType + "/v/subnets/n"
		address  = group + "Microsoft.Network/publicIPAddresses/p"
		prefix   = group + "Microsoft.Network/publicIPPrefixes/p"
		logs     = group + workspaceType + "/w"
	)
	cluster := func(properties Tree) Resource {
		return Resource{Type: clusterType, Label: "cluster", Body: Tree{"properties": properties}}
	}
	for says, tt := range map[string]struct {
		of   Resource
		want map[string]string // scopes by action
	}{
		"a cluster that refers to nothing": {cluster(Tree{}), nil},
		"identities are assigned": {
			Resource{Type: clusterType, Body: Tree{
				"identity":   Tree{"userAssignedIdentities": Tree{identity: Tree{}}},
				"properties": Tree{"identityProfile": Tree{"kubeletidentity": Tree{"resourceId": other}}},
			}},
			map[string]string{assignIdentity + " or " + identityType + "/one/assign/action": identity, assignIdentity + " or " + identityType + "/two/assign/action": other},
		},
		"subnets are joined": {
			cluster(Tree{"agentPoolProfiles": []any{Tree{"vnetSubnetID": subnet}, Tree{}}}),
			map[string]string{joinSubnet: subnet},
		},
		"addresses of one's own are joined": {
			cluster(Tree{"networkProfile": Tree{"loadBalancerProfile": Tree{
				"outboundIPs":        Tree{"publicIPs": []any{Tree{"id": address}}},
				"outboundIPPrefixes": Tree{"publicIPPrefixes": []any{Tree{"id": prefix}}},
			}}}),
			map[string]string{"Microsoft.Network/publicIPAddresses/join/action": address, "Microsoft.Network/publicIPPrefixes/join/action": prefix},
		},
		"a workspace is read, with its keys, and gets a solution": {
			cluster(Tree{"addonProfiles": Tree{"omsagent": Tree{"enabled": true, "config": Tree{"logAnalyticsWorkspaceResourceID": logs}}}}),
			map[string]string{
				workspaceType + "/read": logs,
				workspaceType + "/sharedKeys/action or " + workspaceType + "/sharedKeys/read": logs,
				"Microsoft.OperationsManagement/solutions/read":                               logs,
				"Microsoft.OperationsManagement/solutions/write":                              logs,
			},
		},
		"another type's subnets are no cluster's": {
			Resource{Type: registryType, Body: Tree{"properties": Tree{"agentPoolProfiles": []any{Tree{"vnetSubnetID": subnet}}}}}, nil,
		},
	} {
		t.Run(says, func(t *testing.T) {
			var got map[string]string
			for _, n := range linked(tt.of) {
				action := n.Action
				if n.Equivalent != "" {
					action += " or " + n.Equivalent
				}
				if got == nil {
					got = map[string]string{}
				}
				got[action] = n.Scope
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("demanded (-want +got):\n%s", diff)
			}
		})
	}
}
