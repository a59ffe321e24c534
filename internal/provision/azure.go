package provision

import (
	"context"
	"fmt"

	"github.com/kars-dev/kars/internal/azure/arm"
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
	o, err := r.beginDeployment(ctx, s, d)
	if err != nil {
		return fmt.Errorf("deploying %s: %w", d.Name, err)
	}
	token, err := o.Token()
	if err != nil {
		return err
	}
	if err := r.Journal.Operation(string(s), token); err != nil {
		return fmt.Errorf("writing the journal: %w", err)
	}
	_, err = o.Wait(ctx)
	if ctx.Err() != nil {
		return context.Cause(ctx) // the operation goes on; its token stays
	}
	if forget := r.Journal.Operation(string(s), ""); forget != nil {
		return fmt.Errorf("writing the journal: %w", forget)
	}
	if err != nil {
		return fmt.Errorf("deploying %s: %w", d.Name, err)
	}
	return nil
}

func (r *Run) beginDeployment(ctx context.Context, s plan.Step, d plan.Deployment) (*arm.Operation, error) {
	if token := r.Journal.Pending(string(s)); token != "" && !r.facts.resumed[s] {
		r.facts.resumed[s] = true
		// A token that Azure no longer knows is no reason to fail: what the
		// deployment did is seen by asking for the resources.
		if o, err := r.ARM.Resume(token); err == nil {
			return o, nil
		}
	}
	return r.ARM.BeginDeployment(ctx, r.Plan.Group.ID, d.Name, arm.Deployment{Template: d.Template})
}
