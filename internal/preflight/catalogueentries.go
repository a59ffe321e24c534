package preflight

import "slices"

// Catalogue is every kind of finding, in the order of the page that explains
// them.
func Catalogue() []Entry {
	return slices.Concat(rightsEntries(), tokenEntries(), surroundingsEntries(), guardEntries(), offerEntries(), clusterEntries())
}

// rightsEntries are about what the caller is and may do.
func rightsEntries() []Entry {
	return []Entry{
		{
			ID: "rbac/<action>", Title: "the caller lacks an Azure permission",
			Checks: "Whether the caller may do the action at the scope. The permissions API answers first, because it counts groups, nested groups and management groups in; " +
				"where it is closed to the caller, role assignments and role definitions decide. Conditions on the right to give roles on are evaluated for the very role assignments that the plan makes, and deny assignments win over every role.",
			Verdicts: map[Verdict]string{
				Pass:    "a role grants it, and nothing takes it away",
				Warn:    "it is missing, and the run goes on without it",
				Unknown: "what would decide it could not be read, or is a condition that cannot be evaluated",
				Fail:    "no role grants it, a condition does not hold, or a deny assignment denies it",
			},
			Do:    "Have somebody who may assign roles give you the role that the finding names, at the scope that it names. Where a deny assignment denies it, no role helps: whoever made it must exclude you.",
			Since: "0.1.0", See: "https://learn.microsoft.com/azure/role-based-access-control/overview",
		},
		{
			ID: "rbac/least-privilege", Title: "the caller holds more than the plan needs",
			Checks:   "Whether the caller may do everything at the subscription, as its Owner may.",
			Verdicts: map[Verdict]string{Pass: "always: it is advice"},
			Do:       "Run as somebody who holds Contributor and User Access Administrator, or the role that `kars permissions` prints.",
			Since:    "0.1.0", See: "https://learn.microsoft.com/azure/role-based-access-control/best-practices",
		},
		{
			ID: "deny/assignments", Title: "deny assignments could not be read",
			Checks:   "Whether the deny assignments that reach the plan's scope can be read. Where one stands in the way of an action, that action's own finding says so.",
			Verdicts: map[Verdict]string{Unknown: "they could not be read: roles alone do not tell what is denied"},
			Do:       "Have somebody give you `Microsoft.Authorization/denyAssignments/read`, which Reader holds, or accept the finding in a baseline where nobody uses deployment stacks or managed applications.",
			Since:    "0.1.0", See: "https://learn.microsoft.com/azure/role-based-access-control/deny-assignments",
		},
		{
			ID: "directory/agent-id-role", Title: "the caller may not make the blueprint",
			Checks: "Whether the caller holds a directory role, or as a service principal the permissions in Microsoft Graph, that makes agent identity blueprints. Roles that reach the caller through groups count.",
			Verdicts: map[Verdict]string{
				Pass:    "one of the roles, or all of the permissions, are there",
				Warn:    "none is, and trust is optional: sandboxes start in the anonymous tier",
				Unknown: "the caller's directory roles could not be read",
				Fail:    "none is, and `--mesh-trust entra` asks for trust",
			},
			Do:    "Activate Agent ID Developer if it is yours to activate, or have an administrator give it to you, and complete trust with `kars mesh setup-trust`.",
			Since: "0.1.0", See: "https://learn.microsoft.com/entra/agent-id/create-blueprint",
		},
		{
			ID: "token/guest", Title: "the caller is a guest of this directory",
			Checks:   "Whether the caller's account belongs to another directory than the subscription's.",
			Verdicts: map[Verdict]string{Unknown: "it does: what Azure says of a guest's permissions may differ from what it lets the guest do"},
			Do:       "If a finding contradicts what you know, run `kars up --skip-preflight`; the journal records it.",
			Since:    "0.1.0", See: "https://learn.microsoft.com/entra/external-id/user-properties",
		},
	}
}

// surroundingsEntries are about the subscription, whoever asks.
func surroundingsEntries() []Entry {
	return []Entry{
		{
			ID: "registration/<namespace>", Title: "a resource provider is not registered",
			Checks: "Whether the resource provider is registered with the subscription, and else whether the caller may register it.",
			Verdicts: map[Verdict]string{
				Pass:    "it is registered, or on its way",
				Warn:    "it is not, and the run registers it, which takes some minutes",
				Unknown: "its state, or what the caller may do about it, could not be read",
				Fail:    "it is not, and the caller may not register it",
			},
			Do:    "Have somebody with a role at the subscription run the command that the finding names.",
			Since: "0.1.0", See: "https://learn.microsoft.com/azure/azure-resource-manager/management/resource-providers-and-types",
		},
		{
			ID: "name/<type>", Title: "a name is taken, or in another region",
			Checks: "Whether the name is free, or belongs to what the plan would make. A resource group that is there must be in the plan's region.",
			Verdicts: map[Verdict]string{
				Pass:    "it is free, or the plan's own",
				Unknown: "nobody could tell",
				Fail:    "it is taken, in another region, or closed to the caller",
			},
			Do:    "Use the region, group or cluster name that the finding suggests.",
			Since: "0.1.0", See: "https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules",
		},
	}
}
