package graph

import (
	"slices"
	"strings"

	"github.com/kars-dev/kars/localazure/directory"
	"github.com/kars-dev/kars/localazure/entra"
)

// caller is who asks, as the directory knows them now.
type caller struct {
	claims entra.Claims
	object directory.Object
	roles  []string // template ids of directory roles
}

// identify finds the caller in the directory. A token outlives its principal;
// its rights do not.
func (s *Service) identify(t *directory.Tx, claims entra.Claims) (caller, error) {
	o, found, err := t.Object(claims.ObjectID)
	if err != nil {
		return caller{}, err
	}
	if !found || !o.Enabled() {
		return caller{}, errNoToken("The identity of the calling application or user could not be established.")
	}
	held, err := t.DirectoryRoles(o.ID)
	if err != nil {
		return caller{}, err
	}
	c := caller{claims: claims, object: o}
	for _, r := range held {
		c.roles = append(c.roles, r.TemplateID)
	}
	return c, nil
}

func (c caller) user() bool { return c.claims.IdentityType == "user" }

// blueprint returns the client id of the blueprint that asks, or "".
func (c caller) blueprint() string {
	if c.object.Type == directory.TypeBlueprintPrincipal {
		return c.claims.AppID
	}
	return ""
}

// right is what an operation asks of its caller: of a signed-in user one of the
// scopes, and one of the roles where there are any; of an application one of the
// permissions.
type right struct {
	scopes       []string
	permissions  []string
	roles        []string
	ownerInstead bool // owning the object stands in for a role
	agentic      bool // one of the agent identity operations
}

// allowed decides; owned says whether the caller owns what it is about.
func (c caller) allowed(r right, owned bool) error {
	have, want := c.claims.Roles, r.permissions
	if c.user() {
		have, want = c.claims.Scopes, r.scopes
	}
	// Where a client holds these, what it may do with agent identities is
	// ignored; learn.microsoft.com/graph/api/agentidentityblueprint-post#permissions.
	if r.agentic && (slices.Contains(have, "Directory.AccessAsUser.All") || slices.Contains(have, "Directory.ReadWrite.All")) {
		return errDenied()
	}
	if !overlap(have, want) {
		return errDenied()
	}
	if c.user() && len(r.roles) > 0 && !overlap(c.roles, r.roles) && (!r.ownerInstead || !owned) {
		return errDenied()
	}
	return nil
}

func overlap(a, b []string) bool {
	return slices.ContainsFunc(a, func(s string) bool {
		return slices.ContainsFunc(b, func(o string) bool { return strings.EqualFold(s, o) })
	})
}

// owns says whether the caller is an owner of an object.
func (c caller) owns(t *directory.Tx, id string) (bool, error) {
	owners, err := t.Linked(id, directory.OwnedBy)
	return slices.ContainsFunc(owners, func(o string) bool { return strings.EqualFold(o, c.object.ID) }), err
}

// may decides about an operation on an object that is there.
func (c caller) may(t *directory.Tx, r right, id string) error {
	owned, err := c.owns(t, id)
	if err != nil {
		return err
	}
	return c.allowed(r, owned)
}

// agentAdministrators may do everything with agents. Microsoft's pages name the
// first; the others stand above it.
func agentAdministrators() []string {
	return []string{directory.AgentIDAdministrator, directory.GlobalAdministrator, directory.PrivilegedRoleAdministrator}
}

// agentDevelopers may besides create blueprints, and then own them.
func agentDevelopers() []string {
	return append(agentAdministrators(), directory.AgentIDDeveloper)
}

func applicationAdministrators() []string {
	return []string{directory.ApplicationAdministrator, directory.CloudApplicationAdministrator, directory.GlobalAdministrator}
}

// both is a right whose scopes and permissions have the same names.
func both(names ...string) right { return right{scopes: names, permissions: names} }

// The rights below are from the pages learn.microsoft.com/graph/api/<type>-<verb>:
// agentidentityblueprint-post, agentidentity-post, agentidentity-update,
// federatedidentitycredential-post, application-post-applications and so on.

// agentRight is a right of the agent identity APIs: verb is Create, Delete…
func agentRight(kind, verb string) right {
	names := map[string][]string{
		directory.TypeBlueprint + " create":          {"AgentIdentityBlueprint.Create"},
		directory.TypeBlueprint + " update":          {"AgentIdentityBlueprint.UpdateAuthProperties.All", "AgentIdentityBlueprint.UpdateBranding.All", "AgentIdentityBlueprint.EnableDisable.All"},
		directory.TypeBlueprint + " delete":          {"AgentIdentityBlueprint.DeleteRestore.All"},
		directory.TypeBlueprint + " credentials":     {"AgentIdentityBlueprint.AddRemoveCreds.All"},
		directory.TypeBlueprint + " federate":        {"AgentIdentityBlueprint.AddRemoveCreds.All"},
		directory.TypeBlueprintPrincipal + " create": {"AgentIdentityBlueprintPrincipal.Create"},
		directory.TypeBlueprintPrincipal + " update": {"AgentIdentityBlueprintPrincipal.EnableDisable.All"},
		directory.TypeBlueprintPrincipal + " delete": {"AgentIdentityBlueprintPrincipal.DeleteRestore.All"},
		directory.TypeAgentIdentity + " create":      {"AgentIdentity.Create.All"},
		directory.TypeAgentIdentity + " update":      {"AgentIdentity.EnableDisable.All"},
		directory.TypeAgentIdentity + " delete":      {"AgentIdentity.DeleteRestore.All"},
	}[kind+" "+verb]
	all := map[string]string{
		directory.TypeBlueprint:          "AgentIdentityBlueprint.ReadWrite.All",
		directory.TypeBlueprintPrincipal: "AgentIdentityBlueprintPrincipal.ReadWrite.All",
		directory.TypeAgentIdentity:      "AgentIdentity.ReadWrite.All",
	}[kind]
	if kind != directory.TypeAgentIdentity || verb != "delete" {
		names = append(names, all)
	}
	r := both(names...)
	if kind == directory.TypeAgentIdentity {
		r.permissions = append(slices.Clone(r.permissions), createAsManager)
	}
	r.agentic, r.ownerInstead, r.roles = true, true, agentAdministrators()
	switch verb {
	case "federate":
		r.roles = agentDevelopers()
	case "create":
		if kind != directory.TypeAgentIdentity {
			r.roles = agentDevelopers()
		}
	case "credentials":
		// A secret or certificate takes the administrator, owner or not;
		// learn.microsoft.com/entra/agent-id/create-blueprint#prerequisites.
		r.ownerInstead = false
	}
	return r
}

// directoryWide are permissions to read everything in the directory.
func directoryWide() []string {
	return []string{"Directory.Read.All", "Directory.ReadWrite.All", "Directory.AccessAsUser.All"}
}

func readApplications() right {
	return both(append(directoryWide(), "Application.Read.All", "Application.ReadWrite.All")...)
}

func readBlueprints() right {
	r := readApplications()
	own := []string{"AgentIdentityBlueprint.Read.All", "AgentIdentityBlueprint.ReadWrite.All"}
	return both(append(r.scopes, own...)...)
}

func readCredentials() right {
	return both(append(readBlueprints().scopes, "AgentIdentityBlueprint.AddRemoveCreds.All")...)
}

func readPrincipals() right {
	r := readApplications()
	own := []string{"AgentIdentityBlueprintPrincipal.Read.All", "AgentIdentityBlueprintPrincipal.ReadWrite.All"}
	return both(append(r.scopes, own...)...)
}

func readAgents() right {
	r := readApplications()
	r = both(append(r.scopes, "AgentIdentity.Read.All", "AgentIdentity.ReadWrite.All")...)
	r.permissions = append(slices.Clone(r.permissions), createAsManager)
	return r
}

func writeApplications() right {
	r := both("Application.ReadWrite.All", "Directory.AccessAsUser.All")
	r.permissions = []string{"Application.ReadWrite.All"}
	r.roles, r.ownerInstead = applicationAdministrators(), true
	return r
}

// writeSponsors is narrower than writing the object: signed-in users may not
// change an agent identity's sponsors, nor may its blueprint;
// learn.microsoft.com/graph/api/agentidentity-post-sponsors.
func writeSponsors(kind string) right {
	if kind == directory.TypeAgentIdentity {
		return right{permissions: []string{"AgentIdentity.ReadWrite.All"}, agentic: true}
	}
	r := both("Application.ReadWrite.All")
	r.roles, r.ownerInstead, r.agentic = agentAdministrators(), true, true
	return r
}

func readUsers() right {
	return both(append(directoryWide(), "User.Read.All", "User.ReadBasic.All", "User.ReadWrite.All")...)
}

func readGroups() right {
	return both(append(directoryWide(), "Group.Read.All", "GroupMember.Read.All", "Group.ReadWrite.All")...)
}

func readRoles() right {
	return both(append(directoryWide(), "RoleManagement.Read.Directory", "RoleManagement.Read.All", "RoleManagement.ReadWrite.Directory")...)
}

func readMemberships() right {
	r := readGroups()
	return both(append(append(r.scopes, readUsers().scopes...), "Application.Read.All", "RoleManagement.Read.Directory")...)
}
