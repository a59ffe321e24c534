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
	if o := r.interrupted(s); o != nil {
		err := r.follow(ctx, s, o)
		// An operation that Azure no longer knows is no reason to fail: it is
		// begun anew.
		if !arm.IsNotFound(err) {
			return named(d, err)
		}
	}
	o, err := r.ARM.BeginDeployment(ctx, r.Plan.Group.ID, d.Name, arm.Deployment{Template: d.Template})
	if err != nil {
		return named(d, err)
	}
	return named(d, r.follow(ctx, s, o))
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
