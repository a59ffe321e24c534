package sandbox_test

import (
	"errors"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/yaml"

	"github.com/kars-dev/kars/api/v1alpha1"
	"github.com/kars-dev/kars/internal/sandbox"
)

var update = flag.Bool("update", false, "write the golden files")

const guid = "11111111-2222-3333-4444-555555555555"

func newSandbox(change func(*v1alpha1.KarsSandbox)) *v1alpha1.KarsSandbox {
	sb := &v1alpha1.KarsSandbox{
		ObjectMeta: metav1.ObjectMeta{Name: "my-assistant", Namespace: "kars", UID: "aaaa-1"},
		Spec: v1alpha1.KarsSandboxSpec{
			Runtime:   v1alpha1.Runtime{Kind: v1alpha1.RuntimeKars},
			Isolation: v1alpha1.IsolationEnhanced,
		},
	}
	if change != nil {
		change(sb)
	}
	return sb
}

func anonymous() sandbox.Settings {
	return sandbox.Settings{
		Images:    sandbox.Images{Guard: "guard@sha256:1", Router: "router@sha256:2", Agent: "agent@sha256:3"},
		Model:     v1alpha1.Model{Endpoint: "https://kars.openai.azure.com/", Deployment: "gpt-4.1"},
		BrokerURL: "https://kars-broker.kars-system.svc",
	}
}

func entra() sandbox.Settings {
	s := anonymous()
	s.BrokerCA, s.CABundle, s.UserNamespaces = "broker ca\n", "bundle\n", true
	s.Auth = &v1alpha1.KarsAuthConfigSpec{
		Tenant:     v1alpha1.Tenant{TenantID: guid, AuthorityHost: "https://login.microsoftonline.com"},
		AgentID:    v1alpha1.Blueprint{BlueprintClientID: guid, BlueprintObjectID: guid},
		Controller: v1alpha1.ControllerCredential{CredentialMode: v1alpha1.CredentialWorkloadIdentity},
	}
	s.Identity = &v1alpha1.AgentIdentity{AppID: guid, ObjectID: guid, DisplayName: "kars-kars-my-assistant"}
	return s
}

func build(t *testing.T, sb *v1alpha1.KarsSandbox, s sandbox.Settings) *sandbox.Objects {
	t.Helper()
	o, err := sandbox.New(sb, s)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestObjectsAreAsReviewed(t *testing.T) {
	for name, tc := range map[string]struct {
		change   func(*v1alpha1.KarsSandbox)
		settings sandbox.Settings
	}{
		"entra-enhanced":     {nil, entra()},
		"anonymous-standard": {func(sb *v1alpha1.KarsSandbox) { sb.Spec.Isolation = v1alpha1.IsolationStandard }, anonymous()},
	} {
		t.Run(name, func(t *testing.T) {
			o := build(t, newSandbox(tc.change), tc.settings)
			documents := []any{o.Namespace, o.ServiceAccount}
			for _, n := range o.NetworkPolicies {
				documents = append(documents, n)
			}
			for _, m := range o.ConfigMaps {
				documents = append(documents, m)
			}
			documents = append(documents, o.Pod)
			var b strings.Builder
			for _, d := range documents {
				out, err := yaml.Marshal(d)
				if err != nil {
					t.Fatal(err)
				}
				b.WriteString("---\n" + string(out))
			}
			golden(t, name+".yaml", b.String())
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got; -update accepts):\n%s", name, diff)
	}
}

func TestWhatIsolationMeans(t *testing.T) {
	for name, tc := range map[string]struct {
		isolation      v1alpha1.Isolation
		userNamespaces bool
		check          func(*corev1.Pod) bool
	}{
		"standard leaves the runtime's seccomp profile": {v1alpha1.IsolationStandard, true, func(p *corev1.Pod) bool {
			return p.Spec.Containers[0].SecurityContext.SeccompProfile == nil && p.Spec.HostUsers == nil && p.Spec.RuntimeClassName == nil
		}},
		"enhanced has kars' own profile": {v1alpha1.IsolationEnhanced, true, func(p *corev1.Pod) bool {
			s := p.Spec.Containers[0].SecurityContext.SeccompProfile
			return s != nil && s.Type == corev1.SeccompProfileTypeLocalhost && *s.LocalhostProfile == "kars/strict.json"
		}},
		"enhanced has a user namespace where nodes run them": {v1alpha1.IsolationEnhanced, true, func(p *corev1.Pod) bool {
			return p.Spec.HostUsers != nil && !*p.Spec.HostUsers
		}},
		"enhanced does without where they do not": {v1alpha1.IsolationEnhanced, false, func(p *corev1.Pod) bool {
			return p.Spec.HostUsers == nil
		}},
		"confidential is a virtual machine in a pool of its own": {v1alpha1.IsolationConfidential, true, func(p *corev1.Pod) bool {
			return p.Spec.RuntimeClassName != nil && *p.Spec.RuntimeClassName == "kata-vm-isolation" &&
				p.Spec.NodeSelector[v1alpha1.LabelPool] == "sandbox-kata"
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := entra()
			s.UserNamespaces = tc.userNamespaces
			o := build(t, newSandbox(func(sb *v1alpha1.KarsSandbox) { sb.Spec.Isolation = tc.isolation }), s)
			if !tc.check(o.Pod) {
				t.Errorf("pod is %+v", o.Pod.Spec)
			}
		})
	}
}

func TestWhatMakesAPodAnew(t *testing.T) {
	hash := func(sb *v1alpha1.KarsSandbox, s sandbox.Settings) string {
		return build(t, sb, s).Pod.Annotations[v1alpha1.AnnotationSpecHash]
	}
	before := hash(newSandbox(nil), entra())
	for name, tc := range map[string]struct {
		change   func(*v1alpha1.KarsSandbox)
		settings func(*sandbox.Settings)
		anew     bool
	}{
		"nothing":           {nil, nil, false},
		"another image":     {nil, func(s *sandbox.Settings) { s.Images.Router = "router@sha256:9" }, true},
		"another model":     {func(sb *v1alpha1.KarsSandbox) { sb.Spec.Model.Deployment = "o4" }, nil, true},
		"another tenant":    {nil, func(s *sandbox.Settings) { s.Auth.Tenant.TenantID = "other" }, true},
		"another blueprint": {nil, func(s *sandbox.Settings) { s.Auth.AgentID.BlueprintClientID = "other" }, true},
		"another CA bundle": {nil, func(s *sandbox.Settings) { s.CABundle = "other" }, true},
		"another identity":  {nil, func(s *sandbox.Settings) { s.Identity.AppID = "other" }, true},
		"trust taken away":  {nil, func(s *sandbox.Settings) { s.Auth, s.Identity = nil, nil }, true},
		"other resources": {func(sb *v1alpha1.KarsSandbox) {
			sb.Spec.Resources.Limits = corev1.ResourceList{"memory": resource.MustParse("1Gi")}
		}, nil, true},
		"another isolation":              {func(sb *v1alpha1.KarsSandbox) { sb.Spec.Isolation = v1alpha1.IsolationStandard }, nil, true},
		"a node without user namespaces": {nil, func(s *sandbox.Settings) { s.UserNamespaces = false }, false},
		"other roles at Foundry": {nil, func(s *sandbox.Settings) {
			s.Auth.FoundryRbac = []v1alpha1.ScopedRoles{{Scope: "/subscriptions/x", RoleDefinitionIDs: []string{guid}}}
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := entra()
			if tc.settings != nil {
				tc.settings(&s)
			}
			if got := hash(newSandbox(tc.change), s) != before; got != tc.anew {
				t.Errorf("made anew: %v, want %v", got, tc.anew)
			}
		})
	}
}

func TestWhatNewRefuses(t *testing.T) {
	s := anonymous()
	s.Model = v1alpha1.Model{}
	if _, err := sandbox.New(newSandbox(nil), s); !errors.Is(err, sandbox.ErrNoModel) {
		t.Errorf("without a model: %v, want ErrNoModel", err)
	}
	s = entra()
	s.Identity = nil
	if _, err := sandbox.New(newSandbox(nil), s); err == nil {
		t.Error("trust without an identity is accepted")
	}
}

// TestTheAgentHoldsNothing is the third promise, over many random sandboxes: no
// credential, no volume but its own, and nobody but the token sidecar has the
// token for the broker.
func TestTheAgentHoldsNothing(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		sb, s := randomSandbox(random), randomSettings(random)
		o := build(t, sb, s)
		spec := o.Pod.Spec
		if len(spec.Containers) != 1 {
			t.Fatalf("%d containers beside init containers, want the agent alone", len(spec.Containers))
		}
		agent := spec.Containers[0]
		if len(agent.VolumeMounts) != 1 || agent.VolumeMounts[0].Name != "tmp" || len(agent.EnvFrom) != 0 {
			t.Fatalf("the agent has %v, %v", agent.VolumeMounts, agent.EnvFrom)
		}
		for _, e := range agent.Env {
			if e.ValueFrom != nil || strings.Contains(strings.ToLower(e.Name), "token") {
				t.Fatalf("the agent has the variable %+v", e)
			}
		}
		if *spec.AutomountServiceAccountToken || *o.ServiceAccount.AutomountServiceAccountToken {
			t.Fatal("the service account's token is mounted")
		}
		holders := holdersOfTokens(&spec)
		if want := map[v1alpha1.Tier][]string{v1alpha1.TierEntra: {"token"}, v1alpha1.TierAnonymous: nil}[s.Tier()]; !slices.Equal(holders, want) {
			t.Fatalf("tokens are held by %v, want %v", holders, want)
		}
		users := map[int64]string{}
		for _, c := range append(slices.Clone(spec.InitContainers), spec.Containers...) {
			uid := *c.SecurityContext.RunAsUser
			if other := users[uid]; other != "" {
				t.Fatalf("%s and %s are the same user to the firewall", c.Name, other)
			}
			users[uid] = c.Name
		}
		if errs := validation.IsDNS1123Label(o.Namespace.Name); len(errs) > 0 {
			t.Fatalf("namespace %s: %v", o.Namespace.Name, errs)
		}
	}
}

func holdersOfTokens(spec *corev1.PodSpec) []string {
	var secret []string
	for _, v := range spec.Volumes {
		if v.Projected != nil || v.Secret != nil {
			secret = append(secret, v.Name)
		}
	}
	var holders []string
	for _, c := range append(slices.Clone(spec.InitContainers), spec.Containers...) {
		if slices.ContainsFunc(c.VolumeMounts, func(m corev1.VolumeMount) bool { return slices.Contains(secret, m.Name) }) {
			holders = append(holders, c.Name)
		}
	}
	return holders
}

func randomSandbox(r *rand.Rand) *v1alpha1.KarsSandbox {
	return newSandbox(func(sb *v1alpha1.KarsSandbox) {
		sb.Name = strings.Repeat("a", 1+r.IntN(sandbox.MaxName))
		sb.Spec.Isolation = []v1alpha1.Isolation{v1alpha1.IsolationStandard, v1alpha1.IsolationEnhanced, v1alpha1.IsolationConfidential}[r.IntN(3)]
		if r.IntN(2) == 0 {
			sb.Spec.Runtime = v1alpha1.Runtime{Kind: v1alpha1.RuntimeBYO, BYO: &v1alpha1.BYORuntime{Image: "mine"}}
		}
	})
}

func randomSettings(r *rand.Rand) sandbox.Settings {
	s := anonymous()
	if r.IntN(2) == 0 {
		s = entra()
	}
	s.UserNamespaces = r.IntN(2) == 0
	if r.IntN(2) == 0 {
		s.CABundle = ""
	}
	return s
}

func TestU23DisplayNamesTellAgentsApart(t *testing.T) {
	for name, tc := range map[string]struct{ namespace, want string }{
		"in the usual namespace": {"kars", "kars-prod-helper"},
		"in another one":         {"team-a", "kars-prod-team-a-helper"},
	} {
		if got := sandbox.DisplayName("prod", tc.namespace, "helper"); got != tc.want {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
	}
}

func TestNamespacesOfOneNameDoNotMeet(t *testing.T) {
	a, b := sandbox.Namespace("team-a", "helper"), sandbox.Namespace("team-b", "helper")
	if a == b {
		t.Errorf("both sandboxes would live in %s", a)
	}
	if got, want := sandbox.Namespace("kars", "my-assistant"), "kars-my-assistant-"; !strings.HasPrefix(got, want) || len(got) != len(want)+8 {
		t.Errorf("namespace is %s, want %s and 8 digits", got, want)
	}
}

func TestU32SidecarEnvironment(t *testing.T) {
	no := false
	spec := v1alpha1.KarsAuthConfigSpec{
		Tenant:     v1alpha1.Tenant{TenantID: "tenant", AuthorityHost: "https://login.microsoftonline.com/"},
		AgentID:    v1alpha1.Blueprint{BlueprintClientID: "blueprint"},
		Controller: v1alpha1.ControllerCredential{CredentialMode: v1alpha1.CredentialManagedIdentity, ManagedIdentityClientID: "mi"},
		DownstreamAPIs: map[string]v1alpha1.DownstreamAPI{
			"Foundry": {BaseURL: "https://f.example", Scopes: []string{"s1", "s2"}},
			"Other":   {BaseURL: "https://o.example", RequestAppToken: &no},
		},
	}
	want := map[string]string{
		"AzureAd__Instance":                                      "https://login.microsoftonline.com/",
		"AzureAd__TenantId":                                      "tenant",
		"AzureAd__ClientId":                                      "blueprint",
		"AzureAd__ClientCredentials__0__SourceType":              "SignedAssertionFromManagedIdentity",
		"AzureAd__ClientCredentials__0__ManagedIdentityClientId": "mi",
		"DownstreamApis__Foundry__BaseUrl":                       "https://f.example",
		"DownstreamApis__Foundry__RequestAppToken":               "true",
		"DownstreamApis__Foundry__Scopes__0":                     "s1",
		"DownstreamApis__Foundry__Scopes__1":                     "s2",
		"DownstreamApis__Other__BaseUrl":                         "https://o.example",
		"DownstreamApis__Other__RequestAppToken":                 "false",
	}
	if diff := cmp.Diff(want, sandbox.SidecarEnv(spec)); diff != "" {
		t.Errorf("by managed identity (-want +got):\n%s", diff)
	}
	spec.Controller = v1alpha1.ControllerCredential{CredentialMode: v1alpha1.CredentialWorkloadIdentity}
	got := sandbox.SidecarEnv(spec)
	if got["AzureAd__ClientCredentials__0__SourceType"] != "SignedAssertionFilePath" ||
		got["AzureAd__ClientCredentials__0__SignedAssertionFileDiskPath"] != "/var/run/secrets/azure/tokens/azure-identity-token" {
		t.Errorf("by workload identity: %v", got)
	}
}
