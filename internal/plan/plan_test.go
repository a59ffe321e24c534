package plan

import (
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func testOptions() Options {
	return Options{
		SubscriptionID: "11111111-1111-1111-1111-111111111111",
		TenantID:       "22222222-2222-2222-2222-222222222222",
	}
}

func mustPlan(t *testing.T, o Options) *Plan {
	t.Helper()
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestTheSameOptionsGiveTheSamePlanByteForByte(t *testing.T) {
	for says, change := range map[string]func(*Options){
		"by default":          func(*Options) {},
		"with the gateway":    func(o *Options) { o.Gateway = true },
		"with an account":     func(o *Options) { o.FoundryEndpoint = "https://ours.openai.azure.com" },
		"with fewer features": func(o *Options) { o.MeshTrust, o.Isolation = TrustAnonymous, Standard },
	} {
		t.Run(says, func(t *testing.T) {
			o := testOptions()
			change(&o)
			a, _ := json.Marshal(mustPlan(t, o))
			for range 20 {
				b, _ := json.Marshal(mustPlan(t, o))
				if diff := cmp.Diff(string(a), string(b)); diff != "" {
					t.Fatalf("two plans differ (-first +second):\n%s", diff)
				}
			}
		})
	}
}

func TestU01PlanHoldsEveryResource(t *testing.T) {
	p := mustPlan(t, testOptions())
	got := map[string]int{}
	for _, r := range p.Resources {
		got[r.Type]++
	}
	want := map[string]int{
		nsgType: 1, vnetType: 1, identityType: 3, registryType: 1, vaultType: 1, workspaceType: 1,
		accountType: 1, accountType + "/projects": 1, accountType + "/deployments": 1, clusterType: 1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("resource types (-want +got):\n%s", diff)
	}
}

func TestU16TenProvidersMustBeRegistered(t *testing.T) {
	var got []string
	for _, r := range mustPlan(t, testOptions()).Registrations {
		got = append(got, strings.TrimPrefix(r.Namespace, "Microsoft."))
	}
	want := []string{
		"Authorization", "CognitiveServices", "Compute", "ContainerRegistry", "ContainerService",
		"Insights", "KeyVault", "ManagedIdentity", "Network", "OperationalInsights",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("namespaces (-want +got):\n%s", diff)
	}
}

func TestU22ClawpoolEncryptsAtHost(t *testing.T) {
	pools := mustPlan(t, testOptions()).cluster().Body["properties"].(Tree)["agentPoolProfiles"].([]any)
	claw := pools[1].(Tree)
	if claw["name"] != "clawpool" || claw["enableEncryptionAtHost"] != true {
		t.Errorf("clawpool is %v", claw)
	}
}

func TestEveryNeedHasAReasonAStepAndAScope(t *testing.T) {
	seen := map[string]bool{}
	for _, n := range mustPlan(t, testOptions()).Needs {
		if n.Why == "" || n.Step == "" || n.Scope == "" || n.Principal == "" {
			t.Errorf("incomplete need %+v", n)
		}
		if n.Proof && (!n.Optional || n.Kind != NeedAction || !strings.HasPrefix(n.Why, "proves ")) {
			t.Errorf("a right to look must be optional and say what it proves: %+v", n)
		}
		key := n.Action + " " + n.Scope
		if n.Attributes == nil && seen[key] {
			t.Errorf("%s is needed twice", key)
		}
		seen[key] = true
	}
}

func TestEveryGrantSaysItsPrincipalType(t *testing.T) {
	for _, g := range mustPlan(t, testOptions()).Grants {
		if g.PrincipalType != "ServicePrincipal" || g.Why == "" {
			t.Errorf("incomplete grant %+v", g)
		}
		if g.Role == RBACAdministrator && !strings.Contains(g.Condition, "RoleDefinitionId") {
			t.Errorf("%s at %s is granted without a condition", g.Role.Name, g.Scope)
		}
	}
}

func TestTemplatesHoldNoExpressions(t *testing.T) {
	p := mustPlan(t, testOptions())
	for _, s := range []Step{StepFoundation, StepCluster} {
		raw, _ := json.Marshal(p.Deployment(s).Template)
		if m := regexp.MustCompile(`"\[[^"]*\]"`).Find(raw); m != nil {
			t.Errorf("template %s holds the expression %s", s, m)
		}
	}
}

func TestDependenciesComeBeforeTheirDependants(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range mustPlan(t, testOptions()).Resources {
		for _, d := range r.DependsOn {
			if !seen[d] {
				t.Errorf("%s comes before %s, which it depends on", r.ID, d)
			}
		}
		seen[r.ID] = true
	}
}

func TestInputIsRefusedWithItsFix(t *testing.T) {
	for says, change := range map[string]func(*Options){
		"a sandbox name with upper case":              func(o *Options) { o.Name = "My-Assistant" },
		"a sandbox name that is too long":             func(o *Options) { o.Name = strings.Repeat("a", 50) },
		"a sandbox name that ends with a hyphen":      func(o *Options) { o.Name = "a-" },
		"a cluster name too long for a vault":         func(o *Options) { o.ClusterName = strings.Repeat("c", 15) },
		"a cluster name with two hyphens together":    func(o *Options) { o.ClusterName = "a--b" },
		"a cluster name that begins with a digit":     func(o *Options) { o.ClusterName = "1a" },
		"a resource group that ends with a full stop": func(o *Options) { o.ResourceGroup = "a." },
		"a resource group with a slash":               func(o *Options) { o.ResourceGroup = "a/b" },
		"a region with punctuation":                   func(o *Options) { o.Region = "east;us" },
		"an unknown isolation level":                  func(o *Options) { o.Isolation = "paranoid" },
		"confidential isolation without its pool":     func(o *Options) { o.Isolation = "confidential" },
		"an unknown trust mode":                       func(o *Options) { o.MeshTrust = "maybe" },
		"U34: a service tree id that is no GUID":      func(o *Options) { o.ServiceTree = "42" },
		"a model name that is a path":                 func(o *Options) { o.Model = "../x" },
		"a subscription that is no GUID":              func(o *Options) { o.SubscriptionID = "mine" },
		"an account's endpoint without encryption":    func(o *Options) { o.FoundryEndpoint = "http://ours.openai.azure.com" },
		"an account's endpoint that is a host":        func(o *Options) { o.FoundryEndpoint = "ours.openai.azure.com" },
		"an endpoint of somebody else's":              func(o *Options) { o.FoundryEndpoint = "https://ours.openai.azure.com.example.org" },
		"an endpoint below an account's":              func(o *Options) { o.FoundryEndpoint = "https://a.ours.openai.azure.com" },
		"an endpoint with a password":                 func(o *Options) { o.FoundryEndpoint = "https://me:secret@ours.openai.azure.com" },
		"an endpoint with a port":                     func(o *Options) { o.FoundryEndpoint = "https://ours.openai.azure.com:8443" },
		"an endpoint of one operation":                func(o *Options) { o.FoundryEndpoint = "https://ours.openai.azure.com/openai/deployments/x" },
		"an account's id that is a name":              func(o *Options) { o.FoundryID = "ours" },
	} {
		t.Run(says, func(t *testing.T) {
			o := testOptions()
			change(&o)
			_, err := New(o)
			var input *InputError
			if !errors.As(err, &input) || input.Fix == "" {
				t.Fatalf("want an InputError with a fix, got %v", err)
			}
		})
	}
}

func TestEverythingWrongIsSaidAtOnce(t *testing.T) {
	o := testOptions()
	o.Name, o.ClusterName = "A", "B"
	err := o.WithDefaults().Validate()
	for _, want := range []string{"--name", "--cluster-name"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not name %s", err, want)
		}
	}
}

func FuzzDerivedNamesKeepAzuresRules(f *testing.F) {
	f.Add("kars", "kars-eastus2", "my-assistant")
	f.Add("a-b-c-d-e-f-g", "x", "y")
	f.Fuzz(func(t *testing.T, cluster, group, name string) {
		o := testOptions()
		o.ClusterName, o.ResourceGroup, o.Name = cluster, group, name
		p, err := New(o)
		if err != nil {
			t.Skip()
		}
		for says, ok := range map[string]bool{
			"vault name":    regexp.MustCompile(`^[a-z]([a-z0-9]|-[a-z0-9])*$`).MatchString(p.Names.Vault) && len(p.Names.Vault) <= 24,
			"registry name": regexp.MustCompile(`^[a-z0-9]{5,50}$`).MatchString(p.Names.Registry),
			"cluster name":  len(p.Names.Cluster) <= 63,
			"account name":  len(p.Names.Foundry) <= 64,
		} {
			if !ok {
				t.Errorf("%s breaks Azure's rules: %+v", says, p.Names)
			}
		}
	})
}
