package provision

import (
	"context"
	"fmt"
	"strings"

	"github.com/kars-dev/kars/internal/azure/arm"
	"github.com/kars-dev/kars/internal/event"
	"github.com/kars-dev/kars/internal/plan"
)

// Tree is a JSON object.
type Tree = map[string]any

// get reads a resource; found is false for one that is not there.
func (r *Run) get(ctx context.Context, id, version string) (t Tree, found bool, err error) {
	return r.ARM.Get(ctx, id, version)
}

// put writes a resource and waits for the end of the write.
func (r *Run) put(ctx context.Context, id, version string, body Tree) error {
	o, err := r.ARM.Put(ctx, id, version, body)
	if err != nil {
		return err
	}
	_, err = o.Wait(ctx)
	return err
}

// deploy sends a template and waits for its end, or follows the deployment that
// an interrupted run left behind. The journal keeps the operation's token while
// it runs.
func (r *Run) deploy(ctx context.Context, s plan.Step, d plan.Deployment) error {
	r.progress(s, "deploying")
	if o := r.interrupted(s); o != nil {
		err := r.follow(ctx, s, o)
		// An operation that Azure no longer knows is no reason to fail: it is
		// begun anew.
		if !arm.IsNotFound(err) {
			return named(d, err)
		}
	}
	o, err := r.begun(ctx, d)
	// Azure takes a deployment of this name one at a time. The active one is an
	// earlier run's, or this one's whose answer was lost on the way.
	// learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-deployment-active
	if arm.HasCode(err, "DeploymentActive") {
		return named(d, r.outlive(ctx, s, d))
	}
	if err != nil {
		return named(d, err)
	}
	return named(d, r.follow(ctx, s, o))
}

// begun has Azure check the template, which finds everything that is wrong with it
// and leaves no deployment behind, and then sends it.
// learn.microsoft.com/rest/api/resources/deployments/validate
func (r *Run) begun(ctx context.Context, d plan.Deployment) (*arm.Operation, error) {
	sent := arm.Deployment{Template: d.Template}
	if err := r.ARM.ValidateDeployment(ctx, r.Plan.Group.ID, d.Name, sent); err != nil {
		return nil, fmt.Errorf("checking the template: %w", err)
	}
	return r.ARM.BeginDeployment(ctx, r.Plan.Group.ID, d.Name, sent)
}

// outlive waits for the end of an active deployment that nobody's token tells
// of, and deploys again where it has not brought about what is wanted.
func (r *Run) outlive(ctx context.Context, s plan.Step, d plan.Deployment) error {
	var state string
	err := r.wait(ctx, s, "the active deployment to end", func(ctx context.Context) (bool, string, error) {
		have, _, err := r.ARM.GetDeployment(ctx, r.Plan.Group.ID, d.Name)
		switch state = provisioningState(Tree(have)); state {
		case "", "Succeeded", "Failed", "Canceled":
			return err == nil, "", err
		default:
			return false, "waiting for the active deployment: it is " + strings.ToLower(state), err
		}
	})
	if err != nil {
		return err
	}
	all, err := r.standings(ctx, s)
	if err != nil || state == "Succeeded" && statusOf(all) == event.Unchanged {
		return err
	}
	o, err := r.begun(ctx, d)
	if err != nil {
		return err
	}
	return r.follow(ctx, s, o)
}

func named(d plan.Deployment, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("deploying %s: %w", d.Name, err)
}

// interrupted is the operation that an earlier run left, the first time it is
// asked for.
func (r *Run) interrupted(s plan.Step) *arm.Operation {
	token := r.Journal.Pending(string(s))
	if token == "" || r.facts.resumed[s] {
		return nil
	}
	r.facts.resumed[s] = true
	o, err := r.ARM.Resume(token)
	if err != nil {
		return nil
	}
	return o
}

// follow waits for an operation. When the run is interrupted the operation goes
// on, and its token stays in the journal.
func (r *Run) follow(ctx context.Context, s plan.Step, o *arm.Operation) error {
	token, err := o.Token()
	if err != nil {
		return err
	}
	if err := r.Journal.Operation(string(s), token); err != nil {
		return fmt.Errorf("writing the journal: %w", err)
	}
	_, err = o.Wait(ctx)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if forget := r.Journal.Operation(string(s), ""); forget != nil {
		return fmt.Errorf("writing the journal: %w", forget)
	}
	return err
}
