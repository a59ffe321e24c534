package preflight

// offerEntries are about what the subscription and the region have to give.
func offerEntries() []Entry {
	return []Entry{
		{
			ID: "feature/<namespace>/<name>", Title: "a preview feature is not registered",
			Checks: "Whether the preview feature is registered with the subscription, and else whether the caller may register it and have its provider learn of it.",
			Verdicts: map[Verdict]string{
				Pass:    "it is registered",
				Warn:    "it is not, and the run registers it, which takes 5 to 15 minutes; or the plan can do without it",
				Unknown: "its state, or what the caller may do about it, could not be read",
				Fail:    "it is not, and the caller may not register it: the nodes would be refused minutes into the run",
			},
			Do:    "Run the commands that the finding names, or have somebody with a role at the subscription do so, and wait until the state is Registered.",
			Since: "0.1.0", See: "https://learn.microsoft.com/azure/azure-resource-manager/management/preview-features",
		},
		{
			ID: "quota/<family>", Title: "the quota of virtual CPUs does not suffice",
			Checks: "Whether the cluster's nodes fit into what is left of the quota of their family, and of all virtual CPUs of the region (`quota/cores`), with the nodes that an upgrade adds for a while. Nodes that the plan's cluster has already count as in use.",
			Verdicts: map[Verdict]string{
				Pass:    "they fit",
				Warn:    "they fit, but an upgrade's surge nodes do not",
				Unknown: "quotas or sizes could not be read",
				Fail:    "they do not fit",
			},
			Do:    "Use the region that the finding names, which is the nearest where they fit, or ask for a higher limit.",
			Since: "0.1.0", See: "https://learn.microsoft.com/azure/virtual-machines/quotas",
		},
		{
			ID: "quota/model", Title: "the model's quota does not suffice",
			Checks: "Whether the deployment fits into what is left of the model's tokens per minute in the region.",
			Verdicts: map[Verdict]string{
				Pass:    "it fits, or the deployment is there already",
				Unknown: "the quota could not be read, or does not name the model; or it does not fit and nobody can tell whether the deployment is there",
				Fail:    "it does not fit",
			},
			Do:    "Ask for more, delete a deployment of the same model in the region, or choose another model or region.",
			Since: "0.1.0", See: "https://learn.microsoft.com/azure/ai-foundry/openai/how-to/quota",
		},
		{
			ID: "quota/deployment", Title: "the account has no such deployment",
			Checks: "Whether the account of `--foundry-endpoint` has a deployment of the name that `--model` says. The run makes none in an account that is there already.",
			Verdicts: map[Verdict]string{
				Pass:    "it has",
				Unknown: "its deployments could not be read",
				Fail:    "it has not: agents would have nothing to call",
			},
			Do:    "Name a deployment that is there with `--model`, or have the model deployed with the command that the finding names.",
			Since: "0.1.0", See: "https://learn.microsoft.com/azure/ai-foundry/openai/how-to/create-resource",
		},
		{
			ID: "sku/<size>", Title: "the region does not offer it to the subscription",
			Checks: "Whether the subscription can have, in the plan's region: the nodes' sizes, with encryption at the host; the model (`sku/<model>`); the Kubernetes version (`sku/kubernetes`); and every service (`sku/<resource type>`, reported only where one is lacking).",
			Verdicts: map[Verdict]string{
				Pass:    "it can",
				Warn:    "it can, but as a preview, or in no availability zone",
				Unknown: "what the region offers could not be read",
				Fail:    "it cannot",
			},
			Do:    "Use another region; the finding names the nearest in which the nodes fit.",
			Since: "0.1.0", See: "https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-sku-not-available",
		},
	}
}
