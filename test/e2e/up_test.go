package e2e

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kars-dev/kars/test/product"
)

// steps are those of `kars up`, in order.
func steps() []string {
	return []string{"group", "registration", "foundation", "grants", "cluster", "images", "crds", "trust", "chart", "sandbox/" + assistant}
}

func ids(all []product.Step) []string {
	var out []string
	for _, s := range all {
		out = append(out, s.ID)
	}
	return out
}

// readerIsStopped is the first promise: proved before the first write.
func readerIsStopped(t *testing.T, h *product.Home) {
	h.Must(t, "local", "principal", "add", "reader", "--role", "Reader")
	got := h.Run(t, "up", "--local", "--as", "reader", "-o", "json")
	if got.Code != 3 {
		t.Fatalf("exit %d, want 3\n%s", got.Code, got.Stderr)
	}
	doc := product.Decode[product.UpResult](t, got)
	if doc.Kind != "UpResult" || doc.Preflight == nil || doc.Preflight.Verdict != "fail" || len(doc.Steps) != 0 {
		t.Errorf("the document is not that of a run that preflight stopped:\n%s", got.Stdout)
	}
	// What nobody gets far without, as Microsoft's documentation of each service
	// names it; that the list is whole is preflight's own test.
	missing := map[string]bool{}
	for _, f := range doc.Preflight.Findings {
		if f.Verdict != "fail" || !f.Blocks {
			continue
		}
		missing[f.ID] = true
		if len(f.Fix) == 0 || !slices.ContainsFunc(f.Fix, hasCommand) {
			t.Errorf("finding %s has no command that would fix it", f.ID)
		}
		action := strings.TrimPrefix(f.ID, "rbac/")
		if f.Category == "rbac" && !strings.Contains(strings.ToLower(got.Stderr), strings.ToLower(action)) {
			t.Errorf("stderr does not name the missing action %s", action)
		}
	}
	for _, action := range []string{
		"Microsoft.Resources/subscriptions/resourceGroups/write", "Microsoft.Resources/deployments/write",
		"Microsoft.ContainerService/managedClusters/write", "Microsoft.ContainerRegistry/registries/write",
		"Microsoft.KeyVault/vaults/write", "Microsoft.OperationalInsights/workspaces/write",
		"Microsoft.CognitiveServices/accounts/write", "Microsoft.ManagedIdentity/userAssignedIdentities/write",
		"Microsoft.Network/virtualNetworks/write", "Microsoft.Authorization/roleAssignments/write",
	} {
		if !missing["rbac/"+action] {
			t.Errorf("no finding says that %s is missing", action)
		}
	}
	status := product.Decode[product.LocalStatus](t, h.Must(t, "local", "status", "-o", "json"))
	if n := status.Writes("reader"); n != 0 {
		t.Errorf("the reader made %d write requests", n)
	}
	if _, asked := status.Requests.ByPrincipal["reader"]; !asked {
		t.Error("the local Azure did not see the reader at all")
	}
}

func hasCommand(f struct {
	Text    string `json:"text"`
	Command string `json:"command"`
},
) bool {
	return f.Command != ""
}

func upFromNothing(t *testing.T, h *product.Home) {
	got := h.Must(t, "up", "--local", "-o", "json")
	doc := product.Decode[product.UpResult](t, got)
	if doc.APIVersion != "kars.azure.com/v1alpha1" || doc.Kind != "UpResult" || doc.Error != nil {
		t.Errorf("not the document of a run that went well:\n%s", got.Stdout)
	}
	if doc.Preflight == nil || doc.Preflight.Verdict != "pass" {
		t.Errorf("the document has no preflight that passed:\n%s", got.Stdout)
	}
	if diff := cmp.Diff(steps(), ids(doc.Steps)); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
	for _, s := range doc.Steps {
		want := "created"
		if s.ID == "registration" { // the local subscription has its providers registered
			want = "unchanged"
		}
		if s.Status != want || s.DurationMS == nil || s.Detail == "" {
			t.Errorf("step %+v, want it %s, with a duration and a detail", s, want)
		}
	}
	if doc.Requests.Azure.Writes == 0 || doc.Requests.Kubernetes.Writes == 0 || len(doc.Warnings) != 0 {
		t.Errorf("requests %+v, warnings %v", doc.Requests, doc.Warnings)
	}
	checkOutputs(t, doc)
	answers(t, h, assistant)
}

func checkOutputs(t *testing.T, doc product.UpResult) {
	t.Helper()
	o := doc.Outputs
	group := "/subscriptions/" + o.SubscriptionID + "/resourceGroups/kars-eastus2"
	for what, ok := range map[string]bool{
		"subscription":   o.SubscriptionID != "",
		"tenant":         o.TenantID != "",
		"group":          o.ResourceGroup == group,
		"cluster":        o.Cluster == group+"/providers/Microsoft.ContainerService/managedClusters/kars-aks",
		"registry":       strings.HasPrefix(o.Registry, group+"/providers/Microsoft.ContainerRegistry/registries/"),
		"vault":          strings.HasPrefix(o.KeyVault, group+"/providers/Microsoft.KeyVault/vaults/kars-kv-"),
		"login server":   strings.HasSuffix(o.RegistryLoginServer, ".azurecr.io"),
		"vault's URI":    strings.HasSuffix(o.KeyVaultURI, ".vault.azure.net/"),
		"model endpoint": strings.HasPrefix(o.FoundryEndpoint, "https://kars-ai-"),
		"kubeconfig":     strings.HasSuffix(o.Kubeconfig, product.Context+".yaml"),
		"tier":           o.Tier == "entra",
	} {
		if !ok {
			t.Errorf("outputs: %s is not as it should be: %+v", what, o)
		}
	}
	if len(o.Sandboxes) != 1 {
		t.Fatalf("outputs name %d sandboxes, want 1", len(o.Sandboxes))
	}
	sb := o.Sandboxes[0]
	if sb.Name != assistant || sb.Namespace != "kars" || sb.Phase != "Running" || sb.AgentIdentity == nil {
		t.Fatalf("sandbox %+v is not one that runs with an identity", sb)
	}
	if sb.AgentIdentity.DisplayName != "kars-kars-"+assistant || sb.AgentIdentity.AppID == "" || sb.AgentIdentity.ObjectID == "" {
		t.Errorf("agent identity %+v", *sb.AgentIdentity)
	}
}

// answers asks the agent, and wants an answer that can only come from the
// model: the local one says who it is and repeats what it read.
func answers(t *testing.T, h *product.Home, name string) {
	t.Helper()
	got := product.Decode[product.ConnectResult](t, h.Must(t, "connect", name, "-m", "say hello to the moon", "-o", "json"))
	if got.Kind != "ConnectResult" || !strings.Contains(got.Reply, "local model") || !strings.Contains(got.Reply, "say hello to the moon") {
		t.Errorf("the agent in %s answered %+v", name, got)
	}
}

func secondRunWritesNothing(t *testing.T, h *product.Home) {
	before := product.Decode[product.LocalStatus](t, h.Must(t, "local", "status", "-o", "json"))
	doc := product.Decode[product.UpResult](t, h.Must(t, "up", "--local", "-o", "json"))
	unchanged(t, doc)
	if diff := cmp.Diff(steps(), ids(doc.Steps)); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
	after := product.Decode[product.LocalStatus](t, h.Must(t, "local", "status", "-o", "json"))
	if b, a := before.Writes("owner"), after.Writes("owner"); a != b {
		t.Errorf("the local Azure counts %d writes of the owner after the second run, %d before it", a, b)
	}
}

// unchanged wants a run that found everything as it should be.
func unchanged(t *testing.T, doc product.UpResult) {
	t.Helper()
	for _, s := range doc.Steps {
		if s.Status != "unchanged" {
			t.Errorf("step %s is %s (%s), want it unchanged", s.ID, s.Status, s.Detail)
		}
	}
	if doc.Requests.Azure.Writes != 0 || doc.Requests.Kubernetes.Writes != 0 {
		t.Errorf("the run counts its writes as %+v, want none", doc.Requests)
	}
}
