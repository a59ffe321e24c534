package controller

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/kars-dev/kars/api/v1alpha1"
	"github.com/kars-dev/kars/internal/sandbox"
)

// sandboxReconciler brings one KarsSandbox to what it should be.
type sandboxReconciler struct {
	Options

	client client.Client
	direct client.Reader // past the cache, for kinds that are not worth a watch

	identities sync.Map // UID -> recalled[identity key]
	grants     sync.Map // UID -> recalled[grants key]
}

// pass is one reconciliation. Steps read what was gathered and change sb.Status.
type pass struct {
	sb       *v1alpha1.KarsSandbox
	auth     *v1alpha1.KarsAuthConfig // nil: no trust
	settings sandbox.Settings
	objects  *sandbox.Objects
}

func (p *pass) condition(kind string, status metav1.ConditionStatus, reason, message string) {
	setCondition(&p.sb.Status.Conditions, p.sb.Generation, kind, status, reason, message)
}

// result is how a step ended. The zero value lets the next step begin.
type result struct {
	halt  bool          // the next steps cannot be taken
	after time.Duration // look again after this; zero for never
	err   error         // try again with growing pauses
}

func setupSandbox(mgr manager.Manager, o Options) error {
	r := &sandboxReconciler{Options: o, client: mgr.GetClient(), direct: mgr.GetAPIReader()}
	one := handler.EnqueueRequestsFromMapFunc(sandboxOf)
	all := handler.EnqueueRequestsFromMapFunc(r.everySandbox)
	return ctrl.NewControllerManagedBy(mgr).
		Named("karssandbox").
		For(&v1alpha1.KarsSandbox{}).
		Watches(&corev1.Pod{}, one).
		Watches(&corev1.Namespace{}, one).
		Watches(&corev1.ServiceAccount{}, one).
		Watches(&networkingv1.NetworkPolicy{}, one).
		Watches(&corev1.ConfigMap{}, handler.EnqueueRequestsFromMapFunc(r.sandboxesOfConfigMap)).
		Watches(&v1alpha1.KarsAuthConfig{}, all).
		WithOptions(controllerOptions(o, 8)).
		Complete(r)
}

func (r *sandboxReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	sb := &v1alpha1.KarsSandbox{}
	if err := r.client.Get(ctx, req.NamespacedName, sb); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	before := sb.Status.DeepCopy()
	p := &pass{sb: sb}

	var end result
	if sb.DeletionTimestamp.IsZero() {
		end = r.reconcile(ctx, p)
	} else {
		end = r.finalize(ctx, p)
	}
	if controllerutil.ContainsFinalizer(sb, v1alpha1.Finalizer) && !equality.Semantic.DeepEqual(before, &sb.Status) {
		end.err = errors.Join(end.err, client.IgnoreNotFound(writeStatus(ctx, r.client, sb, "KarsSandbox", &sb.Status)))
	}
	if end.err != nil {
		r.Log.WarnContext(ctx, "sandbox is not as it should be", slog.String("sandbox", req.String()), slog.Any("error", end.err))
		return ctrl.Result{}, end.err
	}
	return ctrl.Result{RequeueAfter: end.after}, nil
}

// reconcile takes the steps in order and sums them up.
func (r *sandboxReconciler) reconcile(ctx context.Context, p *pass) result {
	if err := r.addFinalizer(ctx, p.sb); err != nil {
		return result{err: err}
	}
	p.sb.Status.ObservedGeneration = p.sb.Generation
	p.sb.Status.Namespace = sandbox.Namespace(p.sb.Namespace, p.sb.Name)

	end := result{after: r.Recheck}
	if err := r.gather(ctx, p); err != nil {
		return result{err: err}
	}
	for _, step := range []func(context.Context, *pass) result{r.identity, r.access, r.decide, r.workspace, r.pod} {
		got := step(ctx, p)
		end.err = errors.Join(end.err, got.err)
		if got.after != 0 && got.after < end.after {
			end.after = got.after
		}
		if got.halt {
			break
		}
	}
	summarise(p.sb)
	return end
}

// addFinalizer comes before anything is made, so that nothing is left behind.
func (r *sandboxReconciler) addFinalizer(ctx context.Context, sb *v1alpha1.KarsSandbox) error {
	if controllerutil.ContainsFinalizer(sb, v1alpha1.Finalizer) {
		return nil
	}
	before := sb.DeepCopy()
	controllerutil.AddFinalizer(sb, v1alpha1.Finalizer)
	patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	if err := r.client.Patch(ctx, sb, patch, client.FieldOwner(FieldManager)); err != nil {
		return fmt.Errorf("adding the finalizer to %s/%s: %w", sb.Namespace, sb.Name, err)
	}
	return nil
}

// decide turns resource and settings into objects.
func (r *sandboxReconciler) decide(_ context.Context, p *pass) result {
	var err error
	p.objects, err = sandbox.New(p.sb, p.settings)
	switch {
	case errors.Is(err, sandbox.ErrNoModel):
		// Nothing but a change of the resource or of the chart's values helps.
		p.condition(v1alpha1.ConditionPodReady, metav1.ConditionFalse, reasonModelNotSet, err.Error())
		return result{halt: true}
	case err != nil:
		p.condition(v1alpha1.ConditionPodReady, metav1.ConditionFalse, reasonApplyFailed, err.Error())
		return result{halt: true, err: err}
	}
	return result{}
}

// sandboxOf maps an object that was made for a sandbox to it.
func sandboxOf(_ context.Context, obj client.Object) []reconcile.Request {
	name, namespace := obj.GetLabels()[v1alpha1.LabelSandbox], obj.GetLabels()[v1alpha1.LabelSandboxNamespace]
	if name == "" || namespace == "" {
		return nil
	}
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: namespace, Name: name}}}
}

// sandboxesOfConfigMap maps a copy to its sandbox, and an original to all.
func (r *sandboxReconciler) sandboxesOfConfigMap(ctx context.Context, obj client.Object) []reconcile.Request {
	if obj.GetNamespace() != v1alpha1.SystemNamespace {
		return sandboxOf(ctx, obj)
	}
	switch obj.GetName() {
	case v1alpha1.BrokerCAConfigMap, v1alpha1.CABundleConfigMap:
		return r.everySandbox(ctx, obj)
	}
	return nil
}

func (r *sandboxReconciler) everySandbox(ctx context.Context, _ client.Object) []reconcile.Request {
	list := &v1alpha1.KarsSandboxList{}
	if err := r.client.List(ctx, list); err != nil {
		r.Log.ErrorContext(ctx, "listing sandboxes", slog.Any("error", err))
		return nil
	}
	requests := make([]reconcile.Request, 0, len(list.Items))
	for i := range list.Items {
		requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&list.Items[i])})
	}
	return requests
}
