package plan

// DirectoryRole is a role of the tenant's directory. Names are translated and
// drift; template ids do not.
type DirectoryRole struct {
	ID      string // of the role's template
	Name    string
	Suffice string // how far it goes, for a person
}

// AgentIDRoles are the directory roles of which one makes blueprints (U25), the
// narrowest first. Microsoft's page names the first two:
// learn.microsoft.com/graph/api/agentidentityblueprint-post
func AgentIDRoles() []DirectoryRole {
	return []DirectoryRole{
		{"adb2368d-a9be-41b5-8667-d96778e081b0", "Agent ID Developer", "the narrowest role that suffices"},
		{"db506228-d27e-4b7d-95e5-295956d6615f", "Agent ID Administrator", "suffices, and for all agents of the tenant"},
		{"e8611ab8-c189-46e8-94e1-60213ab1f814", "Privileged Role Administrator", "can give itself Agent ID Developer; Microsoft's pages do not name it as sufficient"},
		{"62e90394-69f5-4237-9190-012177145e10", "Global Administrator", "suffices, and for everything else"},
	}
}

// AgentIDPermissions are what a service principal needs in Microsoft Graph
// instead of a directory role.
// learn.microsoft.com/entra/agent-id/create-blueprint
func AgentIDPermissions() []string {
	return []string{"AgentIdentityBlueprint.Create", "AgentIdentityBlueprint.AddRemoveCreds.All", "AgentIdentityBlueprintPrincipal.Create"}
}
