package faults

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kars-dev/kars/internal/plan"
	"github.com/kars-dev/kars/internal/preflight"
	"github.com/kars-dev/kars/localazure"
)

// documented are the actions of the custom role that kars' own page has always
// printed, word for word.
func documented(t *testing.T) []string {
	t.Helper()
	raw, err := os.ReadFile("../../internal/plan/testdata/kars-deployer.json")
	if err != nil {
		t.Fatal(err)
	}
	var role struct{ Actions []string }
	if err := json.Unmarshal(raw, &role); err != nil || len(role.Actions) != 20 {
		t.Fatalf("reading the role: %d actions, %v", len(role.Actions), err)
	}
	return role.Actions
}

// against are the findings that speak against a run.
func against(r preflight.Report) []string {
	var out []string
	for _, f := range r.Findings {
		if f.Verdict == preflight.Fail || f.Verdict == preflight.Warn {
			out = append(out, f.ID)
		}
	}
	slices.Sort(out)
	return out
}

func TestU14TheDocumentedCustomRoleSufficesWithoutAFalseAlarm(t *testing.T) {
	w := newWorld(t)
	deployer := w.deployer("deployer", documented(t))
	if diff := cmp.Diff([]string(nil), against(deployer.preflight())); diff != "" {
		t.Errorf("what preflight has against it (-want +got):\n%s", diff)
	}
	if result, err := deployer.apply(t.Context(), filepath.Join(w.dir, "runs")); err != nil {
		t.Errorf("the run fails: %v\n%s", err, describe(result))
	}
}

func TestU14WithTheGatewayTheDocumentedCustomRoleLacksTheLoadBalancer(t *testing.T) {
	w := newWorld(t)
	deployer := w.deployer("deployer", documented(t))
	o := deployer.plan.Options
	o.Gateway = true
	with, err := plan.New(o)
	if err != nil {
		t.Fatal(err)
	}
	deployer.plan = with
	want := []string{"cluster/cert-manager", "rbac/Microsoft.Network/loadBalancers/write"} // the first only warns
	if diff := cmp.Diff(want, against(deployer.preflight())); diff != "" {
		t.Errorf("what preflight has against it (-want +got):\n%s", diff)
	}
}

func TestU14TheDocumentedCustomRoleCannotRegisterAProvider(t *testing.T) {
	w := newWorld(t)
	owner := w.as(localazure.OwnerName, &tap{})
	path := "/subscriptions/" + owner.plan.SubscriptionID + "/providers/Microsoft.KeyVault/unregister"
	if err := owner.arm.Ask(t.Context(), path, "2021-04-01", nil, nil); err != nil {
		t.Fatal(err)
	}
	deployer := w.deployer("deployer", documented(t))
	// It may not even look, so that preflight cannot say.
	for _, f := range deployer.preflight().Findings {
		if f.ID == "registration/Microsoft.KeyVault" && f.Verdict != preflight.Unknown {
			t.Errorf("%s is %s, want unknown: %v", f.ID, f.Verdict, f.Evidence)
		}
	}
	result, err := deployer.apply(t.Context(), filepath.Join(w.dir, "runs"))
	if err == nil || stepOf(result, plan.StepFoundation).Status != "failed" {
		t.Errorf("the run ends with %v after %s, want a failure of the foundation", err, describe(result))
	}
}
