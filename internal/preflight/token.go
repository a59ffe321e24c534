package preflight

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kars-dev/kars/internal/azure/arm"
	"github.com/kars-dev/kars/internal/azure/credential"
	"github.com/kars-dev/kars/internal/diagnose"
	"github.com/kars-dev/kars/internal/plan"
)

// Origin is where the caller's tokens come from.
type Origin = credential.Origin

// misleading says, of callers for whom the permissions API may not tell the
// whole, that what it says is not certain (U47, P9, P10).
func (d decider) misleading() []Finding {
	c, s := d.facts.Caller, d.facts.Subscription.Value
	var out []Finding
	if !c.HomeTenant {
		out = append(out, Finding{
			ID: "token/guest", Why: "what Azure says of a guest's permissions may differ from what it lets the guest do",
			Evidence: []string{"your account belongs to another directory than " + c.TenantID},
		})
	}
	managed := slices.ContainsFunc(s.ManagedBy, func(t arm.TenantID) bool { return strings.EqualFold(t.ID, c.TenantID) })
	if s.TenantID != "" && !strings.EqualFold(s.TenantID, c.TenantID) && managed {
		// learn.microsoft.com/azure/lighthouse/concepts/tenants-users-roles
		out = append(out, Finding{
			ID: "token/lighthouse", Why: "a delegation by Azure Lighthouse holds no Owner, no data actions, and gives roles to managed identities only",
			Evidence: []string{"the subscription belongs to the directory " + s.TenantID + ", which lets " + c.TenantID + " manage it"},
		})
	}
	if d.facts.Token.Federated {
		out = append(out, Finding{
			ID: "token/federated", Why: "a pipeline's token is exchanged anew, and what it may do can lag behind its role assignments",
			Evidence: []string{"the credential is " + d.facts.Token.Credential + ": an assertion was exchanged for its tokens"},
		})
	}
	for i := range out {
		out[i].Category, out[i].Verdict, out[i].Subject, out[i].Scope = CategoryToken, Unknown, c.DisplayName, "/"
		out[i].Fix = []Fix{{Text: "if a finding contradicts what you know, run without the checks", Command: "kars up --skip-preflight"}}
	}
	return out
}

// origin says which credential was chosen, where that may surprise: the AZURE_
// variables win over what the Azure CLI shows.
func (d decider) origin() []Finding {
	o, c := d.facts.Token, d.facts.Caller
	if o.Credential == "" && len(o.Disagreements) == 0 {
		return nil
	}
	f := Finding{
		ID: "token/credential", Category: CategoryToken, Verdict: Pass, Subject: c.DisplayName, Scope: "/", Why: "everything is checked for this caller",
	}
	if o.Credential != "" {
		f.Evidence = []string{fmt.Sprintf("%s gave the tokens: %s", o.Credential, o.Why)}
	}
	if len(o.Disagreements) > 0 {
		f.Verdict = Warn
		f.Evidence = append(f.Evidence, o.Disagreements...)
		f.Fix = []Fix{
			{Text: "have the Azure CLI's sign-in used", Command: "export AZURE_TOKEN_CREDENTIALS=AzureCLICredential"},
			{Text: "or unset the variables", Command: "unset AZURE_CLIENT_ID AZURE_CLIENT_SECRET AZURE_TENANT_ID AZURE_SUBSCRIPTION_ID"},
		}
	}
	return []Finding{f}
}

// refusedScopes are permissions whose mere presence in a token makes the
// agent-identity APIs refuse it.
//
// learn.microsoft.com/entra/agent-id/create-blueprint
func refusedScopes() []string {
	return []string{"Directory.AccessAsUser.All", "Directory.ReadWrite.All"}
}

// directoryToken checks that the token itself may be used for making the
// blueprint, whatever directory role its holder has.
func (d decider) directoryToken(n plan.Need) Finding {
	f := Finding{ID: "directory/token", Category: CategoryDirectory, Verdict: Pass, Subject: "Microsoft Graph token", Scope: "/", Why: n.Why}
	fail := func(evidence ...string) Finding {
		f.Verdict, f.Blocks, f.Evidence = Fail, true, evidence
		if n.Optional {
			f.Verdict, f.Blocks = Warn, false
			f.Evidence = append(f.Evidence, "Entra Agent ID setup skipped: sandboxes start in the anonymous tier and call nothing as a named principal")
		}
		return f
	}
	is, unread := d.facts.Directory.Value, d.facts.Directory.Unread
	if unread != nil && strings.HasPrefix(unread.Code, "AADSTS") {
		known := diagnose.Explain(diagnose.Error{Plane: diagnose.Entra, Code: unread.Code, Message: unread.Reason})
		for _, fix := range known.Fix {
			f.Fix = append(f.Fix, Fix{Text: fix.Text, Command: fix.Command})
		}
		return fail(appendNew([]string{unread.Error()}, notEmpty(known.Cause))...)
	}
	application := d.facts.Caller.Type == credential.ServicePrincipal
	held := is.Delegated
	if application {
		held = is.Permissions
	}
	if unread != nil && !is.Token {
		return undecided(f, unread)
	}
	for _, scope := range refusedScopes() {
		if slices.Contains(held, scope) {
			f.Fix = usable()
			return fail("the token carries " + scope + ", with which the agent-identity APIs refuse it, whatever your directory role")
		}
	}
	var lacks []string
	for _, p := range plan.AgentIDPermissions() {
		if !slices.Contains(held, p) {
			lacks = append(lacks, p)
		}
	}
	switch {
	case len(lacks) == 0:
		f.Evidence = []string{"it carries " + strings.Join(plan.AgentIDPermissions(), ", ")}
	case application:
		// A directory role does as well: the role's own finding decides.
		f.Evidence = []string{"nothing in it keeps the agent-identity APIs from taking it"}
	default:
		f.Fix = usable()
		return fail("the token lacks the delegated permissions " + strings.Join(lacks, ", "))
	}
	return f
}

// usable is the credential that works.
func usable() []Fix {
	return []Fix{
		{Text: "sign in as a service principal that has the application permissions " + strings.Join(plan.AgentIDPermissions(), ", ") + ", to which an administrator has consented: set AZURE_CLIENT_ID, AZURE_TENANT_ID and AZURE_CLIENT_SECRET or AZURE_FEDERATED_TOKEN_FILE"},
		{Text: "or by a client of your own that asks for the delegated permissions of the same names; the Azure CLI's client cannot"},
		{Text: "then complete trust", Command: "kars mesh setup-trust"},
	}
}

func notEmpty(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}
