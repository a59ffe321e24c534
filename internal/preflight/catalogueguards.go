package preflight

// guardEntries are about what holds against everybody.
func guardEntries() []Entry {
	return []Entry{
		{
			ID: "lock/<kind>", Title: "a management lock is in the way",
			Checks: "Whether a lock holds at the resource group or on something in it, at the subscription, or at an account elsewhere that the run gives a role on. Locks hold against Owners too.",
			Verdicts: map[Verdict]string{
				Warn:    "one against deletion: the run goes, `kars down` does not",
				Unknown: "locks could not be read",
				Fail:    "one that allows reading only",
			},
			Do:    "Have whoever set the lock remove it.",
			Since: "0.1.0", See: "https://learn.microsoft.com/azure/azure-resource-manager/management/lock-resources",
		},
		{
			ID: "policy/<assignment name>", Title: "a policy refuses a resource of the plan",
			Checks: "What Azure Policy has against each kind of resource of the plan. It is asked only where a policy is assigned and enforced.",
			Verdicts: map[Verdict]string{
				Unknown: "the policy could not be evaluated for the resource",
				Fail:    "it refuses the resource",
			},
			Do:    "Choose what the policy allows, or have whoever assigned it exempt the resource group.",
			Since: "0.1.0", See: "https://learn.microsoft.com/azure/governance/policy/concepts/effect-deny",
		},
		{
			ID: "policy/assignments", Title: "policies could not be read",
			Checks:   "Whether policy assignments, and what they have against the plan's resources, can be read.",
			Verdicts: map[Verdict]string{Unknown: "they could not: a policy refuses whatever roles allow"},
			Do:       "Have somebody give you `Microsoft.Authorization/policyAssignments/read` and `Microsoft.PolicyInsights/checkPolicyRestrictions/read`, which Reader holds.",
			Since:    "0.1.0", See: "https://learn.microsoft.com/rest/api/policyinsights/policy-restrictions",
		},
	}
}

// clusterEntries are about a cluster that is there already.
func clusterEntries() []Entry {
	return []Entry{
		{
			ID: "cluster/rights", Title: "the caller may not work in the cluster",
			Checks: "Whether the cluster lets the caller do what the run does in it, as its own access reviews answer.",
			Verdicts: map[Verdict]string{
				Pass:    "it does",
				Unknown: "the cluster could not be asked",
				Fail:    "it does not",
			},
			Do:    "Where Azure RBAC authorises in the cluster, have somebody give you Azure Kubernetes Service RBAC Cluster Admin there; elsewhere have an administrator of the cluster bind `cluster-admin` to you.",
			Since: "0.1.0", See: "https://learn.microsoft.com/azure/aks/manage-azure-rbac",
		},
		{
			ID: "cluster/definitions", Title: "custom resource definitions are of another kars",
			Checks: "Whether kars' custom resource definitions, where the cluster has them, serve the version that this kars speaks.",
			Verdicts: map[Verdict]string{
				Pass: "they do, or will be made",
				Fail: "they serve other versions only",
			},
			Do:    "Use the kars that made them, or another cluster.",
			Since: "0.1.0", See: "https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definition-versioning/",
		},
		{
			ID: "cluster/cert-manager", Title: "cert-manager is missing or too old",
			Checks: "Whether the cluster has cert-manager 1.14 or newer, where the gateway is on.",
			Verdicts: map[Verdict]string{
				Pass:    "it has",
				Warn:    "there is no cluster yet, and a new one will have none",
				Unknown: "it has one whose version cannot be told",
				Fail:    "it has none, or an older one",
			},
			Do:    "Install it with the helm command that the finding names; kars does not.",
			Since: "0.1.0", See: "https://cert-manager.io/docs/installation/helm/",
		},
	}
}
