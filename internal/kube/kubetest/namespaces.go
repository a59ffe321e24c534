package kubetest

import (
	"context"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// EndNamespaces does the namespace controller's last act while the test runs:
// it finalizes namespaces that are being deleted, once their pods are gone. It
// does not delete what is in them.
func EndNamespaces(t testing.TB, config *rest.Config) {
	t.Helper()
	set, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	watch, err := set.CoreV1().Namespaces().Watch(ctx, metav1.ListOptions{})
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); <-done })
	go func() {
		defer close(done)
		for event := range watch.ResultChan() {
			ns, ok := event.Object.(*corev1.Namespace)
			if !ok || ns.DeletionTimestamp.IsZero() || len(ns.Spec.Finalizers) == 0 {
				continue
			}
			ns.Spec.Finalizers = nil
			// A conflict brings another event.
			_, _ = set.CoreV1().Namespaces().Finalize(ctx, ns, metav1.UpdateOptions{})
		}
	}()
}
