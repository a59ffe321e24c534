package preflight

import (
	"context"
	"fmt"
	"testing"

	"github.com/kars-dev/kars/internal/azure/arm"
	"github.com/kars-dev/kars/internal/azure/credential"
	"github.com/kars-dev/kars/internal/azure/graph"
	"github.com/kars-dev/kars/internal/plan"
	"github.com/kars-dev/kars/internal/rbac"
)

func TestDirectoryToken(t *testing.T) {
	entra := func(o *Options) { o.Plan = mustPlan(plan.Options{MeshTrust: plan.TrustEntra}) }
	robot := func(o *Options) { o.Caller.Type = credential.ServicePrincipal }
	same := func(*Options) {}
	application := func(a *azure) { a.application, a.roles = true, developer }
	tests := map[string]struct {
		azure  func(*azure)
		change func(*Options)
		want   Verdict
		says   string
	}{
		"delegated permissions suffice":                      {func(*azure) {}, entra, Pass, "it carries AgentIdentityBlueprint.Create"},
		"the Azure CLI's token is refused whatever the role": {func(a *azure) { a.scopes = []string{"Directory.AccessAsUser.All", "User.Read.All"} }, entra, Fail, "whatever your directory role"},
		"where trust is optional that only warns":            {func(a *azure) { a.scopes = []string{"Directory.ReadWrite.All"} }, same, Warn, "anonymous tier"},
		"the credential that works is said":                  {func(a *azure) { a.scopes = []string{"Directory.AccessAsUser.All"} }, same, Warn, "sign in as a service principal that has the application permissions AgentIdentityBlueprint.Create"},
		"a token that lacks the permissions is refused":      {func(a *azure) { a.scopes = []string{"User.Read"} }, entra, Fail, "lacks the delegated permissions AgentIdentityBlueprint.Create"},
		"an application may go by its directory role":        {application, robot, Pass, "nothing in it keeps"},
		"an application with too much is refused": {func(a *azure) {
			application(a)
			a.permissions = []string{"Directory.ReadWrite.All"}
		}, robot, Warn, "Directory.ReadWrite.All"},
		"without a way to graph it is unknown": {func(*azure) {}, func(o *Options) { o.Directory = nil }, Unknown, "no way to Microsoft Graph"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			a := &azure{roles: developer, assignments: []rbac.Assignment{given(t, "Owner", subscription)}}
			tt.azure(a)
			f := find(t, check(t, a, tt.change), "directory/token", "/")
			if f.Verdict != tt.want || f.Blocks != (tt.want == Fail) {
				t.Errorf("got %s, blocking %t; want %s", f.Verdict, f.Blocks, tt.want)
			}
			shows(t, f, tt.says)
		})
	}
}

// protected is a directory to which conditional access lets no token.
type protected struct{ directory }

func (protected) Permissions(context.Context) (graph.Permissions, error) {
	return graph.Permissions{}, fmt.Errorf("getting a token for graph.microsoft.com: %w", &credential.Error{
		Status: 400, Code: "invalid_grant", Number: "AADSTS530084", Message: "AADSTS530084: Access has been blocked by conditional access token protection policy.",
	})
}

func TestConditionalAccessThatProtectsTokensIsRecognised(t *testing.T) {
	a := &azure{assignments: []rbac.Assignment{given(t, "Owner", subscription)}}
	r := check(t, a, func(o *Options) { o.Directory = protected{directory{a}} })
	shows(t, find(t, r, "directory/token", "/"), `"verdict": "warn"`, "AADSTS530084", "bound to this device", "az login --service-principal")
}

func TestWhoIsEligibleForADirectoryRoleIsToldToActivateItU26(t *testing.T) {
	a := &azure{assignments: []rbac.Assignment{given(t, "Owner", subscription)}}
	entra := func() Finding { return find(t, check(t, a), "directory/agent-id-role", "/") }
	has := func(f Finding, text string) bool {
		for _, fix := range f.Fix {
			if len(fix.Text) >= len(text) && fix.Text[:len(text)] == text {
				return true
			}
		}
		return false
	}
	const activate, ask = "activate Agent ID Developer, which you are eligible for", "have an administrator give it to you"
	if f := entra(); has(f, activate) || !has(f, ask) {
		t.Errorf("who is eligible for nothing is told %+v", f.Fix)
	}
	a.eligible = []graph.RoleInstance{{TemplateID: developer[0].TemplateID, Name: "Agent ID Developer", Scope: "/administrativeUnits/x"}}
	if f := entra(); has(f, activate) {
		t.Errorf("a role in an administrative unit does not help, and is told: %+v", f.Fix)
	}
	a.eligible[0].Scope = "/"
	if f := entra(); !has(f, activate) || has(f, ask) {
		t.Errorf("who is eligible is told %+v", f.Fix)
	}
	a.unlicensed = true
	if f := entra(); !has(f, "if the role is yours to activate") || !has(f, ask) {
		t.Errorf("where nobody can tell: %+v", f.Fix)
	}
}

func TestU47MisleadingCallersAreUndecided(t *testing.T) {
	a := &azure{roles: developer, assignments: []rbac.Assignment{given(t, "Owner", subscription)}}
	for id, change := range map[string]func(*Options){
		"token/guest":     func(o *Options) { o.Caller.HomeTenant = false },
		"token/federated": func(o *Options) { o.Token = Origin{Credential: "WorkloadIdentityCredential", Federated: true} },
	} {
		r := check(t, a, change)
		shows(t, find(t, r, id, "/"), `"verdict": "unknown"`, "kars up --skip-preflight")
		if r.Blocks() || r.Verdict != Unknown {
			t.Errorf("%s: it blocks %t, want undecided alone", id, r.Blocks())
		}
	}
}

func TestU47FederatedPipelineIsUndecidedP10(t *testing.T) {
	a := &azure{application: true, permissions: plan.AgentIDPermissions(), assignments: []rbac.Assignment{given(t, "Owner", subscription)}}
	r := check(t, a, func(o *Options) {
		o.Caller.Type, o.Token = credential.ServicePrincipal, Origin{Credential: "AzureCLICredential", Federated: true}
	})
	shows(t, find(t, r, "token/federated", "/"), `"verdict": "unknown"`, "AzureCLICredential", "--skip-preflight")
}

func TestLighthouseIsUndecidedP9(t *testing.T) {
	const other = "33333333-3333-3333-3333-333333333333"
	a := &azure{roles: developer, assignments: []rbac.Assignment{given(t, "Owner", subscription)}}
	a.owner, a.managedBy = other, []arm.TenantID{{ID: tenant}}
	shows(t, find(t, check(t, a), "token/lighthouse", "/"), `"verdict": "unknown"`, other, "--skip-preflight")
}

func TestDisagreementOfVariablesAndTheAzureCLIIsWarnedOf(t *testing.T) {
	a := &azure{roles: developer, assignments: []rbac.Assignment{given(t, "Owner", subscription)}}
	r := check(t, a, func(o *Options) {
		o.Token = Origin{Credential: "EnvironmentCredential", Why: "they are set", Disagreements: []string{"AZURE_TENANT_ID says one, the Azure CLI another"}}
	})
	shows(t, find(t, r, "token/credential", "/"), `"verdict": "warn"`, "EnvironmentCredential gave the tokens", "the Azure CLI another")
}

func TestSubscriptionThatTakesNoWritesIsRefused(t *testing.T) {
	a := &azure{roles: developer, assignments: []rbac.Assignment{given(t, "Owner", subscription)}}
	for state, want := range map[string]Verdict{"Disabled": Fail, "PastDue": Warn} {
		a.state = state
		if f := find(t, check(t, a), "name/Microsoft.Resources/subscriptions", subscription); f.Verdict != want || f.Blocks != (want == Fail) {
			t.Errorf("a subscription that is %s is %s, want %s", state, f.Verdict, want)
		}
	}
}
