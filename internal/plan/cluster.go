package plan

const (
	clusterType    = "Microsoft.ContainerService/managedClusters"
	clusterVersion = "2024-09-01"

	// KubernetesVersion is asked for by its minor; AKS takes the newest patch
	// that the region offers.
	KubernetesVersion = "1.36"

	// SandboxTaint keeps everything but sandboxes from the sandboxes' pool.
	SandboxTaint = "kars.azure.com/sandbox=true:NoSchedule"
)

// cluster is the managed cluster: two pools, user-assigned identities for the
// control plane and the kubelets, an OIDC issuer and workload identity.
func (p *Plan) cluster() Resource {
	controlPlane, kubelet := p.id(identityType, p.Names.ControlPlane), p.id(identityType, p.Names.Kubelet)
	return Resource{
		ID: p.ClusterID(), Type: clusterType, Name: p.Names.Cluster, APIVersion: clusterVersion,
		Step: StepCluster, Label: "cluster",
		Body: Tree{
			"location": p.Options.Region, "tags": p.tags(),
			"sku":      Tree{"name": "Base", "tier": "Standard"},
			"identity": Tree{"type": "UserAssigned", "userAssignedIdentities": Tree{controlPlane: Tree{}}},
			"properties": Tree{
				"kubernetesVersion": KubernetesVersion,
				"dnsPrefix":         p.Names.Cluster,
				"enableRBAC":        true,
				"identityProfile":   Tree{"kubeletidentity": Tree{"resourceId": kubelet}},
				"oidcIssuerProfile": Tree{"enabled": true},
				"securityProfile":   Tree{"workloadIdentity": Tree{"enabled": true}},
				"networkProfile":    networkProfile(),
				"agentPoolProfiles": p.pools(),
			},
		},
	}
}

func networkProfile() Tree {
	return Tree{
		"networkPlugin": "azure", "networkPluginMode": "overlay",
		"networkPolicy": "cilium", "networkDataplane": "cilium",
		"podCidr": "10.244.0.0/16", "serviceCidr": "10.0.0.0/16", "dnsServiceIP": "10.0.0.10",
		"outboundType": "loadBalancer", "loadBalancerSku": "standard",
	}
}

// pools are the cluster's machines as AKS takes them.
func (p *Plan) pools() []any {
	own := map[string]Tree{
		SystemPool: {
			"mode": "System", "vnetSubnetID": p.subnetID(SystemSubnet),
			"nodeTaints": []any{"CriticalAddonsOnly=true:NoSchedule"},
		},
		SandboxPool: {
			"mode": "User", "vnetSubnetID": p.subnetID(SandboxSubnet),
			"nodeLabels": Tree{"kars.azure.com/pool": "sandbox"},
			"nodeTaints": []any{SandboxTaint},
		},
	}
	var out []any
	for _, m := range machines() {
		t := own[m.Pool]
		t["name"], t["count"], t["vmSize"], t["osType"], t["osSKU"] = m.Pool, m.Count, m.Size, "Linux", "AzureLinux"
		t["type"], t["maxPods"] = "VirtualMachineScaleSets", 110
		if m.EncryptionAtHost {
			t["enableEncryptionAtHost"] = true
		}
		out = append(out, t)
	}
	return out
}
