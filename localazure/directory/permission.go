package directory

import "slices"

// bucketPermissions holds the application permissions: service principal "/"
// resource's client id → permission names.
const bucketPermissions = "directory.permissions"

// GrantPermission gives a service principal an application permission of a
// resource, "AgentIdentityBlueprint.Create" of [GraphAppID] for instance.
func (t *Tx) GrantPermission(servicePrincipal, resourceAppID, name string) error {
	o, found, err := t.Object(servicePrincipal)
	if err != nil {
		return err
	}
	if !found || o.Kind != ServicePrincipal {
		return notFound(servicePrincipal)
	}
	if agentic(o) && slices.Contains(closedToAgents(), name) {
		return invalid("Permission '" + name + "' can't be granted to agents.")
	}
	held, err := t.Permissions(servicePrincipal, resourceAppID)
	if err != nil || slices.Contains(held, name) {
		return err
	}
	held = append(held, name)
	slices.Sort(held)
	return t.tx.Put(bucketPermissions, servicePrincipal+"/"+resourceAppID, held)
}

// Permissions returns the application permissions that a service principal
// holds at a resource, those that Entra gives of itself included.
func (t *Tx) Permissions(servicePrincipal, resourceAppID string) ([]string, error) {
	var held []string
	if _, err := t.tx.Get(bucketPermissions, servicePrincipal+"/"+resourceAppID, &held); err != nil {
		return nil, err
	}
	o, found, err := t.Object(servicePrincipal)
	if err != nil {
		return nil, err
	}
	// A blueprint needs no consent to make its own agent identities;
	// learn.microsoft.com/entra/agent-id/create-delete-agent-identities.
	const own = "AgentIdentity.CreateAsManager"
	if found && o.Type == TypeBlueprintPrincipal && resourceAppID == GraphAppID && !slices.Contains(held, own) {
		held = append(held, own)
		slices.Sort(held)
	}
	return held, nil
}

func agentic(o Object) bool { return o.Type == TypeAgentIdentity || o.Type == TypeBlueprintPrincipal }

// closedToAgents are permissions that nobody can consent to for an agent;
// learn.microsoft.com/entra/agent-id/authorization-agent-id.
func closedToAgents() []string {
	return []string{
		"Application.ReadWrite.All", "RoleManagement.ReadWrite.All", "RoleManagement.ReadWrite.Directory",
		"User.ReadWrite.All", "Directory.AccessAsUser.All", "Directory.ReadWrite.All", "AppRoleAssignment.ReadWrite.All",
	}
}
