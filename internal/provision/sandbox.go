package provision

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

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
	ready, err := WaitSandbox(ctx, r.facts.kube, sb, func(seen string) { r.progress(plan.StepSandbox, "%s", seen) })
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
