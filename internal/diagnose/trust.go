package diagnose

func trustRows() []row {
	return []row{
		{
			id: "credential-lifetime-policy", plane: Graph,
			codes: []string{"CredentialInvalidLifetimeAsPerAppPolicy", "CredentialTypeNotAllowedAsPerAppPolicy"},
			cause: "the tenant's application management policy forbids secrets of this lifetime; kars makes none, its blueprint has a federated credential only",
			fix: []Fix{
				{"have kars set the blueprint up, by its federated credential", "kars mesh setup-trust"},
				{"if it is kars that was refused, an administrator must look at the policy", "az rest --method get --url https://graph.microsoft.com/v1.0/policies/defaultAppManagementPolicy"},
			},
			doc: "https://learn.microsoft.com/graph/api/resources/applicationauthenticationmethodpolicy",
		},
		{
			id: "federated-credential-refused", plane: Graph, codes: []string{"InvalidFederatedIdentityCredentialValue"},
			cause: "the tenant does not let applications trust this token issuer",
			fix: []Fix{
				{"have an administrator allow the issuer that the message names; a cluster's own issuer is in its profile", "az aks show --resource-group <group> --name <cluster> --query oidcIssuerProfile.issuerUrl"},
				{"if the issuer is login.microsoftonline.com, every tenant allows it: report it as a bug of kars, with this error and its request id", ""},
			},
			doc: "https://learn.microsoft.com/entra/workload-id/workload-identity-federation-config-app-trust-managed-identity",
		},
		{
			id: "agent-limit", plane: Graph,
			codes: []string{"AgentIdentity_LimitExceeded", "AgentBlueprint_LimitExceeded", "Agent_Directory_QuotaExceeded"},
			cause: "Entra caps what applications create at 250 blueprints in a tenant and 250 agent identities of a blueprint, and counts deleted ones for 30 days",
			fix:   []Fix{{"delete sandboxes that are not needed, and have an administrator purge their deleted identities", "kars list"}},
			doc:   "https://learn.microsoft.com/entra/agent-id/",
		},
		{
			id: "no-sponsor", plane: Graph, message: "no sponsor|sponsor.{0,20}(required|missing|specified)",
			cause: "the tenant wants a person or group to answer for every agent",
			fix:   []Fix{{"sign in as a user, who then becomes the sponsor", "kars mesh setup-trust"}},
			doc:   "https://learn.microsoft.com/entra/agent-id/",
		},
		{
			id: "service-management-reference", plane: Graph, message: "service ?management ?reference",
			cause: "the tenant wants to know to which service an application belongs, and does not know what was given",
			fix:   []Fix{{"give the service's id in the tenant's service tree, a GUID", "kars up --service-tree <id>"}},
			doc:   "https://learn.microsoft.com/graph/api/resources/application",
		},
		{
			id: "delegated-directory-access", plane: Graph, message: `Directory\.AccessAsUser\.All|Directory\.ReadWrite\.All`,
			cause: "Graph takes no token for agents that carries Directory.AccessAsUser.All, and the Azure CLI's do",
			fix:   []Fix{{"sign in as a service principal that has the application permissions AgentIdentityBlueprint.Create, AgentIdentityBlueprintPrincipal.Create and AgentIdentityBlueprint.AddRemoveCreds.All", "az login --service-principal --username <client id> --tenant <tenant>"}},
			doc:   "https://learn.microsoft.com/entra/agent-id/",
		},
		{
			id: "directory-role-missing", plane: Graph, codes: []string{"Authorization_RequestDenied"},
			cause: "{principal} lacks the directory role for Entra Agent ID, or has not activated it; sandboxes run without identities of their own until then",
			fix: []Fix{
				{"activate Agent ID Developer or Agent ID Administrator under Entra, Privileged Identity Management, My roles; or have it assigned there", ""},
				{"then complete the setup", "kars mesh setup-trust"},
			},
			doc: "https://learn.microsoft.com/entra/id-governance/privileged-identity-management/pim-how-to-activate-role",
		},
		{
			id: "foreign-agent-token", codes: []string{"AgentIdentityMismatch"},
			cause: "a sandbox's token is another identity's, as the controller's, and not its agent's own; the model call was not made",
			fix: []Fix{
				{"update kars", ""},
				{"then make the sandbox anew", "kars delete <name> && kars add <name>"},
			},
		},
	}
}
