package preflight

import (
	"slices"
	"strings"

	"github.com/kars-dev/kars/internal/azure/credential"
	"github.com/kars-dev/kars/internal/plan"
)

// agentIDRoles are the directory roles that make blueprints (U25), by template
// id: names are translated, ids are not. What each is good for is said to the
// person. Microsoft's page names the first two:
// learn.microsoft.com/graph/api/agentidentityblueprint-post
func agentIDRoles() map[string]string {
	return map[string]string{
		"adb2368d-a9be-41b5-8667-d96778e081b0": "Agent ID Developer: the narrowest role that suffices",
		"db506228-d27e-4b7d-95e5-295956d6615f": "Agent ID Administrator: suffices, and for all agents of the tenant",
		"62e90394-69f5-4237-9190-012177145e10": "Global Administrator: suffices, and for everything else",
		"e8611ab8-c189-46e8-94e1-60213ab1f814": "Privileged Role Administrator: can give itself Agent ID Developer; Microsoft's pages do not name it as sufficient",
	}
}

// blueprintPermissions are what a service principal needs in Graph instead of
// a directory role.
//
// learn.microsoft.com/entra/agent-id/create-blueprint
func blueprintPermissions() []string {
	return []string{"AgentIdentityBlueprint.Create", "AgentIdentityBlueprint.AddRemoveCreds.All", "AgentIdentityBlueprintPrincipal.Create"}
}

// directoryRole checks that the caller may make the blueprint. Where trust is
// optional the lack of a role never blocks: the run ends in the anonymous tier
// (U35).
func (d decider) directoryRole(n plan.Need) Finding {
	f := Finding{ID: "directory/agent-id-role", Category: CategoryDirectory, Subject: "Agent ID Developer", Scope: "/", Why: n.Why}
	if f.Evidence = d.facts.Directory.Value.sufficient(); len(f.Evidence) > 0 {
		f.Verdict = Pass
		return f
	}
	f.Fix = d.remedy.directoryRole()
	if err := d.facts.Directory.Unread; err != nil {
		f.Verdict, f.Evidence = Unknown, []string{err.Error()}
		return f
	}
	f.Verdict, f.Blocks = Fail, true
	f.Evidence = []string{"you hold none of the directory roles Agent ID Developer, Agent ID Administrator, Privileged Role Administrator, Global Administrator"}
	if d.facts.Caller.Type == credential.ServicePrincipal {
		f.Evidence = append(f.Evidence, "nor the application permissions "+strings.Join(blueprintPermissions(), ", "))
	}
	if n.Optional {
		f.Verdict, f.Blocks = Warn, false
		f.Evidence = append(f.Evidence, "Entra Agent ID setup skipped: sandboxes start in the anonymous tier and call nothing as a named principal")
	}
	return f
}

// sufficient says by what the caller may make blueprints, if by anything.
func (s Standing) sufficient() []string {
	var by []string
	for _, r := range s.Roles {
		if known := agentIDRoles()[strings.ToLower(r.TemplateID)]; known != "" && !slices.Contains(by, known) {
			by = append(by, known)
		}
	}
	lacks := slices.ContainsFunc(blueprintPermissions(), func(p string) bool { return !slices.Contains(s.Permissions, p) })
	if !lacks {
		by = append(by, "the application permissions "+strings.Join(blueprintPermissions(), ", "))
	}
	slices.Sort(by)
	return by
}
