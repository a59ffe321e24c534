package diagnose

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const (
	scope   = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/kars-eastus2"
	caller  = "22222222-2222-2222-2222-222222222222"
	refusal = "The client 'ada' with object id '" + caller + "' does not have authorization to perform action 'x' over scope 'y' or the scope is invalid."
)

func TestExplain(t *testing.T) {
	for name, test := range map[string]struct {
		err     Error
		id      string
		command string // of the first fix that has one
	}{
		"U38: attaching the registry without the right to assign roles": {
			Error{Plane: ARM, Status: 403, Code: "AuthorizationFailed", Action: "Microsoft.Authorization/roleAssignments/write", Scope: scope, Message: refusal},
			"role-assignment-denied",
			`az role assignment create --assignee ` + caller + ` --role "User Access Administrator" --scope /subscriptions/11111111-1111-1111-1111-111111111111`,
		},
		"a registry does not let the caller look": {
			Error{Plane: Registry, Status: 401, Code: "UNAUTHORIZED", Target: "kars.azurecr.io", Action: "Microsoft.ContainerRegistry/registries/pull/read"},
			"registry-pull-refused", "az role assignment create --assignee <principal> --role AcrPull --scope <registry>",
		},
		"U39: encryption at host has not come yet": {
			Error{Plane: ARM, Code: "InvalidParameter", Message: "The property 'securityProfile.encryptionAtHost' is not valid because the 'Microsoft.Compute/EncryptionAtHost' feature is not enabled for this subscription."},
			"feature-not-registered", "az feature register --namespace Microsoft.Compute --name EncryptionAtHost",
		},
		"U39: some other preview has not come yet": {
			Error{Plane: ARM, Code: "FeatureNotRegistered", Message: "Preview feature Microsoft.ContainerService/KataVMIsolationPreview not registered."},
			"preview-not-registered", `az feature list --query "[?properties.state=='Registering']" --output table`,
		},
		"U40: a provider is not registered": {
			Error{Plane: ARM, Code: "MissingSubscriptionRegistration", Message: "The subscription is not registered to use namespace 'Microsoft.ContainerService'. See https://aka.ms/rps-not-found"},
			"subscription-not-registered", "az provider register --namespace Microsoft.ContainerService --wait",
		},
		"U41: no virtual CPUs are left": {
			Error{Plane: ARM, Code: "ErrCode_InsufficientVCPUQuota", Message: "Insufficient regional vcpu quota left"},
			"quota-exceeded", "az vm list-usage --location <region> --output table",
		},
		"U41: no tokens a minute are left for the model": {
			Error{Plane: ARM, Code: "InsufficientQuota", Message: "This operation require 10 new capacity in quota Tokens Per Minute (thousands) - gpt-4.1"},
			"model-quota-exceeded", "az cognitiveservices usage list --location <region> --output table",
		},
		"U41: a size that the subscription may not have is no quota": {
			Error{Plane: ARM, Code: "BadRequest", Message: "The VM size of Standard_D4as_v5 is not allowed in your subscription in location 'eastus2'. The available VM sizes are 'standard_d2as_v5'. For more details, please visit https://aka.ms/aks/quotas-skus-regions"},
			"sku-not-available", "kars up --region <region>",
		},
		"U41: the compute provider says quota in prose": {
			Error{Plane: ARM, Code: "OperationNotAllowed", Message: "Operation could not be completed as it results in exceeding approved Total Regional Cores quota."},
			"quota-exceeded", "az vm list-usage --location <region> --output table",
		},
		"U42: the directory role is missing": {
			Error{Plane: Graph, Status: 403, Code: "Authorization_RequestDenied", Message: "Insufficient privileges to complete the operation."},
			"directory-role-missing", "kars mesh setup-trust",
		},
		"U43: the tenant forbids secrets": {
			Error{Plane: Graph, Code: "CredentialInvalidLifetimeAsPerAppPolicy"},
			"credential-lifetime-policy", "kars mesh setup-trust",
		},
		"U44: the tenant forbids the issuer": {
			Error{Plane: Graph, Code: "InvalidFederatedIdentityCredentialValue"},
			"federated-credential-refused", "az aks show --resource-group <group> --name <cluster> --query oidcIssuerProfile.issuerUrl",
		},
		"U45: a token is the controller's": {
			Error{Plane: Entra, Code: "AgentIdentityMismatch"},
			"foreign-agent-token", "kars delete <name> && kars add <name>",
		},
		"an action is missing at a resource group": {
			Error{Plane: ARM, Code: "authorizationfailed", Action: "Microsoft.Network/virtualNetworks/write", Scope: scope, Message: refusal},
			"authorization-failed", "az role assignment create --assignee " + caller + " --role Contributor --scope " + scope,
		},
		"a provider may not be registered": {
			Error{Plane: ARM, Code: "AuthorizationFailed", Action: "Microsoft.KeyVault/register/action", Scope: "/subscriptions/s", Message: refusal},
			"registration-denied", "az provider register --namespace Microsoft.KeyVault --subscription s",
		},
		"the model's account refuses an agent": {
			Error{Plane: Model, Code: "PermissionDenied", Message: "The principal `" + caller + "` lacks the required data action `Microsoft.CognitiveServices/accounts/OpenAI/deployments/chat/completions/action` to perform `POST /openai` operation."},
			"model-denied", `az role assignment create --assignee ` + caller + ` --role "Cognitive Services OpenAI User" --scope <account's id>`,
		},
		"no sponsor goes before the role": {
			Error{Plane: Graph, Code: "Authorization_RequestDenied", Message: "No sponsor specified."},
			"no-sponsor", "kars mesh setup-trust",
		},
		"an unknown code under throttling": {Error{Plane: Graph, Status: 429, Code: "x"}, "throttled", ""},
		"the same code of another plane":   {Error{Plane: Kubernetes, Code: "AuthorizationFailed"}, "", ""},
		"nothing is known":                 {Error{Plane: ARM, Code: "SomethingNew", Message: "x"}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := Explain(test.err)
			command := ""
			for _, f := range got.Fix {
				if command == "" {
					command = f.Command
				}
			}
			if got.ID != test.id || command != test.command {
				t.Errorf("got %q with\n%s\nwant %q with\n%s", got.ID, command, test.id, test.command)
			}
		})
	}
}

// The strings that the specification lists are all known.
func TestEveryErrorStringOfTheSpecificationIsKnown(t *testing.T) {
	for plane, codes := range map[Plane]string{
		ARM: `AuthorizationFailed LinkedAuthorizationFailed RequestDisallowedByPolicy FeatureNotRegistered SubscriptionNotRegistered
			MissingSubscriptionRegistration ResourceQuotaExceeded QuotaExceeded ErrCode_InsufficientVCPUQuota SkuNotAvailable ScopeLocked
			RoleAssignmentExists RoleAssignmentUpdateNotPermitted PrincipalNotFound PrincipalTypeNotSupported
			ConflictingConcurrentWriteNotAllowed VaultAlreadyExists CustomDomainInUse FlagMustBeSetForRestore NameUnavailable
			K8sVersionNotSupported CustomKubeletIdentityOnlySupportedOnUserAssignedMSICluster`,
		Graph: `CredentialInvalidLifetimeAsPerAppPolicy InvalidFederatedIdentityCredentialValue Authorization_RequestDenied
			AgentIdentity_LimitExceeded AgentBlueprint_LimitExceeded Agent_Directory_QuotaExceeded`,
		Entra: `AADSTS530084 AADSTS65001 AADSTS65002 AADSTS700231 AADSTS700016 AADSTS70021 AADSTS700213 AADSTS7000215 AADSTS7000222`,
	} {
		for _, code := range strings.Fields(codes) {
			if Explain(Error{Plane: plane, Code: code}).ID == "" {
				t.Errorf("%s of %s is unknown", code, plane)
			}
		}
	}
	for message, e := range map[string]Error{
		"a soft-deleted vault":           {Plane: ARM, Code: "ConflictError", Message: "A vault with the same name already exists in deleted state."},
		"an invalid service principal":   {Plane: ARM, Code: "BadRequest", Message: "The credentials in ServicePrincipalProfile were invalid."},
		"no sponsor":                     {Plane: Graph, Code: "BadRequest", Message: "No sponsor specified"},
		"a missing service reference":    {Plane: Graph, Code: "Request_BadRequest", Message: "ServiceManagementReference field is required"},
		"a kind that Kubernetes has not": {Plane: Kubernetes, Message: `no matches for kind "KarsSandbox" in version "kars.azure.com/v1alpha1"`},
	} {
		if Explain(e).ID == "" {
			t.Errorf("%s is unknown", message)
		}
	}
}

// A row that an earlier one hides would never be seen.
func TestEveryRowCanBeReached(t *testing.T) {
	for _, r := range table() {
		codes := r.codes
		if len(codes) == 0 {
			codes = []string{"SomethingElse"}
		}
		samples := map[string]string{
			`^Microsoft\.Authorization/roleAssignments/`: "Microsoft.Authorization/roleAssignments/write", `/register/action$`: "X/register/action",
			"data action": "data action", "encryption ?at ?host": "encryptionAtHost", "quota": "quota",
			"vm size of .{0,60} is not allowed in your subscription": "The VM size of Standard_D4as_v5 is not allowed in your subscription",
			"vault|soft.?deleted|deleted.{0,40}recover":              "soft-deleted",
			"credentials in ServicePrincipalProfile were invalid":    "credentials in ServicePrincipalProfile were invalid",
			"no sponsor|sponsor.{0,20}(required|missing|specified)":  "sponsor is required",
			"service ?management ?reference":                         "serviceManagementReference",
			`Directory\.AccessAsUser\.All|Directory\.ReadWrite\.All`: "Directory.AccessAsUser.All",
			"no matches for kind":                                    "no matches for kind",
		}
		for _, p := range []string{r.action, r.message} {
			if _, ok := samples[p]; p != "" && !ok {
				t.Errorf("%s: the test has no sample of %q", r.id, p)
			}
		}
		for _, code := range codes {
			e := Error{Plane: r.plane, Code: code, Status: r.status, Step: r.step, Action: samples[r.action], Message: samples[r.message]}
			if got := Explain(e).ID; got != r.id {
				t.Errorf("%s with code %s is hidden by %q", r.id, code, got)
			}
		}
	}
}

func TestRowsReadWell(t *testing.T) {
	id := regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
	for _, r := range table() {
		switch {
		case !id.MatchString(r.id):
			t.Errorf("id %q", r.id)
		case r.cause == "" || len(r.fix) == 0:
			t.Errorf("%s has no cause or no fix", r.id)
		case strings.HasSuffix(r.cause, ".") || !strings.HasPrefix(r.doc, "https://") && r.doc != "":
			t.Errorf("%s: cause %q, doc %q", r.id, r.cause, r.doc)
		}
		for _, f := range r.fix {
			if f.Text == "" || strings.HasSuffix(f.Text, ".") {
				t.Errorf("%s: fix %q", r.id, f.Text)
			}
		}
	}
}

func FuzzExplain(f *testing.F) {
	f.Add("AuthorizationFailed", refusal, "Microsoft.Authorization/roleAssignments/write", "/subscriptions/s'; rm -rf /; '")
	f.Add("PermissionDenied", "data action `x`", "/register/action", "/subscriptions")
	f.Fuzz(func(t *testing.T, code, message, action, scope string) {
		for _, fix := range Explain(Error{Plane: ARM, Code: code, Message: message, Action: action, Scope: scope}).Fix {
			if strings.ContainsAny(fix.Command, "{}") && !strings.ContainsAny(code+message+action+scope, "{}") {
				t.Errorf("a placeholder is left in %q", fix.Command)
			}
		}
	})
}

func TestWhatAServerSaysStaysOneWordOfACommand(t *testing.T) {
	for value, want := range map[string]string{
		"/subscriptions/s/resourceGroups/g": "/subscriptions/s/resourceGroups/g",
		"a b":                               "'a b'",
		"x'; reboot; '":                     `'x'\''; reboot; '\'''`,
		"$(reboot)":                         "'$(reboot)'",
	} {
		if got := quote(value); got != want {
			t.Errorf("quote(%q) = %s, want %s", value, got, want)
		}
	}
}

type described struct{ error }

func (described) Diagnosis() Error { return Error{Code: "X"} }

func TestOfFindsTheDescriberInTheChain(t *testing.T) {
	err := fmt.Errorf("group: %w", described{errors.New("x")})
	if e, ok := Of(err); !ok || e.Code != "X" {
		t.Errorf("got %+v, %t", e, ok)
	}
	if _, ok := Of(errors.New("x")); ok {
		t.Error("an error that says nothing is described")
	}
}

// The generator of docs/errors.md: go test ./internal/diagnose -update.
var update = flag.Bool("update", false, "write docs/errors.md")

func TestMarkdownIsFresh(t *testing.T) {
	path := filepath.Join("..", "..", "docs", "errors.md")
	if *update {
		if err := os.WriteFile(path, []byte(Markdown()), 0o644); err != nil { //nolint:gosec // a page for all to read
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(path)
	if err != nil || string(have) != Markdown() {
		t.Errorf("docs/errors.md is stale (%v): run make generate", err)
	}
}
