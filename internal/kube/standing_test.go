package kube_test

import (
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/kars-dev/kars/internal/kube"
)

// certManager is cert-manager's controller, as its chart makes it.
func certManager(namespace, image, version string) *appsv1.Deployment {
	labels := map[string]string{"app.kubernetes.io/name": "cert-manager", "app.kubernetes.io/component": "controller"}
	if version != "" {
		labels["app.kubernetes.io/version"] = version
	}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "cert-manager", Labels: labels},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "cert-manager"}},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "cert-manager"}},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "controller", Image: image}}},
			},
		},
	}
}

func TestStandingIsAskedOfTheClusterP25(t *testing.T) {
	k := newKube(t)
	_, before := k.Counts()
	rights := []kube.Right{{Verb: "create", Resource: "namespaces"}, {Verb: "create", Group: "apps", Resource: "deployments", Namespace: "kars-system"}}
	s, err := k.Standing(t.Context(), kube.Question{
		Rights: rights, Definitions: []string{"karssandboxes.kars.azure.com", "certificates.cert-manager.io"}, CertManager: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Denied) != 0 || s.CertManager != "" {
		t.Errorf("an administrator of an empty cluster is told %+v", s)
	}
	if _, there := s.Definitions["certificates.cert-manager.io"]; there || !slices.Equal(s.Definitions["karssandboxes.kars.azure.com"], []string{"v1alpha1"}) {
		t.Errorf("the definitions are %v", s.Definitions)
	}
	if _, after := k.Counts(); after != before {
		t.Errorf("asking took %d writes", after-before)
	}

	config := cluster.Config(t)
	config.Impersonate = rest.ImpersonationConfig{UserName: "somebody", Groups: []string{"system:authenticated"}}
	somebody, err := kube.ForConfig(config, kube.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if s, err = somebody.Standing(t.Context(), kube.Question{Rights: rights}); err != nil || !slices.Equal(s.Denied, rights) {
		t.Errorf("somebody may not %v, %v; want all of them", s.Denied, err)
	}
	if _, err := somebody.Standing(t.Context(), kube.Question{CertManager: true}); err == nil {
		t.Error("who may not look is told that there is no cert-manager")
	}
}

func TestTheVersionOfCertManagerIsRead(t *testing.T) {
	k := newKube(t)
	for name, tt := range map[string]struct{ image, version, want string }{
		"by its image's tag":               {"quay.io/jetstack/cert-manager-controller:v1.13.2", "v9", "v1.13.2"},
		"by a tag beside a digest":         {"mirror:5000/cert-manager-controller:v1.16.0@sha256:" + digest, "", "v1.16.0"},
		"by its label where it has no tag": {"mirror:5000/cert-manager-controller@sha256:" + digest, "v1.15.3", "v1.15.3"},
		"by neither":                       {"mirror:5000/own-build", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			d := certManager("default", tt.image, tt.version)
			if err := k.Client().Create(t.Context(), d); err != nil {
				t.Fatal(err)
			}
			s, err := k.Standing(t.Context(), kube.Question{CertManager: true})
			if err != nil || s.CertManager != tt.want {
				t.Errorf("it is %q, %v; want %q", s.CertManager, err, tt.want)
			}
			if err := k.Client().Delete(t.Context(), d); err != nil {
				t.Fatal(err)
			}
		})
	}
}

const digest = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
