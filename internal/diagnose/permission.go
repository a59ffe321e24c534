package diagnose

func permissionRows() []row {
	return []row{
		{
			id: "role-assignment-denied", plane: ARM, codes: []string{"AuthorizationFailed"}, action: `^Microsoft\.Authorization/roleAssignments/`,
			cause: "{principal} may not assign roles at {scope}; kars does so to let the cluster's identities pull images, run nodes and call models",
			fix: []Fix{
				{
					"have an Owner grant User Access Administrator at the subscription",
					`az role assignment create --assignee {principal} --role "User Access Administrator" --scope /subscriptions/{subscription}`,
				},
				{"run the same command again; a new role assignment takes up to ten minutes to be seen everywhere", ""},
			},
			doc: "https://learn.microsoft.com/azure/role-based-access-control/troubleshooting",
		},
		{
			id: "registration-denied", plane: ARM, codes: []string{"AuthorizationFailed"}, action: `/register/action$`,
			cause: "{principal} may not register {namespace} for the subscription; that right is the subscription's, no role at a resource group holds it",
			fix: []Fix{
				{"have an Owner or Contributor of the subscription register it", "az provider register --namespace {namespace} --subscription {subscription}"},
			},
			doc: "https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-register-resource-provider",
		},
		{
			id: "linked-authorization-failed", plane: ARM, codes: []string{"LinkedAuthorizationFailed"},
			cause: "what is being made refers to {scope}, and {principal} lacks {action} there",
			fix: []Fix{
				{"have an Owner grant a role that holds the action where it is missing", "az role assignment create --assignee {principal} --role <role> --scope {scope}"},
				{"see every action that is missing before the next run", "kars preflight"},
			},
			doc: "https://learn.microsoft.com/azure/role-based-access-control/troubleshooting",
		},
		{
			id: "deny-assignment", plane: ARM, codes: []string{"DenyAssignmentAuthorizationFailed"},
			cause: "a deny assignment at {scope} forbids {action}, whatever roles {principal} has",
			fix: []Fix{
				{"see which one and what made it; a managed application or deployment stack does", "az role assignment list --include-inherited --scope {scope}"},
				{"use another resource group or subscription", ""},
			},
			doc: "https://learn.microsoft.com/azure/role-based-access-control/deny-assignments",
		},
		{
			id: "authorization-failed", plane: ARM, codes: []string{"AuthorizationFailed"},
			cause: "{principal} lacks {action} at {scope}",
			fix: []Fix{
				{"have an Owner grant a role that holds the action, as Contributor", "az role assignment create --assignee {principal} --role Contributor --scope {scope}"},
				{"if it was granted within the last ten minutes, run the same command again", ""},
				{"see every action that is missing before the next run", "kars preflight"},
			},
			doc: "https://learn.microsoft.com/azure/role-based-access-control/troubleshooting",
		},
		{
			id: "registry-pull-refused", plane: Registry, codes: []string{"UNAUTHORIZED"},
			cause: "the caller may not pull from {target}, where kars looks which of its images are there; a registry says so in the words of a failed sign-in",
			fix: []Fix{
				{"have an Owner grant a role that holds the action at the registry, as AcrPull", "az role assignment create --assignee {principal} --role AcrPull --scope <registry>"},
				{"see every action that is missing before the next run", "kars preflight"},
			},
			doc: "https://learn.microsoft.com/azure/container-registry/container-registry-troubleshoot-access",
		},
		{
			id: "role-assignment-exists", plane: ARM, codes: []string{"RoleAssignmentExists"},
			cause: "the principal has this role at this scope already, by a role assignment of another name",
			fix:   []Fix{{"there is nothing to do; kars leaves it as it is", ""}},
			doc:   "https://learn.microsoft.com/azure/role-based-access-control/troubleshooting",
		},
		{
			id: "role-assignment-fixed", plane: ARM, codes: []string{"RoleAssignmentUpdateNotPermitted"},
			cause: "a role assignment of this name is there for another principal or role; neither can be changed",
			fix: []Fix{
				{"see what is assigned there", "az role assignment list --scope {scope} --output table"},
				{"remove the one that is in the way", "az role assignment delete --ids <id>"},
			},
			doc: "https://learn.microsoft.com/azure/role-based-access-control/troubleshooting",
		},
		{
			id: "principal-not-found", codes: []string{"PrincipalNotFound"},
			cause: "Entra does not yet know the principal that a role is assigned to; a new identity takes up to some minutes to be replicated",
			fix:   []Fix{{"run the same command again", ""}},
			doc:   "https://learn.microsoft.com/azure/role-based-access-control/troubleshooting",
		},
		{
			id: "principal-type", codes: []string{"PrincipalTypeNotSupported", "UnmatchedPrincipalType"},
			cause: "a role is assigned to a principal of another type than Entra says it is",
			fix:   []Fix{{"check the object id that was given: a managed identity's and a service principal's is not its client id", "az ad sp show --id {principal}"}},
			doc:   "https://learn.microsoft.com/azure/role-based-access-control/troubleshooting",
		},
		{
			id: "model-denied", codes: []string{"PermissionDenied"}, message: "data action",
			cause: "{principal} lacks the data action {action} at the model's account; neither Contributor nor Owner holds it",
			fix: []Fix{
				{
					"assign the role to the agent identity at the account; it takes up to half an hour to be seen",
					`az role assignment create --assignee {principal} --role "Cognitive Services OpenAI User" --scope <account's id>`,
				},
				{"or have kars make its own grants again", "kars up"},
			},
			doc: "https://learn.microsoft.com/azure/ai-services/openai/how-to/role-based-access-control",
		},
	}
}
