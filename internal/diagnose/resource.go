package diagnose

func resourceRows() []row {
	return []row{
		{
			id: "scope-locked", plane: ARM, codes: []string{"ScopeLocked"},
			cause: "a lock keeps {scope} from being changed or deleted",
			fix: []Fix{
				{"see the locks", "az lock list --resource-group {group} --output table"},
				{"have whoever set it remove it", "az lock delete --ids <id>"},
			},
			doc: "https://learn.microsoft.com/azure/azure-resource-manager/management/lock-resources",
		},
		{
			id: "vault-soft-deleted", plane: ARM, codes: []string{"VaultAlreadyExists"},
			cause: "the key vault's name is taken, perhaps by a deleted vault that keeps it until it is purged", fix: vaultFix(), doc: vaultDoc,
		},
		{
			id: "vault-soft-deleted", plane: ARM, codes: []string{"ConflictError"}, message: "vault|soft.?deleted|deleted.{0,40}recover",
			cause: "a deleted key vault keeps the name until it is recovered or purged", fix: vaultFix(), doc: vaultDoc,
		},
		{
			id: "account-soft-deleted", plane: ARM, codes: []string{"FlagMustBeSetForRestore"},
			cause: "a deleted Foundry account keeps the name for 48 hours, until it is recovered or purged",
			fix: []Fix{
				{"see which are deleted", "az cognitiveservices account list-deleted --output table"},
				{"purge it, then run the same command again", "az cognitiveservices account purge --name <name> --resource-group <group> --location <region>"},
			},
			doc: "https://learn.microsoft.com/azure/ai-services/recover-purge-resources",
		},
		{
			id: "domain-in-use", plane: ARM, codes: []string{"CustomDomainInUse"},
			cause: "the Foundry account's subdomain is taken, by someone else or by a deleted account of yours",
			fix: []Fix{
				{"see whether it is yours and deleted", "az cognitiveservices account list-deleted --output table"},
				{"or use another cluster name, from which the account's is made", "kars up --cluster-name <name>"},
			},
			doc: "https://learn.microsoft.com/azure/ai-services/cognitive-services-custom-subdomains",
		},
		{
			id: "name-taken", plane: ARM, codes: []string{"NameUnavailable", "AlreadyInUse", "NameNotAvailable", "StorageAccountAlreadyTaken"},
			cause: "a name that must be the only one in all of Azure is taken",
			fix:   []Fix{{"use another cluster name, from which kars makes the others", "kars up --cluster-name <name>"}},
			doc:   "https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-reserved-resource-name",
		},
		{
			id: "concurrent-federated-credential", codes: []string{"ConflictingConcurrentWriteNotAllowed", "ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity"},
			cause: "two federated credentials of one identity were written at the same time",
			fix:   []Fix{{"run the same command again", ""}},
			doc:   "https://learn.microsoft.com/entra/workload-id/workload-identity-federation-considerations",
		},
		{
			id: "deployment-active", plane: ARM, codes: []string{"DeploymentActive"},
			cause: "a deployment of the same name is still running, of an earlier or another run",
			fix: []Fix{
				{"see it", "az deployment group list --resource-group {group} --query \"[?properties.provisioningState=='Running'].name\""},
				{"run the same command again when it has ended", ""},
			},
			doc: "https://learn.microsoft.com/azure/azure-resource-manager/templates/deployment-history",
		},
		{
			id: "group-being-deleted", plane: ARM, codes: []string{"ResourceGroupBeingDeleted", "ResourceGroupDeletionBlocked"},
			cause: "the resource group is being deleted",
			fix:   []Fix{{"wait for its end, then run the same command again", "az group wait --deleted --name {group}"}},
			doc:   "https://learn.microsoft.com/azure/azure-resource-manager/management/delete-resource-group",
		},
		{
			id: "service-principal-invalid", plane: ARM, message: "credentials in ServicePrincipalProfile were invalid",
			cause: "the cluster's service principal does not exist in the tenant, or its secret is wrong or has run out",
			fix: []Fix{
				{"look at its secrets", "az ad app credential list --id <client id>"},
				{"give the cluster a new one", "az aks update-credentials --resource-group <group> --name <cluster> --reset-service-principal --service-principal <client id> --client-secret <secret>"},
			},
			doc: "https://learn.microsoft.com/azure/aks/kubernetes-service-principal",
		},
		{
			id: "kubernetes-version", plane: ARM, codes: []string{"K8sVersionNotSupported", "AgentPoolK8sVersionNotSupported", "UnsupportedKubernetesVersion"},
			cause: "AKS does not offer this Kubernetes version in the region, or not any more",
			fix:   []Fix{{"see which it offers", "az aks get-versions --location <region> --output table"}},
			doc:   "https://learn.microsoft.com/azure/aks/supported-kubernetes-versions",
		},
		{
			id: "kubelet-identity", plane: ARM, codes: []string{"CustomKubeletIdentityOnlySupportedOnUserAssignedMSICluster"},
			cause: "a kubelet identity of one's own needs a control plane with a user-assigned identity, and this cluster's has none",
			fix:   []Fix{{"give it one, then run the same command again", "az aks update --resource-group {group} --name <cluster> --enable-managed-identity --assign-identity <id>"}},
			doc:   "https://learn.microsoft.com/azure/aks/use-managed-identity",
		},
	}
}

const vaultDoc = "https://learn.microsoft.com/azure/key-vault/general/key-vault-recovery"

func vaultFix() []Fix {
	return []Fix{
		{"see which are deleted", "az keyvault list-deleted --output table"},
		{"recover it, then run the same command again", "az keyvault recover --name <name>"},
		{"or purge it, where purge protection is off", "az keyvault purge --name <name>"},
	}
}
