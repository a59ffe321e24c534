// Package provision brings about a plan, and takes it away again.
//
// Start with [Apply] and [Down]. A run is a row of steps; each is idempotent
// and asks the real system whether it is done, so that a run can be killed
// anywhere and the next one finds what is there. The journal only says where to
// look first. Every mutation ends as created, updated, unchanged or failed.
package provision

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kars-dev/kars/api/v1alpha1"
	"github.com/kars-dev/kars/internal/azure/arm"
	"github.com/kars-dev/kars/internal/azure/cloud"
	"github.com/kars-dev/kars/internal/event"
	"github.com/kars-dev/kars/internal/journal"
	"github.com/kars-dev/kars/internal/kube"
	"github.com/kars-dev/kars/internal/plan"
)

// Run is one run of `kars up` or a part of it.
type Run struct {
	Plan      *plan.Plan
	Cloud     cloud.Cloud
	Caller    Caller
	ARM       *arm.Client
	Directory Directory
	Registry  Registry
	// Connect opens the cluster by its kubeconfig.
	Connect func(kubeconfig []byte) (*kube.Client, error)
	Journal *journal.Journal
	Emit    event.Sink
	// Kubeconfig is the file in which the cluster's kubeconfig is kept.
	Kubeconfig string
	// CABundle (PEM) is trusted by every pod beside the system's roots: the
	// local Azure's authority, or a proxy's. It may be empty.
	CABundle []byte
	// Values go over those that the run gives the chart.
	Values map[string]any
	// Until is the last step to run; "" runs all.
	Until plan.Step
	Now   func() time.Time

	// What steps learn and later ones use.
	facts facts
}

// facts are what the steps of a run learn about what is there.
type facts struct {
	principals map[string]identity // by the lower-case ARM id of the managed identity
	issuer     string
	kube       *kube.Client
	tier       Tier
	auth       *v1alpha1.KarsAuthConfig // the trust that was there before
	sandbox    *Sandbox
	warnings   []event.Warning
	resumed    map[plan.Step]bool // whose interrupted operation has been followed
}

// identity is a managed identity's name in Entra.
type identity struct {
	principalID, clientID string
}

// A step brings about one part of the plan.
type step struct {
	id    string
	kind  plan.Step
	apply func(context.Context, *Run) (event.Status, string, error)
}

func (r *Run) steps() []step {
	return []step{
		{"group", plan.StepGroup, applyGroup},
		{"registration", plan.StepRegistration, applyRegistration},
		{"foundation", plan.StepFoundation, applyFoundation},
		{"grants", plan.StepGrants, applyGrants},
		{"cluster", plan.StepCluster, applyCluster},
		{"images", plan.StepImages, applyImages},
		{"crds", plan.StepCRDs, applyCRDs},
		{"trust", plan.StepTrust, applyTrust},
		{"chart", plan.StepChart, applyChart},
		{"sandbox/" + r.Plan.Options.Name, plan.StepSandbox, applySandbox},
	}
}

// StepError is a step's failure.
type StepError struct {
	Step string
	Err  error
}

func (e *StepError) Error() string { return e.Step + ": " + e.Err.Error() }
func (e *StepError) Unwrap() error { return e.Err }

// Apply runs the steps in order and stops at the first that fails. The result
// is there in every case; the error is a [*StepError] or the context's.
func Apply(ctx context.Context, r *Run) (Result, error) {
	r.begin()
	result := Result{Steps: []StepResult{}, Warnings: []event.Warning{}}
	var failed error
	for _, s := range r.steps() {
		done, err := r.runStep(ctx, s)
		result.Steps = append(result.Steps, done)
		if err != nil {
			failed = err
			break
		}
		if r.Until != "" && s.kind == r.Until {
			break
		}
	}
	result.Warnings = append(result.Warnings, r.facts.warnings...)
	result.Outputs = r.outputs()
	result.Requests = r.requests()
	return result, failed
}

// begin forgets what an earlier run of the same value learned.
func (r *Run) begin() {
	r.facts = facts{principals: map[string]identity{}, tier: TierAnonymous, resumed: map[plan.Step]bool{}}
}

func (r *Run) runStep(ctx context.Context, s step) (StepResult, error) {
	began := r.Now()
	r.Emit(event.StepStarted{ID: s.id})
	status, detail, err := r.journaled(ctx, s)
	took := r.Now().Sub(began)
	if err != nil {
		status, detail = event.Failed, reason(ctx, err)
	}
	r.Emit(event.StepEnded{ID: s.id, Status: status, Detail: detail, Duration: took})
	done := StepResult{ID: s.id, Status: status, DurationMS: took.Milliseconds(), Detail: detail}
	if err == nil {
		return done, nil
	}
	return done, &StepError{Step: s.id, Err: err}
}

func (r *Run) journaled(ctx context.Context, s step) (event.Status, string, error) {
	if err := ctx.Err(); err != nil {
		return "", "", err
	}
	if err := r.Journal.Begin(s.id); err != nil {
		return "", "", fmt.Errorf("writing the journal: %w", err)
	}
	status, detail, err := s.apply(ctx, r)
	if err != nil {
		// The step's own error matters more than one of writing it down.
		return "", "", errors.Join(err, r.Journal.End(s.id, event.Failed, reason(ctx, err)))
	}
	if err := r.Journal.End(s.id, status, detail); err != nil {
		return "", "", fmt.Errorf("writing the journal: %w", err)
	}
	return status, detail, nil
}

func reason(ctx context.Context, err error) string {
	if errors.Is(context.Cause(ctx), context.Canceled) {
		return "interrupted"
	}
	return err.Error()
}

func (r *Run) progress(s plan.Step, format string, args ...any) {
	r.Emit(event.StepProgress{ID: string(s), Detail: fmt.Sprintf(format, args...)})
}

func (r *Run) warn(w event.Warning) {
	r.facts.warnings = append(r.facts.warnings, w)
	r.Emit(w)
}

func (r *Run) outputs() Outputs {
	p := r.Plan
	out := Outputs{
		SubscriptionID: p.SubscriptionID, TenantID: p.TenantID,
		ResourceGroup: p.Group.ID, Cluster: p.ClusterID(), Registry: p.RegistryID(), KeyVault: p.VaultID(),
		RegistryLoginServer: p.RegistryLoginServer(), KeyVaultURI: p.VaultURI(), FoundryEndpoint: p.FoundryEndpoint(),
		Kubeconfig: r.Kubeconfig, Tier: r.facts.tier, Sandboxes: []Sandbox{},
	}
	if r.facts.sandbox != nil {
		out.Sandboxes = append(out.Sandboxes, *r.facts.sandbox)
	}
	return out
}

func (r *Run) requests() Requests {
	var out Requests
	for _, door := range []interface{ Counts() (reads, writes int) }{r.ARM, r.Directory, r.Registry} {
		reads, writes := door.Counts()
		out.Azure.Reads, out.Azure.Writes = out.Azure.Reads+reads, out.Azure.Writes+writes
	}
	if r.facts.kube != nil {
		out.Kubernetes.Reads, out.Kubernetes.Writes = r.facts.kube.Counts()
	}
	return out
}
