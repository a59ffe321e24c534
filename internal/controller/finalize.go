package controller

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/kars-dev/kars/api/v1alpha1"
	"github.com/kars-dev/kars/internal/sandbox"
)

// goingPause is how long to wait for a deletion whose end no watch shows.
const goingPause = 2 * time.Second

// finalize undoes what was made: first the pod, so that nothing uses the
// identity any more, then the namespace, the role assignments, and the identity
// last. The finalizer goes only when all of it is gone; until then the status
// says what is in the way.
func (r *sandboxReconciler) finalize(ctx context.Context, p *pass) result {
	if !controllerutil.ContainsFinalizer(p.sb, v1alpha1.Finalizer) {
		return result{}
	}
	p.sb.Status.Phase = v1alpha1.PhaseTerminating
	p.sb.Status.ObservedGeneration = p.sb.Generation
	p.condition(v1alpha1.ConditionReady, metav1.ConditionFalse, reasonDeleting, "the sandbox is being deleted")
	for _, step := range []func(context.Context, *pass) result{r.removePod, r.removeNamespace, r.removeRoles, r.removeIdentity} {
		if end := step(ctx, p); end.halt || end.err != nil {
			if end.err != nil {
				p.condition(v1alpha1.ConditionReady, metav1.ConditionFalse, reasonDeleting, end.err.Error())
			}
			return end
		}
	}
	r.identities.Delete(p.sb.UID)
	r.grants.Delete(p.sb.UID)
	before := p.sb.DeepCopy()
	controllerutil.RemoveFinalizer(p.sb, v1alpha1.Finalizer)
	if err := r.client.Patch(ctx, p.sb, client.MergeFrom(before), client.FieldOwner(FieldManager)); client.IgnoreNotFound(err) != nil {
		return result{err: fmt.Errorf("removing the finalizer: %w", err)}
	}
	return result{}
}

// removePod deletes the pod, and waits until it is gone, if it was made for this
// sandbox. One whose namespace was taken must not end another's.
func (r *sandboxReconciler) removePod(ctx context.Context, p *pass) result {
	live := &corev1.Pod{}
	key := client.ObjectKey{Namespace: sandbox.Namespace(p.sb.Namespace, p.sb.Name), Name: p.sb.Name}
	err := r.direct.Get(ctx, key, live)
	if apierrors.IsNotFound(err) || err == nil && live.Labels[v1alpha1.LabelSandboxUID] != string(p.sb.UID) {
		p.sb.Status.Pod = ""
		p.condition(v1alpha1.ConditionPodReady, metav1.ConditionFalse, reasonDeleting, "the pod is gone")
		return result{}
	}
	if err != nil {
		return result{err: fmt.Errorf("reading pod %s: %w", key, err)}
	}
	p.condition(v1alpha1.ConditionPodReady, metav1.ConditionFalse, reasonDeleting, "the pod is being deleted")
	if live.DeletionTimestamp.IsZero() {
		if err := r.deletePod(ctx, live); err != nil {
			return result{err: err}
		}
	}
	return result{halt: true, after: goingPause}
}

// removeNamespace deletes the namespace only if it was made for this sandbox.
func (r *sandboxReconciler) removeNamespace(ctx context.Context, p *pass) result {
	ns := &corev1.Namespace{}
	name := sandbox.Namespace(p.sb.Namespace, p.sb.Name)
	err := r.direct.Get(ctx, client.ObjectKey{Name: name}, ns)
	if apierrors.IsNotFound(err) || err == nil && ns.Labels[v1alpha1.LabelSandboxUID] != string(p.sb.UID) {
		return result{}
	}
	if err != nil {
		return result{err: fmt.Errorf("reading namespace %s: %w", name, err)}
	}
	p.condition(v1alpha1.ConditionReady, metav1.ConditionFalse, reasonDeleting, "the namespace "+name+" is being deleted")
	if ns.DeletionTimestamp.IsZero() {
		if err := r.client.Delete(ctx, ns, client.Preconditions{UID: &ns.UID}); client.IgnoreNotFound(err) != nil {
			return result{err: fmt.Errorf("deleting namespace %s: %w", name, err)}
		}
	}
	return result{halt: true, after: goingPause}
}

// removeRoles removes the recorded role assignments, and those that the present
// trust asks for: one may have been made by a pass whose status got lost.
func (r *sandboxReconciler) removeRoles(ctx context.Context, p *pass) result {
	roles := slices.Clone(p.sb.Status.GrantedRoles)
	auth, err := r.authConfig(ctx)
	if err != nil {
		return result{err: err}
	}
	if p.auth = auth; auth != nil && p.sb.Status.AgentIdentity != nil {
		for _, g := range wantedRoles(auth.Spec.FoundryRbac, p.sb.Status.AgentIdentity.ObjectID) {
			if !slices.Contains(roles, g) {
				roles = append(roles, g)
			}
		}
	}
	for _, g := range roles {
		if err := r.removeAssignment(ctx, p.sb.UID, g); err != nil {
			p.condition(v1alpha1.ConditionAccessGranted, metav1.ConditionUnknown, reasonDeleting, err.Error())
			return result{err: err}
		}
	}
	p.sb.Status.GrantedRoles = nil
	p.condition(v1alpha1.ConditionAccessGranted, metav1.ConditionFalse, reasonDeleting, "the role assignments are gone")
	return result{}
}

// removeIdentity asks the broker by UID, whether or not an identity was ever
// recorded. Without trust nothing can have been made since, and only a recorded
// identity is in the way.
func (r *sandboxReconciler) removeIdentity(ctx context.Context, p *pass) result {
	if p.auth == nil && p.sb.Status.AgentIdentity == nil {
		return result{}
	}
	if p.auth == nil {
		return result{err: fmt.Errorf("the agent identity %s cannot be deleted while there is no KarsAuthConfig/default; set trust up again with `kars mesh setup-trust`",
			p.sb.Status.AgentIdentity.DisplayName)}
	}
	if err := r.Identities.DeleteIdentity(ctx, p.sb.Namespace, p.sb.Name, string(p.sb.UID)); err != nil {
		p.condition(v1alpha1.ConditionIdentityReady, metav1.ConditionUnknown, brokerReason(err), err.Error())
		return result{err: err}
	}
	p.sb.Status.AgentIdentity = nil
	p.condition(v1alpha1.ConditionIdentityReady, metav1.ConditionFalse, reasonDeleting, "the agent identity is gone")
	return result{}
}
