package action_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kars-dev/kars/localazure/action"
	"github.com/kars-dev/kars/localazure/armid"
)

func TestOf(t *testing.T) {
	const (
		sub   = "/subscriptions/s"
		group = sub + "/resourceGroups/g"
		vnet  = group + "/providers/Microsoft.Network/virtualNetworks/v"
	)
	for name, c := range map[string]struct {
		method, path string
		want         action.Need
	}{
		"reading a group":                  {"GET", group, action.Need{Action: "Microsoft.Resources/subscriptions/resourceGroups/read", Scope: group}},
		"listing groups":                   {"GET", sub + "/resourceGroups", action.Need{Action: "Microsoft.Resources/subscriptions/resourceGroups/read", Scope: sub}},
		"listing the resources of a group": {"GET", group + "/resources", action.Need{Action: "Microsoft.Resources/subscriptions/resourceGroups/resources/read", Scope: group}},
		"listing locations":                {"GET", sub + "/locations", action.Need{Action: "Microsoft.Resources/subscriptions/locations/read", Scope: sub}},
		"listing providers":                {"GET", sub + "/providers", action.Need{Action: "Microsoft.Resources/subscriptions/providers/read", Scope: sub}},
		"registering a provider":           {"POST", sub + "/providers/Microsoft.KeyVault/register", action.Need{Action: "Microsoft.KeyVault/register/action", Scope: sub}},
		"writing a resource":               {"PUT", vnet, action.Need{Action: "Microsoft.Network/virtualNetworks/write", Scope: vnet}},
		"patching a resource":              {"PATCH", vnet, action.Need{Action: "Microsoft.Network/virtualNetworks/write", Scope: vnet}},
		"deleting a child":                 {"DELETE", vnet + "/subnets/n", action.Need{Action: "Microsoft.Network/virtualNetworks/subnets/delete", Scope: vnet + "/subnets/n"}},
		"listing children":                 {"GET", vnet + "/subnets", action.Need{Action: "Microsoft.Network/virtualNetworks/subnets/read", Scope: vnet}},
		"an operation on a resource": {
			"POST", group + "/providers/Microsoft.ContainerService/managedClusters/c/listClusterUserCredential",
			action.Need{Action: "Microsoft.ContainerService/managedClusters/listClusterUserCredential/action", Scope: group + "/providers/Microsoft.ContainerService/managedClusters/c"},
		},
		"a name check is a read": {
			"POST", sub + "/providers/Microsoft.KeyVault/checkNameAvailability",
			action.Need{Action: "Microsoft.KeyVault/checkNameAvailability/read", Scope: sub},
		},
		"asking what policies refuse is a read": {
			"POST", group + "/providers/Microsoft.PolicyInsights/checkPolicyRestrictions",
			action.Need{Action: "Microsoft.PolicyInsights/checkPolicyRestrictions/read", Scope: group},
		},
		"listing preview features": {
			"GET", sub + "/providers/Microsoft.Features/features",
			action.Need{Action: "Microsoft.Features/features/read", Scope: sub},
		},
		"reading one provider's preview feature": {
			"GET", sub + "/providers/Microsoft.Features/providers/Microsoft.Compute/features/EncryptionAtHost",
			action.Need{Action: "Microsoft.Features/providers/features/read", Scope: sub + "/providers/Microsoft.Features/providers/Microsoft.Compute/features/EncryptionAtHost"},
		},
		"registering a preview feature": {
			"POST", sub + "/providers/Microsoft.Features/providers/Microsoft.Compute/features/EncryptionAtHost/register",
			action.Need{Action: "Microsoft.Features/providers/features/register/action", Scope: sub + "/providers/Microsoft.Features/providers/Microsoft.Compute/features/EncryptionAtHost"},
		},
		// learn.microsoft.com/azure/role-based-access-control/permissions/compute
		"listing the sizes of machines": {
			"GET", sub + "/providers/Microsoft.Compute/skus",
			action.Need{Action: "Microsoft.Compute/skus/read", Scope: sub},
		},
		// learn.microsoft.com/azure/role-based-access-control/permissions/general#microsoftquota
		"asking for more quota": {
			"PUT", sub + "/providers/Microsoft.Compute/locations/eastus2/providers/Microsoft.Quota/quotas/cores",
			action.Need{Action: "Microsoft.Quota/quotas/write", Scope: sub + "/providers/Microsoft.Compute/locations/eastus2/providers/Microsoft.Quota/quotas/cores"},
		},
		// learn.microsoft.com/azure/role-based-access-control/permissions/ai-machine-learning#microsoftcognitiveservices
		"reading the quotas of models": {
			"GET", sub + "/providers/Microsoft.CognitiveServices/locations/eastus2/usages",
			action.Need{Action: "Microsoft.CognitiveServices/locations/usages/read", Scope: sub},
		},
		"listing the models of a region": {
			"GET", sub + "/providers/Microsoft.CognitiveServices/locations/eastus2/models",
			action.Need{Action: "Microsoft.CognitiveServices/locations/models/read", Scope: sub},
		},
		"checking a subdomain is an action": {
			"POST", sub + "/providers/Microsoft.CognitiveServices/checkDomainAvailability",
			action.Need{Action: "Microsoft.CognitiveServices/checkDomainAvailability/action", Scope: sub},
		},
		"checking a registry's name is a read": {
			"POST", sub + "/providers/Microsoft.ContainerRegistry/checkNameAvailability",
			action.Need{Action: "Microsoft.ContainerRegistry/checkNameAvailability/read", Scope: sub},
		},
		"giving up a preview feature": {
			"POST", sub + "/providers/Microsoft.Features/providers/Microsoft.Compute/features/EncryptionAtHost/unregister",
			action.Need{Action: "Microsoft.Features/providers/features/unregister/action", Scope: sub + "/providers/Microsoft.Features/providers/Microsoft.Compute/features/EncryptionAtHost"},
		},
		"asking for a preview feature by its registration": {
			"PUT", sub + "/providers/Microsoft.Features/featureProviders/Microsoft.Compute/subscriptionFeatureRegistrations/EncryptionAtHost",
			action.Need{
				Action: "Microsoft.Features/featureProviders/subscriptionFeatureRegistrations/write",
				Scope:  sub + "/providers/Microsoft.Features/featureProviders/Microsoft.Compute/subscriptionFeatureRegistrations/EncryptionAtHost",
			},
		},
		"reading the quota of a region": {
			"GET", sub + "/providers/Microsoft.Compute/locations/eastus2/usages",
			action.Need{Action: "Microsoft.Compute/locations/usages/read", Scope: sub},
		},
		"assigning a role at a resource": {
			"PUT", vnet + "/providers/Microsoft.Authorization/roleAssignments/a",
			action.Need{Action: "Microsoft.Authorization/roleAssignments/write", Scope: vnet + "/providers/Microsoft.Authorization/roleAssignments/a"},
		},
		"asking who may activate roles": {
			"GET", group + "/providers/Microsoft.Authorization/roleEligibilityScheduleInstances",
			action.Need{Action: "Microsoft.Authorization/roleEligibilityScheduleInstances/read", Scope: group},
		},
		"making somebody eligible for a role": {
			"PUT", group + "/providers/Microsoft.Authorization/roleEligibilityScheduleRequests/r",
			action.Need{Action: "Microsoft.Authorization/roleEligibilityScheduleRequests/write", Scope: group + "/providers/Microsoft.Authorization/roleEligibilityScheduleRequests/r"},
		},
		"listing permissions at a group": {
			"GET", group + "/providers/Microsoft.Authorization/permissions",
			action.Need{Action: "Microsoft.Authorization/permissions/read", Scope: group},
		},
		"purging a vault": {
			"POST", sub + "/providers/Microsoft.KeyVault/locations/eastus2/deletedVaults/v/purge",
			action.Need{Action: "Microsoft.KeyVault/locations/deletedVaults/purge/action", Scope: sub},
		},
		"polling a deployment": {
			"GET", group + "/providers/Microsoft.Resources/deployments/d/operationStatuses/1",
			action.Need{Action: "Microsoft.Resources/deployments/operationStatuses/read", Scope: group + "/providers/Microsoft.Resources/deployments/d/operationStatuses/1"},
		},
		"whoever has a role may read what policies are assigned": {
			"GET", group + "/providers/Microsoft.Authorization/policyAssignments",
			action.Need{Action: "Microsoft.Authorization/policyAssignments/read", Scope: group, AnyRole: true},
		},
		"not so assign them": {
			"PUT", group + "/providers/Microsoft.Authorization/policyAssignments/p",
			action.Need{Action: "Microsoft.Authorization/policyAssignments/write", Scope: group + "/providers/Microsoft.Authorization/policyAssignments/p"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			id, err := armid.Parse(c.path)
			if err != nil {
				t.Fatal(err)
			}
			got, ok := action.Of(c.method, id)
			if diff := cmp.Diff(c.want, got); diff != "" || !ok {
				t.Errorf("Of(%s %s), %v (-want +got):\n%s", c.method, c.path, ok, diff)
			}
		})
	}
}

func TestLinkedOfAClusterWithAddressesAndMonitoringOfItsOwn(t *testing.T) {
	const (
		address   = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/publicIPAddresses/p"
		prefix    = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/publicIPPrefixes/p"
		workspace = "/subscriptions/s/resourceGroups/g/providers/Microsoft.OperationalInsights/workspaces/w"
	)
	got := action.Linked("Microsoft.ContainerService/managedClusters", map[string]any{"properties": map[string]any{
		"networkProfile": map[string]any{"loadBalancerProfile": map[string]any{
			"outboundIPs":        map[string]any{"publicIPs": []any{map[string]any{"id": address}}},
			"outboundIPPrefixes": map[string]any{"publicIPPrefixes": []any{map[string]any{"id": prefix}}},
		}},
		"addonProfiles": map[string]any{"omsagent": map[string]any{
			"enabled": true, "config": map[string]any{"logAnalyticsWorkspaceResourceID": workspace},
		}},
	}})
	want := []action.Need{
		{Action: "Microsoft.Network/publicIPAddresses/join/action", Scope: address},
		{Action: "Microsoft.Network/publicIPPrefixes/join/action", Scope: prefix},
		{Action: "Microsoft.OperationalInsights/workspaces/read", Scope: workspace},
		{
			Action: "Microsoft.OperationalInsights/workspaces/sharedkeys/read", Scope: workspace,
			Equivalent: "Microsoft.OperationalInsights/workspaces/sharedKeys/action",
		},
		{Action: "Microsoft.OperationsManagement/solutions/read", Scope: workspace},
		{Action: "Microsoft.OperationsManagement/solutions/write", Scope: workspace},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestLinked(t *testing.T) {
	const (
		id     = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/"
		subnet = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v/subnets/n"
	)
	pool := map[string]any{"name": "system", "vnetSubnetID": subnet}
	got := action.Linked("Microsoft.ContainerService/managedClusters", map[string]any{
		"identity": map[string]any{"userAssignedIdentities": map[string]any{id + "control": map[string]any{}}},
		"properties": map[string]any{
			"agentPoolProfiles": []any{pool, pool},
			"identityProfile":   map[string]any{"kubeletIdentity": map[string]any{"resourceId": id + "kubelet"}},
		},
	})
	want := []action.Need{
		{
			Action: "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action", Scope: id + "control",
			Equivalent: "Microsoft.ManagedIdentity/userAssignedIdentities/control/assign/action",
		},
		{
			Action: "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action", Scope: id + "kubelet",
			Equivalent: "Microsoft.ManagedIdentity/userAssignedIdentities/kubelet/assign/action",
		},
		{Action: "Microsoft.Network/virtualNetworks/subnets/join/action", Scope: subnet},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
