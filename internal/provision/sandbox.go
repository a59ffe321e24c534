package provision

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kars-dev/kars/api/v1alpha1"
	"github.com/kars-dev/kars/internal/event"
	"github.com/kars-dev/kars/internal/plan"
)

// SandboxNamespace is where sandboxes are made unless told otherwise.
const SandboxNamespace = "kars"

// applySandbox makes the first sandbox and waits until it is Ready: in the
// entra tier its agent has then answered a probe through its router with its
// own identity.
func applySandbox(ctx context.Context, r *Run) (event.Status, string, error) {
	o := r.Plan.Options
	sb := NewSandbox(SandboxNamespace, o.Name, o.Isolation)
	status, err := r.facts.kube.Apply(ctx, sb)
	if err != nil {
		return "", "", fmt.Errorf("applying the sandbox: %w", err)
	}
	ready, err := WaitSandbox(ctx, r.facts.kube.Client(), sb, func(seen string) { r.progress(plan.StepSandbox, "%s", seen) })
	if ready != nil {
		shown := ShowSandbox(ready)
		r.facts.sandbox = &shown
	}
	if err != nil {
		return "", "", err
	}
	return status, o.Name + " is running", nil
}

// NewSandbox is the resource of a sandbox with the reference agent.
func NewSandbox(namespace, name string, isolation plan.Isolation) *v1alpha1.KarsSandbox {
	return &v1alpha1.KarsSandbox{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "KarsSandbox"},
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: v1alpha1.KarsSandboxSpec{
			Runtime:   v1alpha1.Runtime{Kind: v1alpha1.RuntimeKars},
			Isolation: v1alpha1.Isolation(isolation),
		},
	}
}

// ShowSandbox is how documents show a sandbox.
func ShowSandbox(sb *v1alpha1.KarsSandbox) Sandbox {
	out := Sandbox{Name: sb.Name, Namespace: sb.Namespace, Phase: string(sb.Status.Phase)}
	if sb.Status.Phase == "" {
		out.Phase = string(v1alpha1.PhasePending)
	}
	if id := sb.Status.AgentIdentity; id != nil {
		out.AgentIdentity = &AgentIdentity{AppID: id.AppID, ObjectID: id.ObjectID, DisplayName: id.DisplayName}
	}
	return out
}

// WaitSandbox waits until the sandbox is Ready in its present generation; see
// tells what is seen meanwhile. What was seen last is returned with every error.
func WaitSandbox(ctx context.Context, c client.Client, sb *v1alpha1.KarsSandbox, see func(string)) (*v1alpha1.KarsSandbox, error) {
	return waitSandbox(ctx, c, sb, "to be ready", see, sandboxReady)
}

func waitSandbox(
	ctx context.Context, c client.Client, sb *v1alpha1.KarsSandbox, what string,
	see func(string), good func(*v1alpha1.KarsSandbox) (bool, string),
) (*v1alpha1.KarsSandbox, error) {
	run := seeing(see)
	var last *v1alpha1.KarsSandbox
	err := run.wait(ctx, plan.StepSandbox, "the sandbox "+sb.Name+" "+what, func(ctx context.Context) (bool, string, error) {
		have := &v1alpha1.KarsSandbox{}
		if err := c.Get(ctx, client.ObjectKeyFromObject(sb), have); err != nil {
			return false, "", fmt.Errorf("reading the sandbox: %w", err)
		}
		last = have
		done, evidence := good(have)
		return done, evidence, nil
	})
	return last, err
}

// seeing is a run that only waits and tells what it sees.
func seeing(see func(string)) *Run {
	return &Run{Emit: func(e event.Event) {
		if p, ok := e.(event.StepProgress); ok {
			see(p.Detail)
		}
	}}
}

// WaitIdentity waits until the sandbox is Ready in the entra tier: with an
// agent identity of its own.
func WaitIdentity(ctx context.Context, c client.Client, sb *v1alpha1.KarsSandbox, see func(string)) (*v1alpha1.KarsSandbox, error) {
	return waitSandbox(ctx, c, sb, "to have its identity", see, func(have *v1alpha1.KarsSandbox) (bool, string) {
		ready, evidence := sandboxReady(have)
		if ready && (have.Status.Tier != v1alpha1.TierEntra || have.Status.AgentIdentity == nil) {
			return false, "it is still in the anonymous tier"
		}
		return ready, evidence
	})
}

func sandboxReady(sb *v1alpha1.KarsSandbox) (bool, string) {
	if sb.Spec.Suspended && sb.Status.Phase == v1alpha1.PhaseSuspended {
		return true, ""
	}
	for _, c := range sb.Status.Conditions {
		if c.Type != v1alpha1.ConditionReady || c.ObservedGeneration != sb.Generation {
			continue
		}
		if c.Status == metav1.ConditionTrue {
			return true, ""
		}
		return false, c.Reason + ": " + c.Message
	}
	return false, "the controller has not seen it yet"
}

// WaitGone waits until a deleted sandbox is gone: its finalizer has then removed
// its pod, its namespace, its role assignments and its identity.
func WaitGone(ctx context.Context, c client.Client, sb *v1alpha1.KarsSandbox, see func(string)) error {
	return seeing(see).wait(ctx, plan.StepSandbox, "the sandbox "+sb.Name+" to be gone", func(ctx context.Context) (bool, string, error) {
		have := &v1alpha1.KarsSandbox{}
		err := c.Get(ctx, client.ObjectKeyFromObject(sb), have)
		if client.IgnoreNotFound(err) != nil {
			return false, "", fmt.Errorf("reading the sandbox: %w", err)
		}
		_, evidence := sandboxReady(have)
		return err != nil, evidence, nil
	})
}
