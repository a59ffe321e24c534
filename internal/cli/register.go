package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/kars-dev/kars/internal/azure/arm"
	"github.com/kars-dev/kars/internal/barrier"
	"github.com/kars-dev/kars/internal/plan"
	"github.com/kars-dev/kars/internal/preflight"
)

// fixable is what `preflight --fix` writes: registrations with the subscription
// that the plan needs and lacks, and nothing else.
type fixable struct {
	providers []string       // namespaces
	features  []plan.Feature // whose providers are registered anew afterwards
}

func fixableOf(p *plan.Plan, f preflight.Facts) fixable {
	return fixable{providers: f.Unregistered(p), features: f.UnregisteredFeatures(p)}
}

func (x fixable) empty() bool { return len(x.providers)+len(x.features) == 0 }

// fixed registers what the facts lack and gathers them again. Who may not is
// told by the report as well.
func (a *app) fixed(ctx context.Context, o preflight.Options, s *session, f preflight.Facts) (preflight.Facts, error) {
	x := fixableOf(o.Plan, f)
	if x.empty() {
		return f, nil
	}
	if err := a.register(ctx, s.arm, o.Plan.SubscriptionID, x); arm.IsForbidden(err) {
		a.printer.Warn(err.Error(), "")
	} else if err != nil {
		return f, err
	}
	return preflight.Gather(ctx, o), nil
}

// register registers what is missing, waits until Azure has taken it in, and has
// the providers learn of their features.
// learn.microsoft.com/azure/azure-resource-manager/management/preview-features
func (a *app) register(ctx context.Context, c *arm.Client, subscription string, x fixable) error {
	again := []string{}
	for _, f := range x.features {
		a.printer.Say("registering the feature %s, which takes 5 to 15 minutes", f.ID())
		if err := c.RegisterFeature(ctx, subscription, f.Namespace, f.Name); err != nil {
			return fmt.Errorf("registering the feature %s: %w", f.ID(), err)
		}
		again = append(again, f.Namespace)
	}
	if err := a.registerProviders(ctx, c, subscription, x.providers); err != nil {
		return err
	}
	for _, f := range x.features {
		err := a.await(ctx, "the feature "+f.ID()+" to be registered", func(ctx context.Context) (string, error) {
			state, _, err := c.FeatureState(ctx, subscription, f.Namespace, f.Name)
			return state, err
		})
		if err != nil {
			return err
		}
	}
	return a.registerProviders(ctx, c, subscription, again)
}

func (a *app) registerProviders(ctx context.Context, c *arm.Client, subscription string, namespaces []string) error {
	if len(namespaces) == 0 {
		return nil
	}
	a.printer.Say("registering %s", strings.Join(namespaces, ", "))
	for _, namespace := range namespaces {
		if _, err := c.RegisterProvider(ctx, subscription, namespace); err != nil {
			return fmt.Errorf("registering %s: %w", namespace, err)
		}
	}
	for _, namespace := range namespaces {
		err := a.await(ctx, namespace+" to be registered", func(ctx context.Context) (string, error) {
			p, err := c.Provider(ctx, subscription, namespace)
			return p.State, err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// await waits until a state is Registered.
func (a *app) await(ctx context.Context, what string, state func(context.Context) (string, error)) error {
	_, err := barrier.Wait(ctx, barrier.Options{
		What: what,
		Probe: func(ctx context.Context) (barrier.Result, error) {
			s, err := state(ctx)
			return barrier.Result{Done: s == "Registered", Evidence: "its state is " + s}, err
		},
		MaxInterval: 15 * time.Second, Timeout: 20 * time.Minute, Retryable: arm.IsTransient,
	})
	return err
}
