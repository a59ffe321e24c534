package controller

import (
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kars-dev/kars/api/v1alpha1"
)

// summarise draws the condition Ready and the phase from the conditions of the
// steps. It is a pure function of the resource.
func summarise(sb *v1alpha1.KarsSandbox) {
	status, reason, message := readiness(sb)
	setCondition(&sb.Status.Conditions, sb.Generation, v1alpha1.ConditionReady, status, reason, message)
	sb.Status.Phase = phase(sb, status, reason)
}

// readiness is the first thing that is missing. In the anonymous tier neither
// identity nor roles are expected.
func readiness(sb *v1alpha1.KarsSandbox) (status metav1.ConditionStatus, reason, message string) {
	if sb.Spec.Suspended {
		return metav1.ConditionFalse, reasonSuspended, "spec.suspended is true"
	}
	needed := []string{v1alpha1.ConditionPodReady}
	if sb.Status.Tier == v1alpha1.TierEntra {
		needed = []string{v1alpha1.ConditionIdentityReady, v1alpha1.ConditionPodReady, v1alpha1.ConditionAccessGranted}
	}
	for _, kind := range needed {
		c := meta.FindStatusCondition(sb.Status.Conditions, kind)
		switch {
		case c == nil || c.ObservedGeneration != sb.Generation:
			return metav1.ConditionFalse, reasonNotReached, kind + " is not known yet"
		case c.Status != metav1.ConditionTrue:
			return metav1.ConditionFalse, c.Reason, c.Message
		}
	}
	if sb.Status.Tier == v1alpha1.TierAnonymous {
		return metav1.ConditionTrue, reasonAnonymous, "agent and router are up; without trust the agent calls no model"
	}
	return metav1.ConditionTrue, reasonReconciled, "the agent is up and has its identity and roles"
}

func phase(sb *v1alpha1.KarsSandbox, ready metav1.ConditionStatus, reason string) v1alpha1.Phase {
	switch {
	case sb.Spec.Suspended:
		return v1alpha1.PhaseSuspended
	case ready == metav1.ConditionTrue:
		return v1alpha1.PhaseRunning
	case reason == reasonModelNotSet || reason == reasonNamespaceTaken:
		return v1alpha1.PhaseFailed
	case sb.Status.Phase == v1alpha1.PhaseRunning || sb.Status.Phase == v1alpha1.PhaseDegraded:
		return v1alpha1.PhaseDegraded
	default:
		return v1alpha1.PhaseCreating
	}
}
