package provision

import (
	"errors"
	"testing"

	"github.com/kars-dev/kars/internal/diagnose"
	"github.com/kars-dev/kars/internal/plan"
)

// What a subscription cannot have ends a run where the thing is made, with
// Azure's code and what to do; before that step nothing of it is there.
func TestU41ARunEndsWhereTheSubscriptionCannotHaveWhatItMakes(t *testing.T) {
	for says, test := range map[string]struct {
		set                   func(w *world, r *Run) error
		step, code, diagnosis string
	}{
		"P13 a family's quota is short": {
			func(w *world, r *Run) error {
				_, err := r.ARM.Put(t.Context(), "/subscriptions/"+w.SubscriptionID()+
					"/providers/Microsoft.Compute/locations/eastus2/providers/Microsoft.Quota/quotas/standardDASv5Family", "2023-02-01",
					map[string]any{"properties": map[string]any{"limit": map[string]any{"limitObjectType": "LimitValue", "value": 5}}})
				return err
			},
			"cluster", "ErrCode_InsufficientVCPUQuota", "quota-exceeded",
		},
		"P14 a size is restricted": {
			func(w *world, _ *Run) error { return w.RestrictSize("eastus2", "Standard_D4as_v5") },
			"cluster", "BadRequest", "sku-not-available",
		},
		"P15 the model's quota is short": {
			func(w *world, _ *Run) error { return w.SetModelQuota("eastus2", "OpenAI.GlobalStandard.gpt4.1", 9) },
			"foundation", "InsufficientQuota", "model-quota-exceeded",
		},
		"P16 somebody has the registry's name": {
			func(w *world, r *Run) error {
				return w.ReserveName("Microsoft.ContainerRegistry/registries", r.Plan.Names.Registry)
			},
			"foundation", "AlreadyInUse", "name-taken",
		},
		"P16 somebody has the vault's name": {
			func(w *world, r *Run) error { return w.ReserveName("Microsoft.KeyVault/vaults", r.Plan.Names.Vault) },
			"foundation", "VaultAlreadyExists", "vault-soft-deleted",
		},
		"P16 somebody has the account's subdomain": {
			func(w *world, r *Run) error {
				return w.ReserveName("Microsoft.CognitiveServices/accounts", r.Plan.Names.Foundry)
			},
			"foundation", "CustomDomainInUse", "domain-in-use",
		},
	} {
		t.Run(says, func(t *testing.T) {
			w := newWorld(t)
			r := w.run(t, plan.Options{}, nil)
			if err := test.set(w, r); err != nil {
				t.Fatal(err)
			}
			r.Until = plan.StepCluster
			_, err := w.apply(t, r)
			var at *StepError
			if !errors.As(err, &at) || at.Step != test.step {
				t.Fatalf("ended with %v, want an error at %s", err, test.step)
			}
			said, ok := diagnose.Of(err)
			if !ok || said.Code != test.code || diagnose.Explain(said).ID != test.diagnosis {
				t.Errorf("ended with %s, explained as %q; want %s, %s", said.Code, diagnose.Explain(said).ID, test.code, test.diagnosis)
			}
		})
	}
}
