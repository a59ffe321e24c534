package controller

import (
	"context"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kars-dev/kars/api/v1alpha1"
	"github.com/kars-dev/kars/internal/kube/apply"
	"github.com/kars-dev/kars/internal/sandbox"
)

// authConfigReconciler makes the ConfigMap kars-auth-sidecar-env of the
// KarsAuthConfig. The ConfigMap is owned by the resource, so it goes with it.
type authConfigReconciler struct {
	client client.Client
}

func (r *authConfigReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	config := &v1alpha1.KarsAuthConfig{}
	if err := r.client.Get(ctx, req.NamespacedName, config); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !config.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, nil
	}
	before := config.Status.DeepCopy()
	wanted := sandbox.SidecarEnvConfigMap(config.Spec)
	wanted.OwnerReferences = []metav1.OwnerReference{
		*metav1.NewControllerRef(config, v1alpha1.GroupVersion.WithKind("KarsAuthConfig")),
	}
	_, failure := apply.Object(ctx, r.client, FieldManager, wanted)

	status := &config.Status
	status.ObservedGeneration = config.Generation
	set := func(kind string, s metav1.ConditionStatus, reason, message string) {
		setCondition(&status.Conditions, config.Generation, kind, s, reason, message)
	}
	if failure != nil {
		status.Phase = v1alpha1.AuthConfigDegraded
		set(v1alpha1.ConditionSidecarConfigMaterialized, metav1.ConditionFalse, reasonApplyFailed, failure.Error())
		set(v1alpha1.ConditionReady, metav1.ConditionFalse, reasonApplyFailed, "the ConfigMap "+wanted.Name+" could not be written")
	} else {
		status.Phase = v1alpha1.AuthConfigReady
		set(v1alpha1.ConditionSidecarConfigMaterialized, metav1.ConditionTrue, reasonReconciled, "the ConfigMap "+wanted.Name+" is as specified")
		set(v1alpha1.ConditionReady, metav1.ConditionTrue, reasonReconciled, "sandboxes get identities of the blueprint "+config.Spec.AgentID.BlueprintClientID)
	}
	if equality.Semantic.DeepEqual(before, status) {
		return ctrl.Result{}, failure
	}
	if err := writeStatus(ctx, r.client, config, "KarsAuthConfig", status); err != nil {
		return ctrl.Result{}, err
	}
	return ctrl.Result{}, failure
}
