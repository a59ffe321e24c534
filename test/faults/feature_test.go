package faults

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kars-dev/kars/internal/event"
	"github.com/kars-dev/kars/internal/plan"
	"github.com/kars-dev/kars/internal/provision"
	"github.com/kars-dev/kars/localazure"
)

// feature asks, as the owner, for an end of the first of the plan's preview
// features, or for its begin.
func (w *world) feature(operation string) plan.Feature {
	w.Helper()
	owner := w.as(localazure.OwnerName, &tap{})
	f := owner.plan.Features[0]
	path := "/subscriptions/" + owner.plan.SubscriptionID + "/providers/Microsoft.Features/providers/" + f.Namespace + "/features/" + f.Name + "/" + operation
	if err := owner.arm.Ask(w.Context(), path, "2021-07-01", nil, nil); err != nil {
		w.Fatal(err)
	}
	return f
}

func stepOf(r provision.Result, id plan.Step) provision.StepResult {
	if i := slices.IndexFunc(r.Steps, func(s provision.StepResult) bool { return s.ID == string(id) }); i >= 0 {
		return r.Steps[i]
	}
	return provision.StepResult{}
}

func TestU20ARunRegistersThePreviewFeatureThatIsMissingU21(t *testing.T) {
	w := newWorld(t)
	f := w.feature("unregister")
	runs := filepath.Join(w.dir, "runs")
	step := stepOf(w.settle(runs), plan.StepRegistration)
	if step.Status != event.Updated || !strings.Contains(step.Detail, f.ID()) {
		t.Errorf("the registration ended as %s: %s", step.Status, step.Detail)
	}
	w.idle(runs)
}

func TestU21AProviderThatHasNotLearntOfTheFeatureIsRegisteredAnewU39(t *testing.T) {
	w := newWorld(t)
	w.feature("unregister")
	w.feature("register") // and no more: as by a run that was killed in between
	result := w.settle(filepath.Join(w.dir, "runs"))
	if step := stepOf(result, plan.StepRegistration); step.Status != event.Unchanged {
		t.Errorf("the registration ended as %s: %s", step.Status, step.Detail)
	}
	if step := stepOf(result, plan.StepCluster); step.Status != event.Created {
		t.Errorf("the cluster ended as %s: %s", step.Status, step.Detail)
	}
}

func TestU20WithoutTheRightToRegisterAFeatureTheRunEndsBeforeItMakesAnything(t *testing.T) {
	w := newWorld(t)
	w.feature("unregister")
	deployer := w.deployer("deployer", actionsOf(w.as(localazure.OwnerName, &tap{}).plan))
	result, err := deployer.apply(t.Context(), filepath.Join(w.dir, "runs"))
	if !names(err, "Microsoft.Features/providers/features/register/action") || len(result.Steps) != 2 {
		t.Errorf("got %v after %s", err, describe(result))
	}
}
