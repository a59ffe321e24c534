package controller

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kars-dev/kars/api/v1alpha1"
)

// pod makes the sandbox's pod, or makes it anew when it is not the wanted one
// or has come to an end. A bare pod is nobody else's to replace.
func (r *sandboxReconciler) pod(ctx context.Context, p *pass) result {
	wanted := p.objects.Pod
	live := &corev1.Pod{}
	err := r.client.Get(ctx, client.ObjectKeyFromObject(wanted), live)
	if client.IgnoreNotFound(err) != nil {
		return result{err: fmt.Errorf("reading pod %s/%s: %w", wanted.Namespace, wanted.Name, err)}
	}
	p.sb.Status.Pod = wanted.Name
	switch {
	case apierrors.IsNotFound(err) && p.sb.Spec.Suspended:
		p.sb.Status.Pod = ""
		p.condition(v1alpha1.ConditionPodReady, metav1.ConditionFalse, reasonSuspended, "spec.suspended is true")
		return result{}
	case apierrors.IsNotFound(err):
		return r.createPod(ctx, p)
	case !live.DeletionTimestamp.IsZero():
		p.condition(v1alpha1.ConditionPodReady, metav1.ConditionFalse, reasonPodReplaced, "the pod is being deleted")
		return result{}
	}
	if why := replace(p.sb, wanted, live); why != "" {
		p.condition(v1alpha1.ConditionPodReady, metav1.ConditionFalse, reasonPodReplaced, why)
		return result{err: r.deletePod(ctx, live)}
	}
	status, reason, message := podHealth(live)
	p.condition(v1alpha1.ConditionPodReady, status, reason, message)
	return result{}
}

func (r *sandboxReconciler) createPod(ctx context.Context, p *pass) result {
	var err error
	if p.settings.UserNamespaces, err = r.userNamespaces(ctx); err != nil {
		return result{err: err}
	}
	if end := r.decide(ctx, p); end.halt {
		return end
	}
	err = r.client.Create(ctx, p.objects.Pod, client.FieldOwner(FieldManager))
	if err != nil && !apierrors.IsAlreadyExists(err) {
		p.condition(v1alpha1.ConditionPodReady, metav1.ConditionFalse, reasonApplyFailed, err.Error())
		return result{err: fmt.Errorf("creating pod %s/%s: %w", p.objects.Pod.Namespace, p.objects.Pod.Name, err)}
	}
	p.condition(v1alpha1.ConditionPodReady, metav1.ConditionFalse, reasonPodCreated, "the pod was created and is starting")
	return result{}
}

// deletePod deletes this very pod, not a successor that the cache has not seen.
func (r *sandboxReconciler) deletePod(ctx context.Context, live *corev1.Pod) error {
	err := r.client.Delete(ctx, live, client.Preconditions{UID: &live.UID})
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("deleting pod %s/%s: %w", live.Namespace, live.Name, err)
	}
	return nil
}

// replace says why the live pod has to go; empty if it may stay.
func replace(sb *v1alpha1.KarsSandbox, wanted, live *corev1.Pod) string {
	switch {
	case sb.Spec.Suspended:
		return "spec.suspended is true"
	case live.Labels[v1alpha1.LabelSandboxUID] != string(sb.UID):
		return "the pod belongs to an earlier sandbox of this name"
	case live.Annotations[v1alpha1.AnnotationSpecHash] != wanted.Annotations[v1alpha1.AnnotationSpecHash]:
		return "the pod was made from an earlier specification"
	case live.Status.Phase == corev1.PodFailed || live.Status.Phase == corev1.PodSucceeded:
		return fmt.Sprintf("the pod has ended: %s %s", live.Status.Reason, live.Status.Message)
	}
	return ""
}

// podHealth turns the pod's status into the condition PodReady. The reason is
// the most telling one that Kubernetes gives: why a container waits, else why
// the pod cannot be scheduled.
func podHealth(live *corev1.Pod) (metav1.ConditionStatus, string, string) {
	for _, c := range live.Status.Conditions {
		if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue {
			return metav1.ConditionTrue, reasonPodReady, "agent and router are up"
		}
	}
	statuses := append(append([]corev1.ContainerStatus{}, live.Status.InitContainerStatuses...), live.Status.ContainerStatuses...)
	for _, s := range statuses {
		w := s.State.Waiting
		if w == nil || w.Reason == "" || w.Reason == "PodInitializing" || w.Reason == "ContainerCreating" {
			continue
		}
		return metav1.ConditionFalse, w.Reason, fmt.Sprintf("container %s: %s", s.Name, w.Message)
	}
	for _, c := range live.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse && c.Reason != "" {
			return metav1.ConditionFalse, c.Reason, c.Message
		}
	}
	for _, s := range statuses {
		if !s.Ready && s.State.Terminated == nil {
			return metav1.ConditionFalse, reasonPodNotReady, "container " + s.Name + " is not ready"
		}
	}
	return metav1.ConditionFalse, reasonPodNotReady, "the pod is starting"
}
