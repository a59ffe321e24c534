package controller

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kars-dev/kars/api/v1alpha1"
	"github.com/kars-dev/kars/internal/sandbox"
)

// gather reads what a sandbox depends on. No KarsAuthConfig is no error: it is
// the anonymous tier.
func (r *sandboxReconciler) gather(ctx context.Context, p *pass) error {
	p.settings = sandbox.Settings{
		Images:      r.Images,
		Model:       r.Model,
		BrokerURL:   r.BrokerURL,
		EgressCIDRs: r.EgressCIDRs,
	}
	var err error
	if p.settings.CABundle, err = r.certificates(ctx, v1alpha1.CABundleConfigMap); err != nil {
		return err
	}
	if p.auth, err = r.authConfig(ctx); err != nil || p.auth == nil {
		return err
	}
	p.settings.Auth = &p.auth.Spec
	if p.settings.BrokerCA, err = r.certificates(ctx, v1alpha1.BrokerCAConfigMap); err != nil {
		return err
	}
	return keepFile(r.BrokerCAFile, p.settings.BrokerCA)
}

func (r *sandboxReconciler) authConfig(ctx context.Context) (*v1alpha1.KarsAuthConfig, error) {
	config := &v1alpha1.KarsAuthConfig{}
	err := r.client.Get(ctx, client.ObjectKey{Name: v1alpha1.AuthConfigName}, config)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading KarsAuthConfig/%s: %w", v1alpha1.AuthConfigName, err)
	}
	if !config.DeletionTimestamp.IsZero() {
		return nil, nil
	}
	return config, nil
}

// certificates are the PEM in a ConfigMap of kars-system, empty if there is none.
func (r *sandboxReconciler) certificates(ctx context.Context, name string) (string, error) {
	m := &corev1.ConfigMap{}
	err := r.client.Get(ctx, client.ObjectKey{Namespace: v1alpha1.SystemNamespace, Name: name}, m)
	if err = client.IgnoreNotFound(err); err != nil {
		return "", fmt.Errorf("reading ConfigMap %s/%s: %w", v1alpha1.SystemNamespace, name, err)
	}
	return m.Data[v1alpha1.CAKey], nil
}

// userNamespaces reports whether every node that a sandbox may land on runs
// pods in user namespaces. Nodes are read past the cache, and only when a pod
// is made: watching them would mean an event for every heartbeat.
func (r *sandboxReconciler) userNamespaces(ctx context.Context) (bool, error) {
	nodes := &corev1.NodeList{}
	if err := r.direct.List(ctx, nodes, client.HasLabels{v1alpha1.LabelPool}); err != nil {
		return false, fmt.Errorf("listing nodes: %w", err)
	}
	for i := range nodes.Items {
		if !supportsUserNamespaces(&nodes.Items[i]) {
			return false, nil
		}
	}
	return len(nodes.Items) > 0, nil
}

// supportsUserNamespaces asks for the default runtime handler, the one without
// a name.
func supportsUserNamespaces(n *corev1.Node) bool {
	for _, h := range n.Status.RuntimeHandlers {
		if h.Name == "" && h.Features != nil && h.Features.UserNamespaces != nil {
			return *h.Features.UserNamespaces
		}
	}
	return false
}

// keepFile makes the file's content equal pem, by renaming, so that a reader
// sees one or the other. Without a path or content it does nothing.
func keepFile(path, pem string) error {
	if path == "" || pem == "" {
		return nil
	}
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, []byte(pem)) {
		return nil
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".ca-*")
	if err != nil {
		return fmt.Errorf("keeping the broker's CA certificate: %w", err)
	}
	defer os.Remove(f.Name())
	if _, err = f.WriteString(pem); err == nil {
		err = f.Close()
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("keeping the broker's CA certificate: %w", err)
	}
	return nil
}
