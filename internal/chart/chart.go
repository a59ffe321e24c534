// Package chart installs Helm charts with Helm's own SDK, and only when there
// is something to change: [Ensure] is the one to call.
package chart

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"helm.sh/helm/v4/pkg/action"
	chartv2 "helm.sh/helm/v4/pkg/chart/v2"
	helmkube "helm.sh/helm/v4/pkg/kube"
	"helm.sh/helm/v4/pkg/release/common"
	releasev1 "helm.sh/helm/v4/pkg/release/v1"
	"helm.sh/helm/v4/pkg/storage/driver"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kars-dev/kars/internal/event"
	"github.com/kars-dev/kars/internal/kube/apply"
)

// labelDigest is the label of a release that says what it was made from.
const labelDigest = "kars.azure.com/chart-digest"

// fieldManager is the manager of the release's namespace.
const fieldManager = "kars"

// Options say what to install, and where.
type Options struct {
	Release   string // name of the release
	Namespace string // made if it is not there, with Pod Security's restricted level
	// Chart has Chart.yaml at its root. Its folder crds is left out: custom
	// resource definitions are applied by themselves, before.
	Chart fs.FS
	// Values go over those of the chart.
	Values map[string]any
	// Timeout bounds the wait for what was installed; 5 minutes if zero.
	Timeout time.Duration
	Log     *slog.Logger // Helm's own messages; none if nil
}

func (o *Options) defaults() {
	if o.Timeout == 0 {
		o.Timeout = 5 * time.Minute
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
}

// Ensure brings the release to the chart with the values, waits by watching
// until what it holds is ready, and undoes its changes if that fails. A release
// that is deployed from the same chart and values, and whose objects are as the
// chart says, is left alone: that costs reads only. Requests go through the
// transport of config.
func Ensure(ctx context.Context, config *rest.Config, o Options) (event.Status, error) {
	o.defaults()
	h, err := open(config, o)
	if err != nil {
		return event.Failed, err
	}
	last, err := h.last()
	if err != nil {
		return event.Failed, err
	}
	if h.asWanted(last) {
		drifted, err := h.drifted(ctx, last.Manifest)
		if err != nil {
			return event.Failed, err
		}
		if !drifted {
			return event.Unchanged, nil
		}
	}
	if err := h.ensureNamespace(ctx); err != nil {
		return event.Failed, err
	}
	if last, err = h.forgetPending(last); err != nil {
		return event.Failed, err
	}
	if last == nil {
		return event.Created, h.install(ctx)
	}
	return event.Updated, h.upgrade(ctx)
}

// Uninstall removes the release and waits until its objects are gone. That
// there is none is Unchanged.
func Uninstall(ctx context.Context, config *rest.Config, o Options) (event.Status, error) {
	o.defaults()
	h, err := open(config, o)
	if err != nil {
		return event.Failed, err
	}
	last, err := h.last()
	if err != nil || last == nil {
		return event.Unchanged, err
	}
	u := action.NewUninstall(h.helm)
	u.WaitStrategy = helmkube.StatusWatcherStrategy
	u.WaitOptions = []helmkube.WaitOption{helmkube.WithWaitContext(ctx)}
	u.Timeout = o.Timeout
	u.IgnoreNotFound = true
	if _, err := u.Run(o.Release); err != nil {
		return event.Failed, fmt.Errorf("uninstalling %s: %w", o.Release, err)
	}
	return event.Deleted, nil
}

// release is one release of a chart in a cluster.
type release struct {
	Options
	helm   *action.Configuration
	kube   client.Client
	chart  *chartv2.Chart
	digest string
}

func open(config *rest.Config, o Options) (*release, error) {
	h := &release{Options: o}
	h.helm = action.NewConfiguration(action.ConfigurationSetLogger(o.Log.Handler()))
	getter, err := newGetter(config, o.Namespace)
	if err != nil {
		return nil, err
	}
	if err := h.helm.Init(getter, o.Namespace, "secret"); err != nil {
		return nil, fmt.Errorf("preparing Helm: %w", err)
	}
	if h.kube, err = client.New(config, client.Options{}); err != nil {
		return nil, fmt.Errorf("preparing the cluster's client: %w", err)
	}
	if o.Chart == nil {
		return h, nil
	}
	h.chart, h.digest, err = load(o.Chart, o.Values)
	return h, err
}

// last is the newest revision of the release, nil if there is none.
func (h *release) last() (*releasev1.Release, error) {
	r, err := h.helm.Releases.Last(h.Release)
	if errors.Is(err, driver.ErrReleaseNotFound) || errors.Is(err, driver.ErrNoDeployedReleases) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the release %s: %w", h.Release, err)
	}
	last, ok := r.(*releasev1.Release)
	if !ok {
		return nil, fmt.Errorf("reading the release %s: it is of an unknown form, %T", h.Release, r)
	}
	return last, nil
}

func (h *release) asWanted(last *releasev1.Release) bool {
	return last != nil && last.Info.Status == common.StatusDeployed && last.Labels[labelDigest] == h.digest
}

// forgetPending drops the record of a revision whose maker died on the way:
// Helm takes it for an operation that is still going on, for ever. What was
// applied stays, and the next operation takes it over.
func (h *release) forgetPending(last *releasev1.Release) (*releasev1.Release, error) {
	for last != nil && last.Info.Status.IsPending() {
		if _, err := h.helm.Releases.Delete(h.Release, last.Version); err != nil {
			return nil, fmt.Errorf("dropping the unfinished revision %d of %s: %w", last.Version, h.Release, err)
		}
		var err error
		if last, err = h.last(); err != nil {
			return nil, err
		}
	}
	return last, nil
}

func (h *release) install(ctx context.Context) error {
	i := action.NewInstall(h.helm)
	i.ReleaseName, i.Namespace = h.Release, h.Namespace
	i.SkipCRDs = true
	i.ServerSideApply, i.ForceConflicts, i.TakeOwnership = true, true, true
	i.DisableOpenAPIValidation = true // the API server validates what is applied
	i.RollbackOnFailure = true
	i.WaitStrategy = helmkube.StatusWatcherStrategy
	i.WaitOptions = []helmkube.WaitOption{helmkube.WithWaitContext(ctx)}
	i.Timeout = h.Timeout
	i.Labels = map[string]string{labelDigest: h.digest}
	if _, err := i.RunWithContext(ctx, h.chart, h.Values); err != nil {
		return fmt.Errorf("installing %s: %w", h.Release, err)
	}
	return nil
}

func (h *release) upgrade(ctx context.Context) error {
	u := action.NewUpgrade(h.helm)
	u.Namespace = h.Namespace
	u.SkipCRDs = true
	u.ServerSideApply, u.ForceConflicts, u.TakeOwnership = "true", true, true
	u.DisableOpenAPIValidation = true
	u.ResetValues = true
	u.RollbackOnFailure, u.CleanupOnFail = true, true
	u.MaxHistory = 5
	u.WaitStrategy = helmkube.StatusWatcherStrategy
	u.WaitOptions = []helmkube.WaitOption{helmkube.WithWaitContext(ctx)}
	u.Timeout = h.Timeout
	u.Labels = map[string]string{labelDigest: h.digest}
	if _, err := u.RunWithContext(ctx, h.Release, h.chart, h.Values); err != nil {
		return fmt.Errorf("upgrading %s: %w", h.Release, err)
	}
	return nil
}

// ensureNamespace makes the namespace before the release, whose record is kept
// in it.
func (h *release) ensureNamespace(ctx context.Context) error {
	_, err := apply.Object(ctx, h.kube, fieldManager, &corev1.Namespace{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"},
		ObjectMeta: metav1.ObjectMeta{
			Name:   h.Namespace,
			Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"},
		},
	})
	return err
}
