package directory

import (
	"slices"
	"strings"
)

// Directory roles by their template id, the same in every tenant;
// learn.microsoft.com/entra/identity/role-based-access-control/permissions-reference.
const (
	GlobalAdministrator           = "62e90394-69f5-4237-9190-012177145e10"
	PrivilegedRoleAdministrator   = "e8611ab8-c189-46e8-94e1-60213ab1f814"
	ApplicationAdministrator      = "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3"
	CloudApplicationAdministrator = "158c047a-c907-4556-b7ef-446551a6b5f7"
	ApplicationDeveloper          = "cf1c38e5-3621-4004-a7cb-879624dced7c"
	UserAdministrator             = "fe930be7-5e62-47db-91af-98c3a49a38b1"
	AgentIDAdministrator          = "db506228-d27e-4b7d-95e5-295956d6615f"
	AgentIDDeveloper              = "adb2368d-a9be-41b5-8667-d96778e081b0"
	AIAdministrator               = "d2562ede-74db-457e-a7b6-544e236ebb61"
	DirectoryReaders              = "88d8e3e3-8f55-4a1e-953a-9b9898b8876b"
	GlobalReader                  = "f2ef992c-3afb-46b9-b7cf-a126ee74c451"
)

// Role is a directory role, "Agent ID Administrator" for instance.
type Role struct {
	ID          string // of the role in this tenant
	TemplateID  string // the same in every tenant
	DisplayName string
	Description string
}

// RoleCatalogue returns the directory roles that the tenant has.
func (d *Directory) RoleCatalogue() []Role {
	roles := []Role{
		{"", GlobalAdministrator, "Global Administrator", "Can manage all aspects of Microsoft Entra ID and Microsoft services that use Microsoft Entra identities."},
		{"", PrivilegedRoleAdministrator, "Privileged Role Administrator", "Can manage role assignments in Microsoft Entra ID, and all aspects of Privileged Identity Management."},
		{"", ApplicationAdministrator, "Application Administrator", "Can create and manage all aspects of app registrations and enterprise apps."},
		{"", CloudApplicationAdministrator, "Cloud Application Administrator", "Can create and manage all aspects of app registrations and enterprise apps except App Proxy."},
		{"", ApplicationDeveloper, "Application Developer", "Can create application registrations independent of the 'Users can register applications' setting."},
		{"", UserAdministrator, "User Administrator", "Can manage all aspects of users and groups, including resetting passwords for limited admins."},
		{"", AgentIDAdministrator, "Agent ID Administrator", "Manage all aspects of agents in a tenant including identity lifecycle operations for agent blueprints, agent service principals, agent identities, and agent users."},
		{"", AgentIDDeveloper, "Agent ID Developer", "Create an agent identity blueprint and its agent identity blueprint principal in a tenant."},
		{"", AIAdministrator, "AI Administrator", "Manage all aspects of Microsoft 365 Copilot and AI-related enterprise services in Microsoft 365."},
		{"", DirectoryReaders, "Directory Readers", "Can read basic directory information."},
		{"", GlobalReader, "Global Reader", "Can read everything that a Global Administrator can, but not update anything."},
	}
	for i := range roles {
		roles[i].ID = d.derivedID("directoryRole", roles[i].TemplateID)
	}
	return roles
}

// DirectoryRoles returns the roles that a principal holds, itself or through a
// group.
func (d *Directory) DirectoryRoles(id string) ([]Role, error) {
	return view(d, func(t *Tx) ([]Role, error) { return t.DirectoryRoles(id) })
}

// AssignDirectoryRole gives a principal the role with this template id. Doing
// it again changes nothing.
func (d *Directory) AssignDirectoryRole(id, templateID string) error {
	return d.Update(func(t *Tx) error { return t.AssignDirectoryRole(id, templateID) })
}

// DirectoryRoles returns the roles that a principal holds now, itself or through
// a group.
func (t *Tx) DirectoryRoles(id string) ([]Role, error) {
	groups, err := t.GroupsOf(id)
	if err != nil {
		return nil, err
	}
	scheduled, err := t.scheduled()
	if err != nil {
		return nil, err
	}
	var held []string
	for _, holder := range append([]string{strings.ToLower(id)}, groups...) {
		given, err := t.Linked(holder, holds)
		if err != nil {
			return nil, err
		}
		held = append(held, given...)
		for template, who := range scheduled {
			if slices.Contains(who, holder) {
				held = append(held, template)
			}
		}
	}
	return slices.DeleteFunc(t.d.RoleCatalogue(), func(r Role) bool { return !slices.Contains(held, r.TemplateID) }), nil
}

// AssignDirectoryRole gives a principal the role with this template id.
func (t *Tx) AssignDirectoryRole(id, templateID string) error {
	if err := t.checkHolder(id, templateID); err != nil {
		return err
	}
	return t.Link(id, holds, templateID)
}

// checkHolder refuses principals that cannot hold a role: a group that was not
// made for it, and for an administrator's role an agent identity;
// learn.microsoft.com/entra/identity/role-based-access-control/groups-concept,
// learn.microsoft.com/entra/agent-id/authorization-agent-id.
func (t *Tx) checkHolder(id, templateID string) error {
	o, found, err := t.Object(id)
	if err != nil {
		return err
	}
	if !found || o.Kind == Application {
		return notFound(id)
	}
	p := o.Principal()
	assignable, _ := o.Properties["isAssignableToRole"].(bool)
	if !slices.ContainsFunc(t.d.RoleCatalogue(), func(r Role) bool { return r.TemplateID == templateID }) {
		return notFound(templateID)
	}
	if p.Type == "Group" && !assignable {
		return invalid("The group must be created with isAssignableToRole set to true for a role to be assigned to it.")
	}
	if p.Agent() && templateID != DirectoryReaders && templateID != GlobalReader && templateID != AIAdministrator {
		return invalid("This directory role can't be assigned to an agent identity.")
	}
	return nil
}

// RemoveDirectoryRole takes a role away again.
func (t *Tx) RemoveDirectoryRole(id, templateID string) error { return t.Unlink(id, holds, templateID) }

// RoleHolders returns the ids, in lower case, of the principals who hold a role
// now and directly.
func (t *Tx) RoleHolders(templateID string) ([]string, error) {
	given, err := t.LinkedFrom(templateID, holds)
	if err != nil {
		return nil, err
	}
	scheduled, err := t.scheduled()
	if err != nil {
		return nil, err
	}
	all := append(given, scheduled[templateID]...)
	slices.Sort(all)
	return slices.Compact(all), nil
}
