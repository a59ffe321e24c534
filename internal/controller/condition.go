package controller

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kars-dev/kars/api/v1alpha1"
)

// Reasons of conditions. Codes of the broker and of Azure are reasons too, as
// they come.
const (
	reasonReconciled       = "Reconciled"
	reasonTrustNotSetUp    = "TrustNotSetUp"
	reasonAnonymous        = "Anonymous"
	reasonGranted          = "Granted"
	reasonNothingToGrant   = "NothingToGrant"
	reasonWaitingForEntra  = "WaitingForEntra"
	reasonAzureUnavailable = "AzureUnavailable"
	reasonApplyFailed      = "ApplyFailed"
	reasonBrokerNotReady   = "BrokerNotReady"
	reasonNamespaceTaken   = "NamespaceTaken"
	reasonNamespaceGoing   = "NamespaceTerminating"
	reasonModelNotSet      = "ModelNotSet"
	reasonSuspended        = "Suspended"
	reasonPodCreated       = "PodCreated"
	reasonPodReplaced      = "PodReplaced"
	reasonPodReady         = "PodReady"
	reasonPodNotReady      = "PodNotReady"
	reasonNotReached       = "NotReached"
	reasonDeleting         = "Deleting"
)

// maxMessage is what the API accepts as a condition's message.
const maxMessage = 32768

func setCondition(conditions *[]metav1.Condition, generation int64, kind string, status metav1.ConditionStatus, reason, message string) {
	if len(message) > maxMessage {
		message = message[:maxMessage]
	}
	meta.SetStatusCondition(conditions, metav1.Condition{
		Type:               kind,
		Status:             status,
		Reason:             reason,
		Message:            message,
		ObservedGeneration: generation,
	})
}

// writeStatus applies status, a pointer, as the whole of obj's status. The UID goes
// along, so that a status meant for a deleted resource cannot land on its
// successor of the same name.
func writeStatus(ctx context.Context, c client.Client, obj client.Object, kind string, status any) error {
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(status)
	if err != nil {
		return fmt.Errorf("converting the status of %s: %w", obj.GetName(), err)
	}
	u := &unstructured.Unstructured{Object: map[string]any{"status": fields}}
	u.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind))
	u.SetName(obj.GetName())
	u.SetNamespace(obj.GetNamespace())
	u.SetUID(obj.GetUID())
	err = c.Status().Apply(ctx, client.ApplyConfigurationFromUnstructured(u), client.FieldOwner(FieldManager), client.ForceOwnership)
	if err != nil {
		return fmt.Errorf("writing the status of %s: %w", obj.GetName(), err)
	}
	return nil
}
