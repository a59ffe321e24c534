package preflight

// tokenEntries are about the tokens that the caller acts with.
func tokenEntries() []Entry {
	return []Entry{
		{
			ID: "data/<action>", Title: "the caller lacks a permission to data",
			Checks: "Whether the caller may do the data action at the scope. Owner and Contributor hold none.",
			Verdicts: map[Verdict]string{
				Pass:    "a role grants it, and nothing takes it away",
				Warn:    "it is missing, and the run goes on without it",
				Unknown: "what would decide it could not be read",
				Fail:    "no role grants it, or a deny assignment denies it",
			},
			Do:    "Have somebody who may assign roles give you the role that the finding names.",
			Since: "0.1.0", See: "https://learn.microsoft.com/azure/role-based-access-control/role-definitions#control-and-data-actions",
		},
		{
			ID: "directory/token", Title: "the token may not make the blueprint",
			Checks: "Whether the token for Microsoft Graph is one that the agent-identity APIs take. They refuse one that carries `Directory.AccessAsUser.All`, as the Azure CLI's does, or `Directory.ReadWrite.All`, whatever directory role its holder has.",
			Verdicts: map[Verdict]string{
				Pass:    "nothing in it keeps them from taking it",
				Warn:    "they refuse it, and trust is optional: sandboxes start in the anonymous tier",
				Unknown: "there is no way to a token for Microsoft Graph",
				Fail:    "they refuse it, or Entra gives none, and `--mesh-trust entra` asks for trust",
			},
			Do:    "Sign in as a service principal that has the application permissions which the finding names, and complete trust with `kars mesh setup-trust`.",
			Since: "0.1.0", See: "https://learn.microsoft.com/entra/agent-id/create-blueprint",
		},
		{
			ID: "token/credential", Title: "another credential acts than one might think",
			Checks: "Which credential gave the tokens, and whether the AZURE_ variables agree with what the Azure CLI is signed in to.",
			Verdicts: map[Verdict]string{
				Pass: "they agree",
				Warn: "they do not: the variables win",
			},
			Do:    "Unset the variables, or set `AZURE_TOKEN_CREDENTIALS` to the credential that you mean.",
			Since: "0.1.0", See: "https://learn.microsoft.com/azure/developer/go/sdk/authentication/credential-chains",
		},
		{
			ID: "token/lighthouse", Title: "the subscription is another tenant's",
			Checks:   "Whether the caller manages the subscription by Azure Lighthouse.",
			Verdicts: map[Verdict]string{Unknown: "it does: a delegation allows less than its roles do elsewhere"},
			Do:       "Run as somebody of the subscription's own directory, or with `--skip-preflight`; the journal records it.",
			Since:    "0.1.0", See: "https://learn.microsoft.com/azure/lighthouse/concepts/tenants-users-roles",
		},
		{
			ID: "token/federated", Title: "the caller is a federated pipeline",
			Checks:   "Whether the credential is an assertion, of a pipeline or a workload, that was exchanged for a token.",
			Verdicts: map[Verdict]string{Unknown: "it is: what Azure says of its permissions may lag behind its role assignments"},
			Do:       "If a finding contradicts what you know, run `kars up --skip-preflight`; the journal records it.",
			Since:    "0.1.0", See: "https://learn.microsoft.com/entra/workload-id/workload-identity-federation",
		},
		{
			ID: "token/activation-ends", Title: "a role ends before the run would",
			Checks:   "Whether a role that was activated, or given for a while, ends within 45 minutes, and something of the plan hangs on it.",
			Verdicts: map[Verdict]string{Warn: "one does"},
			Do:       "Activate it anew, or extend it, before the run.",
			Since:    "0.1.0", See: "https://learn.microsoft.com/entra/id-governance/privileged-identity-management/pim-resource-roles-activate-your-roles",
		},
	}
}
