package broker

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kars-dev/kars/api/v1alpha1"
)

// sandboxOf finds the KarsSandbox whose pod the caller is. The caller's token
// alone does not decide it: the token of a deleted pod passes review for some
// seconds more, so that the pod must also be in the broker's own watch, alive,
// with the same UID, on the same node, under the same service account.
func (s *Server) sandboxOf(ctx context.Context, c caller) (*v1alpha1.KarsSandbox, error) {
	if c.podName == "" || c.podUID == "" || c.node == "" {
		return nil, forbidden("the token is not bound to a pod on a node")
	}
	var pod corev1.Pod
	if err := s.read(ctx, types.NamespacedName{Namespace: c.namespace, Name: c.podName}, &pod, "pod"); err != nil {
		return nil, err
	}
	if err := samePod(&pod, c); err != nil {
		return nil, err
	}
	var namespace corev1.Namespace
	if err := s.read(ctx, types.NamespacedName{Name: c.namespace}, &namespace, "namespace"); err != nil {
		return nil, err
	}
	if namespace.Labels[v1alpha1.LabelRole] != v1alpha1.RoleSandbox {
		return nil, forbidden(fmt.Sprintf("namespace %s is not a sandbox's", c.namespace))
	}
	var sandbox v1alpha1.KarsSandbox
	key := types.NamespacedName{
		Namespace: namespace.Labels[v1alpha1.LabelSandboxNamespace],
		Name:      namespace.Labels[v1alpha1.LabelSandbox],
	}
	if err := s.read(ctx, key, &sandbox, "KarsSandbox"); err != nil {
		return nil, err
	}
	return &sandbox, ownsPod(&sandbox, &namespace, &pod)
}

// read gets one object from the watch; that it is not there is a refusal.
func (s *Server) read(ctx context.Context, key types.NamespacedName, into client.Object, kind string) error {
	err := s.o.Cluster.Get(ctx, key, into)
	switch {
	case err == nil:
		return nil
	case apierrors.IsNotFound(err):
		return forbidden(fmt.Sprintf("%s %s is not known", kind, key))
	default:
		return fmt.Errorf("reading %s %s: %w", kind, key, err)
	}
}

// samePod checks that the pod in the watch is the one the token is bound to.
func samePod(pod *corev1.Pod, c caller) error {
	switch {
	case string(pod.UID) != c.podUID:
		return forbidden(fmt.Sprintf("pod %s/%s is another one of that name", pod.Namespace, pod.Name))
	case pod.DeletionTimestamp != nil:
		return forbidden(fmt.Sprintf("pod %s/%s is being deleted", pod.Namespace, pod.Name))
	case pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed:
		return forbidden(fmt.Sprintf("pod %s/%s has ended", pod.Namespace, pod.Name))
	case pod.Spec.NodeName != c.node:
		return forbidden(fmt.Sprintf("pod %s/%s is not on node %s", pod.Namespace, pod.Name, c.node))
	case pod.Spec.ServiceAccountName != c.serviceAccount:
		return forbidden(fmt.Sprintf("pod %s/%s does not run as %s", pod.Namespace, pod.Name, c.serviceAccount))
	}
	return nil
}

// ownsPod checks the way back: namespace and pod must be what this very
// resource says it has. Labels on the namespace only say where to look.
func ownsPod(sandbox *v1alpha1.KarsSandbox, namespace *corev1.Namespace, pod *corev1.Pod) error {
	name := sandbox.Namespace + "/" + sandbox.Name
	uid := string(sandbox.UID)
	switch {
	case sandbox.DeletionTimestamp != nil:
		return forbidden(fmt.Sprintf("KarsSandbox %s is being deleted", name))
	case sandbox.Spec.Suspended:
		return forbidden(fmt.Sprintf("KarsSandbox %s is suspended", name))
	case namespace.DeletionTimestamp != nil:
		return forbidden(fmt.Sprintf("namespace %s is being deleted", namespace.Name))
	case namespace.Labels[v1alpha1.LabelSandboxUID] != uid:
		return forbidden(fmt.Sprintf("namespace %s belongs to another KarsSandbox named %s", namespace.Name, name))
	case pod.Labels[v1alpha1.LabelSandboxUID] != uid:
		return forbidden(fmt.Sprintf("pod %s/%s does not belong to KarsSandbox %s", pod.Namespace, pod.Name, name))
	case sandbox.Status.Namespace == "":
		return pending(fmt.Sprintf("KarsSandbox %s does not say its namespace yet", name))
	case sandbox.Status.Namespace != namespace.Name:
		return forbidden(fmt.Sprintf("namespace %s is not that of KarsSandbox %s", namespace.Name, name))
	case sandbox.Status.Pod != "" && sandbox.Status.Pod != pod.Name:
		return forbidden(fmt.Sprintf("pod %s/%s is not that of KarsSandbox %s", pod.Namespace, pod.Name, name))
	}
	return nil
}
