package rbac

// spellings holds, by action, the other actions that count as it, all folded.
// They are where Azure checks by one name what roles grant by another.
//
//   - A request that gives an identity to a resource is refused with
//     "userAssignedIdentities/assign/action", and Managed Identity Operator,
//     which holds "userAssignedIdentities/*/assign/action", is the documented
//     cure: learn.microsoft.com/azure/aks/use-managed-identity. The middle
//     part stands for the identity, so any name will do.
//   - The shared keys of a workspace are listed by "sharedKeys/action" and
//     found as "sharedKeys/read" in roles of old.
func spellings(action string) []string {
	switch action {
	case "microsoft.managedidentity/userassignedidentities/assign/action":
		return []string{"microsoft.managedidentity/userassignedidentities/-/assign/action"}
	case "microsoft.operationalinsights/workspaces/sharedkeys/action":
		return []string{"microsoft.operationalinsights/workspaces/sharedkeys/read"}
	case "microsoft.operationalinsights/workspaces/sharedkeys/read":
		return []string{"microsoft.operationalinsights/workspaces/sharedkeys/action"}
	}
	return nil
}
