package rbac

import "strings"

// A spelling is another name of an action, folded.
type spelling struct {
	action string
	// only, if any, must stand in the pattern: a wildcard that matches this
	// name by its other parts does not count.
	only string
}

// spellings holds the other names of a folded action. They are where Azure
// checks by one name what roles grant by another.
//
//   - A request that gives an identity to a resource is refused with
//     "userAssignedIdentities/assign/action", and Managed Identity Operator,
//     which holds "userAssignedIdentities/*/assign/action", is the documented
//     cure: learn.microsoft.com/azure/aks/use-managed-identity. The middle
//     part stands for the identity, so any name will do.
//   - The shared keys of a workspace are listed by "sharedKeys/action"; what
//     AKS asks of its creator is written "sharedKeys/read":
//     learn.microsoft.com/azure/aks/concepts-identity#aks-cluster-identity-permissions.
//     A role that writes out either has both. One that holds "*/read", as
//     Reader does, lists no keys.
func spellings(action string) []spelling {
	const workspaces = "microsoft.operationalinsights/workspaces/"
	switch action {
	case "microsoft.managedidentity/userassignedidentities/assign/action":
		return []spelling{{action: "microsoft.managedidentity/userassignedidentities/-/assign/action"}}
	case workspaces + "sharedkeys/action":
		return []spelling{{workspaces + "sharedkeys/read", "sharedkeys"}}
	case workspaces + "sharedkeys/read":
		return []spelling{{workspaces + "sharedkeys/action", "sharedkeys"}}
	}
	return nil
}

// matchSpelt is patterns.match for the action under all of its names.
func matchSpelt(ps *patterns, action string) (string, bool) {
	if by, ok := ps.match(action); ok {
		return by, true
	}
	for _, s := range spellings(action) {
		if by, ok := ps.match(s.action); ok && strings.Contains(fold(by), s.only) {
			return by, true
		}
	}
	return "", false
}
