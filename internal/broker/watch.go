package broker

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/selection"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kars-dev/kars/api/v1alpha1"
)

// Service is the name of the Service in kars-system through which the broker
// is called.
const Service = "kars-broker"

// ServiceNames are the DNS names that the serving certificate carries.
func ServiceNames() []string {
	name := Service + "." + v1alpha1.SystemNamespace
	return []string{Service, name, name + ".svc", name + ".svc.cluster.local"}
}

// Watched are the kinds that the broker reads.
func Watched() []client.Object {
	return []client.Object{&corev1.Pod{}, &corev1.Namespace{}, &v1alpha1.KarsSandbox{}, &v1alpha1.KarsAuthConfig{}}
}

// WatchOptions restrict the watch to what can matter: the pods and namespaces
// of sandboxes, without what the broker never reads of them.
func WatchOptions(scheme *runtime.Scheme) (cache.Options, error) {
	ofSandbox, err := labels.NewRequirement(v1alpha1.LabelSandbox, selection.Exists, nil)
	if err != nil {
		return cache.Options{}, fmt.Errorf("label %s: %w", v1alpha1.LabelSandbox, err)
	}
	selector := labels.NewSelector().Add(*ofSandbox)
	return cache.Options{
		Scheme:           scheme,
		DefaultTransform: cache.TransformStripManagedFields(),
		ByObject: map[client.Object]cache.ByObject{
			&corev1.Pod{}:       {Label: selector, Transform: slimPod},
			&corev1.Namespace{}: {Label: selector},
		},
	}, nil
}

// slimPod keeps of a pod what decides whose it is.
func slimPod(object any) (any, error) {
	pod, ok := object.(*corev1.Pod)
	if !ok {
		return object, nil
	}
	pod.ManagedFields, pod.Annotations = nil, nil
	pod.Spec = corev1.PodSpec{NodeName: pod.Spec.NodeName, ServiceAccountName: pod.Spec.ServiceAccountName}
	pod.Status = corev1.PodStatus{Phase: pod.Status.Phase}
	return pod, nil
}
