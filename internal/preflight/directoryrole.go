package preflight

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/kars-dev/kars/internal/azure/credential"
	"github.com/kars-dev/kars/internal/plan"
)

// A DirectoryRole is an Entra role that the caller holds.
type DirectoryRole struct {
	TemplateID string `json:"roleTemplateId"` // the same in every tenant
	Name       string `json:"displayName"`
}

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

// DirectoryRoles reads the active directory roles of a user or service
// principal, also those held through groups.
//
// learn.microsoft.com/graph/api/user-list-transitivememberof
func DirectoryRoles(ctx context.Context, d Directory, c credential.Caller) ([]DirectoryRole, error) {
	if d == nil {
		return nil, errors.New("there is no way to Microsoft Graph")
	}
	owner := "me"
	if c.Type == credential.ServicePrincipal {
		owner = "servicePrincipals/" + url.PathEscape(c.ObjectID) // "me" is of users alone
	}
	path := "/v1.0/" + owner + "/transitiveMemberOf/microsoft.graph.directoryRole?$select=id,displayName,roleTemplateId"
	var roles []DirectoryRole
	for path != "" {
		var page struct {
			Value []DirectoryRole `json:"value"`
			Next  string          `json:"@odata.nextLink"`
		}
		if err := d.Do(ctx, http.MethodGet, path, nil, &page); err != nil {
			return nil, err
		}
		roles = append(roles, page.Value...)
		next, err := relative(page.Next)
		if err != nil {
			return nil, err
		}
		path = next
	}
	return roles, nil
}

// relative is the path and query of a link to the next page: the token goes to
// no other host than the client's own.
func relative(link string) (string, error) {
	if link == "" {
		return "", nil
	}
	u, err := url.Parse(link)
	if err != nil {
		return "", fmt.Errorf("reading the link to the next page: %w", err)
	}
	return u.RequestURI(), nil
}

// directoryRole checks that the caller may make the blueprint. Where trust is
// optional the lack of a role never blocks: the run ends in the anonymous tier
// (U35).
func (d decider) directoryRole(n plan.Need) Finding {
	f := Finding{ID: "directory/agent-id-role", Category: DirectoryOf, Subject: "Agent ID Developer", Scope: "/", Why: n.Why}
	if err := d.facts.roles.err; err != nil {
		f.Verdict, f.Evidence = Unknown, []string{err.Error()}
		return f
	}
	for _, r := range d.facts.roles.value {
		if known := agentIDRoles()[strings.ToLower(r.TemplateID)]; known != "" {
			f.Verdict = Pass
			f.Evidence = append(f.Evidence, known)
		}
	}
	if f.Verdict == Pass {
		slices.Sort(f.Evidence)
		return f
	}
	f.Verdict, f.Blocks = Fail, true
	f.Evidence = []string{"you hold none of the directory roles Agent ID Developer, Agent ID Administrator, Privileged Role Administrator, Global Administrator"}
	if d.options.Caller.Type == credential.ServicePrincipal {
		f.Verdict, f.Blocks = Unknown, false
		f.Evidence = append(f.Evidence, "a service principal may hold the application permission AgentIdentityBlueprint.Create instead, which only the attempt shows")
	}
	if n.Optional {
		f.Evidence = append(f.Evidence, "Entra Agent ID setup skipped: sandboxes start in the anonymous tier and call nothing as a named principal")
		f.Blocks = false
		if f.Verdict == Fail {
			f.Verdict = Warn
		}
	}
	f.Fix = d.remedy.directoryRole()
	return f
}
