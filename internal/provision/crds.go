package provision

import (
	"context"
	"fmt"

	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kars-dev/kars/charts"
	"github.com/kars-dev/kars/internal/event"
	"github.com/kars-dev/kars/internal/plan"
)

// applyCRDs applies the custom resource definitions apart from the chart, whose
// removal must not take every sandbox with it.
func applyCRDs(ctx context.Context, r *Run) (event.Status, string, error) {
	definitions, err := charts.Definitions()
	if err != nil {
		return "", "", err
	}
	objects := make([]client.Object, len(definitions))
	for i := range definitions {
		objects[i] = definitions[i]
	}
	status, err := r.facts.kube.Apply(ctx, objects...)
	if err != nil {
		return "", "", fmt.Errorf("applying custom resource definitions: %w", err)
	}
	if status != event.Unchanged {
		if err := r.established(ctx, definitions); err != nil {
			return "", "", err
		}
	}
	return status, fmt.Sprintf("%d custom resource definitions", len(definitions)), nil
}

// established waits until the API server serves every definition.
func (r *Run) established(ctx context.Context, definitions []*apiextensions.CustomResourceDefinition) error {
	return r.wait(ctx, plan.StepCRDs, "the custom resource definitions to be served", func(ctx context.Context) (bool, string, error) {
		for _, d := range definitions {
			var have apiextensions.CustomResourceDefinition
			if err := r.facts.kube.Client().Get(ctx, client.ObjectKeyFromObject(d), &have); err != nil {
				return false, "", err
			}
			if !served(have) {
				return false, d.Name + " is not served yet", nil
			}
		}
		return true, "", nil
	})
}

func served(d apiextensions.CustomResourceDefinition) bool {
	for _, c := range d.Status.Conditions {
		if c.Type == apiextensions.Established {
			return c.Status == apiextensions.ConditionTrue
		}
	}
	return false
}
