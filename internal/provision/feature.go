package provision

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/kars-dev/kars/internal/azure/arm"
	"github.com/kars-dev/kars/internal/event"
	"github.com/kars-dev/kars/internal/plan"
)

// registerFeatures asks for the plan's preview features that the subscription
// lacks, waits until it has them, and registers their providers anew, by which
// these learn of it (U20, U21). It returns those that it waited for.
// learn.microsoft.com/azure/azure-resource-manager/management/preview-features
func (r *Run) registerFeatures(ctx context.Context) ([]plan.Feature, error) {
	lacking, err := r.lackingFeatures(ctx, r.Plan.Features)
	if arm.IsForbidden(err) {
		return nil, nil // the owner of a group cannot look (U10); what is missing is refused later
	}
	if err != nil || len(lacking) == 0 {
		return nil, err
	}
	var asked []plan.Feature
	for _, f := range lacking {
		if f.underway {
			asked = append(asked, f.Feature)
			continue
		}
		err := r.ARM.RegisterFeature(ctx, r.Plan.SubscriptionID, f.Namespace, f.Name)
		switch {
		case err == nil:
			asked = append(asked, f.Feature)
		case f.Optional:
			r.warn(event.Warning{ID: "feature/" + f.ID(), Text: "the preview feature " + f.ID() + " was not registered: " + err.Error()})
		default:
			return nil, fmt.Errorf("registering the preview feature %s: %w", f.ID(), err)
		}
	}
	if err := r.awaitFeatures(ctx, asked); err != nil {
		return nil, err
	}
	return asked, r.refreshProviders(ctx, asked)
}

// lackingFeature is one that the subscription does not have. It is underway where
// somebody has asked for it: nobody needs the right to ask again.
type lackingFeature struct {
	plan.Feature
	underway bool
}

// lackingFeatures are those that the subscription does not have. Azure forgets
// the feature of a preview that has ended; an optional one may be unknown.
func (r *Run) lackingFeatures(ctx context.Context, of []plan.Feature) ([]lackingFeature, error) {
	var out []lackingFeature
	for _, f := range of {
		state, found, err := r.ARM.FeatureState(ctx, r.Plan.SubscriptionID, f.Namespace, f.Name)
		if err != nil {
			return nil, fmt.Errorf("reading the preview feature %s: %w", f.ID(), err)
		}
		if state != "Registered" && (found || !f.Optional) {
			out = append(out, lackingFeature{f, state == "Registering" || state == "Pending"})
		}
	}
	return out, nil
}

// awaitFeatures waits for the features that the plan cannot do without; others
// may hang on somebody's approval.
func (r *Run) awaitFeatures(ctx context.Context, asked []plan.Feature) error {
	must := slices.DeleteFunc(slices.Clone(asked), func(f plan.Feature) bool { return f.Optional })
	return r.wait(ctx, plan.StepRegistration, "the preview features to be registered", func(ctx context.Context) (bool, string, error) {
		lacking, err := r.lackingFeatures(ctx, must)
		left := make([]plan.Feature, 0, len(lacking))
		for _, f := range lacking {
			left = append(left, f.Feature)
		}
		return err == nil && len(left) == 0, "waiting for " + featureNames(left) + ", which takes some minutes", err
	})
}

// refreshProviders registers the features' providers again. A caller who may
// register features and no provider is told who must.
func (r *Run) refreshProviders(ctx context.Context, of []plan.Feature) error {
	done := map[string]bool{}
	for _, f := range of {
		if done[f.Namespace] {
			continue
		}
		done[f.Namespace] = true
		_, err := r.ARM.RegisterProvider(ctx, r.Plan.SubscriptionID, f.Namespace)
		if arm.IsForbidden(err) {
			r.warn(event.Warning{
				ID:   "registration/" + f.Namespace,
				Text: f.Namespace + " may not learn of " + f.ID() + " until it is registered anew, which you may not do",
				Fix:  "az provider register -n " + f.Namespace + " --subscription " + r.Plan.SubscriptionID,
			})
			continue
		}
		if err != nil {
			return fmt.Errorf("registering %s anew: %w", f.Namespace, err)
		}
	}
	return nil
}

func featureNames(of []plan.Feature) string {
	names := make([]string, len(of))
	for i, f := range of {
		names[i] = f.ID()
	}
	return strings.Join(names, ", ")
}
