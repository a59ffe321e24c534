package diagnose

const signInDoc = "https://learn.microsoft.com/entra/identity-platform/reference-error-codes"

func signInRows() []row {
	return []row{
		{
			id: "no-credential", plane: Entra, codes: []string{"CredentialUnavailable"},
			cause: "nobody is signed in: no AZURE_ variables, no managed identity that gives tokens, no developer tool",
			fix: []Fix{
				{"sign in", "az login"},
				{"or use the Azure on this machine, which needs no account", "kars up --local"},
			},
			doc: "https://learn.microsoft.com/azure/developer/go/azure-sdk-authentication",
		},
		{
			id: "token-protection", plane: Entra, codes: []string{"AADSTS530084"},
			cause: "conditional access lets only tokens bound to this device ask Microsoft Graph, and the tool that signed in cannot make them",
			fix:   []Fix{{"sign in as a service principal, or from a device and tool that the policy allows", "az login --service-principal --username <client id> --tenant <tenant>"}},
			doc:   "https://learn.microsoft.com/entra/identity/conditional-access/concept-token-protection",
		},
		{
			id: "consent-missing", plane: Entra, codes: []string{"AADSTS65001"},
			cause: "nobody has consented that the client may ask for this permission",
			fix:   []Fix{{"have an administrator consent", "az ad app permission admin-consent --id <client id>"}},
			doc:   signInDoc,
		},
		{
			id: "client-not-preauthorized", plane: Entra, codes: []string{"AADSTS65002"},
			cause: "the client is Microsoft's own and may not ask for this permission; consent cannot change that",
			fix:   []Fix{{"sign in as a service principal that has the permission", "az login --service-principal --username <client id> --tenant <tenant>"}},
			doc:   signInDoc,
		},
		{
			id: "assertion-loop", plane: Entra, codes: []string{"AADSTS700231"},
			cause: "a token that was itself got by a federated credential is no assertion for another; the first must be a managed identity's or the cluster's own",
			fix:   []Fix{{"set the trust up again, which chooses such a one", "kars mesh setup-trust"}},
			doc:   "https://learn.microsoft.com/entra/workload-id/workload-identity-federation-considerations",
		},
		{
			id: "application-not-found", plane: Entra, codes: []string{"AADSTS700016"},
			cause: "the tenant has no application with this client id, not any more, or not yet everywhere",
			fix: []Fix{
				{"wait a minute if it is new; otherwise set the trust up again", "kars mesh setup-trust"},
				{"check the tenant that the caller is signed in to", "az account show --query tenantId"},
			},
			doc: signInDoc,
		},
		{
			id: "federated-credential-unmatched", plane: Entra, codes: []string{"AADSTS70021", "AADSTS700211", "AADSTS700212", "AADSTS700213"},
			cause: "no federated credential of the application has this token's issuer, subject and audience; a new one takes up to some minutes to be seen",
			fix:   []Fix{{"wait a minute if it is new; otherwise set the trust up again", "kars mesh setup-trust"}},
			doc:   "https://learn.microsoft.com/entra/workload-id/workload-identity-federation-considerations",
		},
		{
			id: "secret-invalid", plane: Entra, codes: []string{"AADSTS7000215"},
			cause: "the client secret is wrong; what is wanted is its value, not its id",
			fix:   []Fix{{"set the right one", "export AZURE_CLIENT_SECRET=<value>"}},
			doc:   signInDoc,
		},
		{
			id: "secret-expired", plane: Entra, codes: []string{"AADSTS7000222"},
			cause: "the client secret has run out",
			fix: []Fix{
				{"make a new one and set it", "az ad app credential reset --id <client id>"},
				{"or use a federated credential, which does not run out", ""},
			},
			doc: signInDoc,
		},
		{
			id: "more-factors", plane: Entra, codes: []string{"AADSTS50076", "AADSTS50079", "AADSTS50158", "AADSTS53003"},
			cause: "conditional access wants more of the sign-in than there was",
			fix:   []Fix{{"sign in anew", "az login --tenant <tenant> --scope https://management.azure.com/.default"}},
			doc:   "https://learn.microsoft.com/entra/identity/conditional-access/troubleshoot-conditional-access",
		},
		{
			id: "sign-in-expired", plane: Entra, codes: []string{"AADSTS700082", "AADSTS50173", "AADSTS70043"},
			cause: "the sign-in has run out or was revoked",
			fix:   []Fix{{"sign in anew", "az login"}},
			doc:   signInDoc,
		},
		{
			id: "password-wrong", plane: Entra, codes: []string{"AADSTS50126", "AADSTS50034"},
			cause: "the name or the password is not one that the tenant knows; a local principal's are of the local Azure that made it",
			fix:   []Fix{{"if the local Azure was reset since, make the principal again", "kars local principal add <name>"}},
			doc:   signInDoc,
		},
		{
			id: "token-refused", plane: ARM, codes: []string{"InvalidAuthenticationToken", "ExpiredAuthenticationToken", "AuthenticationFailed"},
			cause: "Azure Resource Manager does not take the caller's token: it has run out, or is another cloud's",
			fix:   []Fix{{"sign in anew", "az login"}},
			doc:   "https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors",
		},
		{
			id: "wrong-tenant", plane: ARM, codes: []string{"InvalidAuthenticationTokenTenant"},
			cause: "the subscription belongs to another tenant than the caller is signed in to",
			fix:   []Fix{{"sign in to the subscription's", "az login --tenant <tenant>"}},
			doc:   "https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors",
		},
	}
}
