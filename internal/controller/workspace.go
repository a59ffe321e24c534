package controller

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kars-dev/kars/api/v1alpha1"
	"github.com/kars-dev/kars/internal/kube/apply"
)

// workspace makes everything around the pod: the namespace, and in it the
// service account, network policies and copies of ConfigMaps.
func (r *sandboxReconciler) workspace(ctx context.Context, p *pass) result {
	if end, ok := r.ownNamespace(ctx, p); !ok {
		return end
	}
	for _, obj := range p.surroundings() {
		if _, err := apply.Object(ctx, r.client, FieldManager, obj); err != nil {
			p.condition(v1alpha1.ConditionPodReady, metav1.ConditionFalse, reasonApplyFailed, err.Error())
			return result{halt: true, err: err}
		}
	}
	if err := r.prune(ctx, p); err != nil {
		return result{err: err}
	}
	return result{}
}

// surroundings are the objects in the order in which they are made: the
// network is closed before anything that could use it.
func (p *pass) surroundings() []client.Object {
	objects := []client.Object{p.objects.Namespace}
	for _, n := range p.objects.NetworkPolicies {
		objects = append(objects, n)
	}
	objects = append(objects, p.objects.ServiceAccount)
	for _, m := range p.objects.ConfigMaps {
		objects = append(objects, m)
	}
	return objects
}

// ownNamespace reports whether the namespace is this sandbox's or absent.
// Somebody else's is never taken over, nor one that is on its way out.
func (r *sandboxReconciler) ownNamespace(ctx context.Context, p *pass) (result, bool) {
	ns := &corev1.Namespace{}
	// Past the cache, which does not show namespaces without our label.
	err := r.direct.Get(ctx, client.ObjectKeyFromObject(p.objects.Namespace), ns)
	switch {
	case apierrors.IsNotFound(err):
		return result{}, true
	case err != nil:
		return result{halt: true, err: fmt.Errorf("reading namespace %s: %w", p.objects.Namespace.Name, err)}, false
	case ns.Labels[v1alpha1.LabelSandboxUID] != string(p.sb.UID):
		p.condition(v1alpha1.ConditionPodReady, metav1.ConditionFalse, reasonNamespaceTaken,
			fmt.Sprintf("the namespace %s exists and was not made for this sandbox; delete it", ns.Name))
		return result{halt: true, after: refusedPause}, false
	case !ns.DeletionTimestamp.IsZero():
		p.condition(v1alpha1.ConditionPodReady, metav1.ConditionFalse, reasonNamespaceGoing,
			fmt.Sprintf("the namespace %s is being deleted; it is made again when it is gone", ns.Name))
		return result{halt: true, after: entraPause}, false
	}
	return result{}, true
}

// prune deletes network policies and ConfigMaps that were made for the sandbox
// and are no longer wanted, as after trust was taken away.
func (r *sandboxReconciler) prune(ctx context.Context, p *pass) error {
	var policies networkingv1.NetworkPolicyList
	var maps corev1.ConfigMapList
	for _, list := range []client.ObjectList{&policies, &maps} {
		err := r.client.List(ctx, list, client.InNamespace(p.objects.Namespace.Name), client.MatchingLabels{v1alpha1.LabelSandboxUID: string(p.sb.UID)})
		if err != nil {
			return fmt.Errorf("listing what is in %s: %w", p.objects.Namespace.Name, err)
		}
	}
	var unwanted []client.Object
	for i := range policies.Items {
		if !slices.ContainsFunc(p.objects.NetworkPolicies, func(n *networkingv1.NetworkPolicy) bool { return n.Name == policies.Items[i].Name }) {
			unwanted = append(unwanted, &policies.Items[i])
		}
	}
	for i := range maps.Items {
		if !slices.ContainsFunc(p.objects.ConfigMaps, func(m *corev1.ConfigMap) bool { return m.Name == maps.Items[i].Name }) {
			unwanted = append(unwanted, &maps.Items[i])
		}
	}
	for _, obj := range unwanted {
		if err := r.client.Delete(ctx, obj); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("deleting %s from %s: %w", obj.GetName(), obj.GetNamespace(), err)
		}
	}
	return nil
}
