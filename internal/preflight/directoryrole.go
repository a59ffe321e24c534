package preflight

import (
	"slices"
	"strings"

	"github.com/kars-dev/kars/internal/azure/credential"
	"github.com/kars-dev/kars/internal/plan"
)

// agentIDRole says what a directory role is good for where it makes blueprints
// (U25); ok is false for others.
func agentIDRole(templateID string) (says string, ok bool) {
	for _, r := range plan.AgentIDRoles() {
		if strings.EqualFold(r.ID, templateID) {
			return r.Name + ": " + r.Suffice, true
		}
	}
	return "", false
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
	f.Fix = d.remedy.directoryRole(d.facts.EligibleDirectoryRoles)
	if err := d.facts.Directory.Unread; err != nil {
		f.Verdict, f.Evidence = Unknown, []string{err.Error()}
		return f
	}
	f.Verdict, f.Blocks = Fail, true
	f.Evidence = []string{"you hold none of the directory roles Agent ID Developer, Agent ID Administrator, Privileged Role Administrator, Global Administrator"}
	if d.facts.Caller.Type == credential.ServicePrincipal {
		f.Evidence = append(f.Evidence, "nor the application permissions "+strings.Join(plan.AgentIDPermissions(), ", "))
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
		if known, ok := agentIDRole(r.TemplateID); ok && !slices.Contains(by, known) {
			by = append(by, known)
		}
	}
	lacks := slices.ContainsFunc(plan.AgentIDPermissions(), func(p string) bool { return !slices.Contains(s.Permissions, p) })
	if !lacks {
		by = append(by, "the application permissions "+strings.Join(plan.AgentIDPermissions(), ", "))
	}
	slices.Sort(by)
	return by
}
