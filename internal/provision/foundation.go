package provision

import (
	"context"
	"fmt"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/kars-dev/kars/internal/event"
	"github.com/kars-dev/kars/internal/plan"
)

// standing is what is there of a planned resource.
type standing struct {
	plan.Resource
	have  Tree
	found bool
	drift []string
}

// applyFoundation deploys the foundation as one template when any of it is
// missing or differs, and reads back what later steps need.
func applyFoundation(ctx context.Context, r *Run) (event.Status, string, error) {
	before, err := r.standings(ctx, plan.StepFoundation)
	if err != nil {
		return "", "", err
	}
	status := statusOf(before)
	if status != event.Unchanged {
		if err := r.deployFoundation(ctx, before); err != nil {
			return "", "", err
		}
		if before, err = r.standings(ctx, plan.StepFoundation); err != nil {
			return "", "", err
		}
		if err := settled(before); err != nil {
			return "", "", err
		}
	}
	r.learnPrincipals(before)
	return status, describe(before), nil
}

func (r *Run) deployFoundation(ctx context.Context, before []standing) error {
	d := r.Plan.Deployment(plan.StepFoundation)
	if err := r.recoverDeleted(ctx, before, d); err != nil {
		return err
	}
	return r.deploy(ctx, plan.StepFoundation, d)
}

// standings reads all resources of a step, a few at a time.
func (r *Run) standings(ctx context.Context, s plan.Step) ([]standing, error) {
	planned := r.Plan.Of(s)
	out := make([]standing, len(planned))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(8)
	for i, res := range planned {
		g.Go(func() error {
			have, found, err := r.get(ctx, res.ID, res.APIVersion)
			if err != nil {
				return fmt.Errorf("reading the %s %s: %w", res.Label, res.Name, err)
			}
			out[i] = standing{Resource: res, have: have, found: found}
			if found {
				out[i].drift = drift(res.Body, have)
			}
			return nil
		})
	}
	return out, g.Wait()
}

func statusOf(all []standing) event.Status {
	missing, different := 0, 0
	for _, s := range all {
		switch {
		case !s.found:
			missing++
		case len(s.drift) > 0:
			different++
		}
	}
	switch {
	case missing == 0 && different == 0:
		return event.Unchanged
	case missing == len(all):
		return event.Created
	}
	return event.Updated
}

// settled says what still differs after a deployment that succeeded: a
// property that Azure would not take.
func settled(all []standing) error {
	for _, s := range all {
		if !s.found {
			return fmt.Errorf("the %s %s is not there although its deployment succeeded", s.Label, s.Name)
		}
		if len(s.drift) > 0 {
			return fmt.Errorf("the %s %s keeps its own %s although its deployment succeeded", s.Label, s.Name, strings.Join(s.drift, ", "))
		}
	}
	return nil
}

// learnPrincipals keeps the object and client ids of the managed identities.
func (r *Run) learnPrincipals(all []standing) {
	for _, s := range all {
		properties, _ := s.have["properties"].(Tree)
		principal, _ := properties["principalId"].(string)
		client, _ := properties["clientId"].(string)
		if principal != "" {
			r.facts.principals[strings.ToLower(s.ID)] = identity{principal, client}
		}
	}
}

// describe counts what a person would count: "network, 3 identities, registry".
func describe(all []standing) string {
	var order []string
	count := map[string]int{}
	for _, s := range all {
		if count[s.Label] == 0 {
			order = append(order, s.Label)
		}
		count[s.Label]++
	}
	for i, label := range order {
		if label == "identity" {
			order[i] = fmt.Sprintf("%d identities", count[label])
		}
	}
	return strings.Join(order, ", ")
}
