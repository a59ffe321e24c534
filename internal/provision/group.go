package provision

import (
	"context"
	"fmt"
	"strings"

	"github.com/kars-dev/kars/internal/azure/arm"
	"github.com/kars-dev/kars/internal/event"
	"github.com/kars-dev/kars/internal/plan"
)

func applyGroup(ctx context.Context, r *Run) (event.Status, string, error) {
	g := r.Plan.Group
	have, found, err := r.get(ctx, g.ID, g.APIVersion)
	if err != nil {
		return "", "", fmt.Errorf("reading the resource group: %w", err)
	}
	if found {
		// A group that somebody else made is used as it is, and kept by `kars down`.
		if location, _ := have["location"].(string); !strings.EqualFold(location, r.Plan.Options.Region) {
			return "", "", &PlacementError{Group: g.Name, Is: location, Wanted: r.Plan.Options.Region}
		}
		return event.Unchanged, g.Name, nil
	}
	if err := r.put(ctx, g.ID, g.APIVersion, g.Body); err != nil {
		return "", "", fmt.Errorf("creating the resource group: %w", err)
	}
	return event.Created, g.Name, nil
}

// PlacementError says that the resource group is in another region.
type PlacementError struct {
	Group, Is, Wanted string
}

func (e *PlacementError) Error() string {
	return fmt.Sprintf("the resource group %s is in %s, not in %s: use --region %s or another --resource-group", e.Group, e.Is, e.Wanted, e.Is)
}

// applyRegistration registers what the subscription lacks of the plan's resource
// providers and preview features.
func applyRegistration(ctx context.Context, r *Run) (event.Status, string, error) {
	status, detail, err := r.registerProviders(ctx)
	if err != nil {
		return "", "", err
	}
	asked, err := r.registerFeatures(ctx)
	if err != nil {
		return "", "", err
	}
	if len(asked) == 0 {
		return status, detail, nil
	}
	err = r.awaitProviders(ctx)
	return event.Updated, detail + ", " + featureNames(asked), err
}

func (r *Run) registerProviders(ctx context.Context) (event.Status, string, error) {
	missing, err := r.unregistered(ctx)
	if arm.IsForbidden(err) {
		// The owner of a group cannot look (U10); ARM refuses what is missing.
		return event.Skipped, "which providers are registered cannot be read", nil
	}
	if err != nil {
		return "", "", err
	}
	detail := fmt.Sprintf("%d providers", len(r.Plan.Registrations))
	if len(missing) == 0 {
		return event.Unchanged, detail, nil
	}
	for _, namespace := range missing {
		if _, err := r.ARM.RegisterProvider(ctx, r.Plan.SubscriptionID, namespace); err != nil {
			return "", "", fmt.Errorf("registering %s: %w", namespace, err)
		}
	}
	return event.Updated, detail, r.awaitProviders(ctx)
}

// awaitProviders waits until all are registered, as far as the caller can see.
func (r *Run) awaitProviders(ctx context.Context) error {
	return r.wait(ctx, plan.StepRegistration, "the providers to be registered", func(ctx context.Context) (bool, string, error) {
		left, err := r.unregistered(ctx)
		if arm.IsForbidden(err) {
			return true, "", nil
		}
		return err == nil && len(left) == 0, "waiting for " + strings.Join(left, ", "), err
	})
}

func (r *Run) unregistered(ctx context.Context) ([]string, error) {
	providers, err := r.ARM.Providers(ctx, r.Plan.SubscriptionID)
	if err != nil {
		return nil, fmt.Errorf("reading which providers are registered: %w", err)
	}
	registered := map[string]bool{}
	for _, p := range providers {
		registered[strings.ToLower(p.Namespace)] = strings.EqualFold(p.State, "Registered")
	}
	var missing []string
	for _, need := range r.Plan.Registrations {
		if !registered[strings.ToLower(need.Namespace)] {
			missing = append(missing, need.Namespace)
		}
	}
	return missing, nil
}
