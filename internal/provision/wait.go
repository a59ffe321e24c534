package provision

import (
	"context"
	"time"

	"github.com/kars-dev/kars/internal/azure/arm"
	"github.com/kars-dev/kars/internal/barrier"
	"github.com/kars-dev/kars/internal/plan"
)

// waits bound how long each step may wait for Azure, or Kubernetes, to take
// something in.
var waits = map[plan.Step]time.Duration{
	plan.StepRegistration: 15 * time.Minute,
	plan.StepFoundation:   30 * time.Minute,
	plan.StepGrants:       5 * time.Minute,
	plan.StepCluster:      30 * time.Minute,
	plan.StepCRDs:         time.Minute,
	plan.StepTrust:        5 * time.Minute,
	plan.StepSandbox:      10 * time.Minute,
}

// probe says whether what a step waits for is there, and what is seen instead.
type probe func(context.Context) (done bool, evidence string, err error)

// wait asks until the probe is done, shows what it sees, and ends with a
// [*barrier.TimeoutError].
func (r *Run) wait(ctx context.Context, s plan.Step, what string, p probe) error {
	_, err := barrier.Wait(ctx, barrier.Options{
		What: what,
		Probe: func(ctx context.Context) (barrier.Result, error) {
			done, evidence, err := p(ctx)
			return barrier.Result{Done: done, Evidence: evidence}, err
		},
		Interval: 50 * time.Millisecond, MaxInterval: 2 * time.Second,
		Timeout:   waits[s],
		Retryable: arm.IsTransient,
		Progress: func(seen barrier.Result) {
			if seen.Evidence != "" {
				r.progress(s, "%s", seen.Evidence)
			}
		},
	})
	return err
}
