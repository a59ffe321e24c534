// Package controller keeps KarsSandbox and KarsAuthConfig resources true: it
// gathers what a resource needs, has the pure package sandbox decide, applies
// the result and writes status once per pass. Start with [Setup].
//
// A sandbox passes through small steps, a file each: identity, access,
// workspace and pod. Each sets its own condition; ready.go draws the sum. What
// was made is undone in the opposite order by finalize.go, and the resource
// stays until all of it is gone.
package controller

import (
	"context"
	"log/slog"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/kars-dev/kars/api/v1alpha1"
	"github.com/kars-dev/kars/internal/azure/arm"
	brokerclient "github.com/kars-dev/kars/internal/broker/client"
	"github.com/kars-dev/kars/internal/sandbox"
)

// FieldManager is the name under which the controller applies fields.
const FieldManager = "kars-controller"

// Identities makes and removes the agent identities of sandboxes; the broker's
// client does. The UID is the key; the names serve people.
type Identities interface {
	EnsureIdentity(ctx context.Context, namespace, name, uid, displayName string) (brokerclient.Identity, error)
	DeleteIdentity(ctx context.Context, namespace, name, uid string) error
}

// ResourceManager reads and writes resources of Azure; [arm.Client] does.
type ResourceManager interface {
	Get(ctx context.Context, id, version string) (resource arm.Tree, found bool, err error)
	Put(ctx context.Context, id, version string, resource any) (*arm.Operation, error)
	Delete(ctx context.Context, id, version string) (*arm.Operation, error)
}

// Options are what the reconcilers need from outside the cluster's API.
type Options struct {
	// ClusterName is part of the display names of agent identities.
	ClusterName string
	// Images, Model, BrokerURL and EgressCIDRs are those of [sandbox.Settings].
	Images      sandbox.Images
	Model       v1alpha1.Model
	BrokerURL   string
	EgressCIDRs []string
	// BrokerCAFile, if not empty, is kept equal to the broker's CA certificate,
	// for the client behind Identities.
	BrokerCAFile string
	// Identities makes agent identities.
	Identities Identities
	// ResourceManager makes role assignments.
	ResourceManager ResourceManager
	// Recheck is how long what Azure and Entra said is believed; 10 minutes if zero.
	Recheck time.Duration
	// Retry bounds the pause before a failed pass is tried again, growing from
	// 200 ms; 30 seconds if zero.
	Retry time.Duration
	Log   *slog.Logger
	Now   func() time.Time // time.Now if nil
	// SkipNameCheck lets two controllers of one name live in one process; for tests.
	SkipNameCheck bool
}

func (o *Options) defaults() {
	if o.Recheck == 0 {
		o.Recheck = 10 * time.Minute
	}
	if o.Retry == 0 {
		o.Retry = 30 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
}

// Scheme knows the types that the controller reads and writes.
func Scheme() (*runtime.Scheme, error) {
	s := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(s); err != nil {
		return nil, err
	}
	return s, v1alpha1.AddToScheme(s)
}

// CacheOptions restrict the manager's cache to what belongs to sandboxes, and
// to kars-system, so that the controller neither reads nor holds the rest of
// the cluster.
func CacheOptions() cache.Options {
	ours := cache.ByObject{Label: labels.SelectorFromSet(labels.Set{v1alpha1.LabelRole: v1alpha1.RoleSandbox})}
	return cache.Options{ByObject: map[client.Object]cache.ByObject{
		&corev1.Namespace{}:           ours,
		&corev1.Pod{}:                 ours,
		&corev1.ServiceAccount{}:      ours,
		&networkingv1.NetworkPolicy{}: ours,
		&corev1.ConfigMap{}: {Namespaces: map[string]cache.Config{
			v1alpha1.SystemNamespace: {},
			cache.AllNamespaces:      {LabelSelector: ours.Label},
		}},
	}}
}

// Setup adds the reconcilers to mgr.
func Setup(mgr manager.Manager, o Options) error {
	o.defaults()
	if err := setupAuthConfig(mgr, o); err != nil {
		return err
	}
	return setupSandbox(mgr, o)
}

func controllerOptions(o Options, workers int) controller.Options {
	return controller.Options{
		MaxConcurrentReconciles: workers,
		SkipNameValidation:      &o.SkipNameCheck,
		RateLimiter: workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](
			200*time.Millisecond, o.Retry),
	}
}

func setupAuthConfig(mgr manager.Manager, o Options) error {
	return ctrl.NewControllerManagedBy(mgr).
		Named("karsauthconfig").
		For(&v1alpha1.KarsAuthConfig{}).
		Owns(&corev1.ConfigMap{}).
		WithOptions(controllerOptions(o, 1)).
		Complete(&authConfigReconciler{client: mgr.GetClient()})
}
