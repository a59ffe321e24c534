package e2e

import (
	"strings"
	"syscall"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kars-dev/kars/api/v1alpha1"
	"github.com/kars-dev/kars/test/product"
)

// withoutTrust is the second story's cluster: made by somebody who may do
// everything in Azure and nothing in Entra.
func withoutTrust(t *testing.T, h *product.Home) {
	got := h.Must(t, "up", "--local", "--as", "deployer", "-o", "json")
	doc := product.Decode[product.UpResult](t, got)
	if doc.Outputs.Tier != "anonymous" || len(doc.Outputs.Sandboxes) != 1 {
		t.Fatalf("outputs %+v, want one sandbox in the anonymous tier", doc.Outputs)
	}
	if sb := doc.Outputs.Sandboxes[0]; sb.Phase != "Running" || sb.AgentIdentity != nil {
		t.Errorf("sandbox %+v, want it to run without an identity", sb)
	}
	for _, s := range doc.Steps {
		if s.ID == "trust" && s.Status != "skipped" {
			t.Errorf("trust is %s, want it skipped", s.Status)
		}
	}
	if len(doc.Warnings) != 1 {
		t.Fatalf("warnings %+v, want one", doc.Warnings)
	}
	w := doc.Warnings[0]
	if !strings.Contains(w.Text, "Entra Agent ID setup skipped") || !strings.Contains(w.Text, "directory role") || w.Fix == "" {
		t.Errorf("warning %+v does not say what was skipped, why, and what to do", w)
	}
	if !strings.Contains(got.Stderr, "Entra Agent ID setup skipped") {
		t.Errorf("stderr lacks the warning:\n%s", got.Stderr)
	}
	said := h.Run(t, "connect", assistant, "-m", "hello?")
	if said.Code != 1 || !strings.Contains(said.Stderr, "anonymous tier") || !strings.Contains(said.Stderr, "kars mesh setup-trust") {
		t.Errorf("connect: exit %d, want 1 and why there is no answer:\n%s", said.Code, said.Stderr)
	}
}

// trustComesLater gives the deployer the directory role and sets the trust up.
func trustComesLater(t *testing.T, h *product.Home) {
	h.Must(t, "local", "principal", "add", "deployer", "--directory-role", "Agent ID Developer")
	// This run, too, may be killed.
	half := blow{step: "trust", signal: syscall.SIGKILL}
	if !half.strike(t, h, "mesh", "setup-trust", "--local", "-o", "json") {
		t.Error("setup-trust was not hit")
	}
	doc := product.Decode[product.UpResult](t, h.Must(t, "mesh", "setup-trust", "--local", "-o", "json"))
	if len(doc.Steps) == 0 || doc.Steps[0].ID != "trust" || doc.Outputs.Tier != "entra" {
		t.Errorf("setup-trust came to %+v", doc)
	}
	answers(t, h, assistant)
	auth := &v1alpha1.KarsAuthConfig{}
	if err := h.Kube(t).Client().Get(t.Context(), client.ObjectKey{Name: v1alpha1.AuthConfigName}, auth); err != nil {
		t.Fatal(err)
	}
	checkModelCall(t, lastModelCall(t, h), sandboxNamed(t, h, assistant), auth.Spec.AgentID.BlueprintClientID)
}

// trustTwice runs both ways to set it up once more.
func trustTwice(t *testing.T, h *product.Home) {
	before := product.Decode[product.LocalStatus](t, h.Must(t, "local", "status", "-o", "json"))
	unchanged(t, product.Decode[product.UpResult](t, h.Must(t, "mesh", "setup-trust", "--local", "-o", "json")))
	unchanged(t, product.Decode[product.UpResult](t, h.Must(t, "up", "--local", "--as", "deployer", "-o", "json")))
	after := product.Decode[product.LocalStatus](t, h.Must(t, "local", "status", "-o", "json"))
	if b, a := before.Writes("deployer"), after.Writes("deployer"); a != b {
		t.Errorf("the local Azure counts %d writes of the deployer, %d before", a, b)
	}
}
