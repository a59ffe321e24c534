// Package sandbox turns a KarsSandbox into the objects that realise it: a
// namespace of its own, a service account, network policies, copies of what
// the pod reads, and the pod itself. Start with [New]; it is pure, so the same
// resource and the same [Settings] always give the same objects.
//
// What it promises about the pod: the agent's container holds no credential
// and mounts nothing but its own scratch space, and the projected token by
// which a sandbox is recognised is mounted into the token sidecar alone.
package sandbox

import (
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kars-dev/kars/api/v1alpha1"
)

// Settings are what a sandbox depends on besides its own resource.
type Settings struct {
	// Images are the images of kars, by digest.
	Images Images
	// Model fills in what a sandbox's spec.model leaves empty.
	Model v1alpha1.Model
	// BrokerURL is the base URL of the broker, as https://kars-broker.kars-system.svc.
	BrokerURL string
	// BrokerCA is the PEM of the authority that signs the broker's certificate.
	// Used in the entra tier alone.
	BrokerCA string
	// CABundle is the PEM of certificates that pods trust beside the public
	// ones; empty for none.
	CABundle string
	// EgressCIDRs are the networks in which the model endpoint may be; empty
	// means every public address.
	EgressCIDRs []string
	// UserNamespaces says that the nodes run pods in user namespaces.
	UserNamespaces bool
	// Auth is the trust with Entra; nil means the anonymous tier.
	Auth *v1alpha1.KarsAuthConfigSpec
	// Identity is the sandbox's agent identity; nil in the anonymous tier.
	Identity *v1alpha1.AgentIdentity
}

// Images are the image references of the containers of a sandbox.
type Images struct {
	Guard  string
	Router string // the token sidecar is a mode of the same binary
	Agent  string // the reference agent, for spec.runtime.kind Kars
}

// Objects realise one sandbox.
type Objects struct {
	Namespace       *corev1.Namespace
	ServiceAccount  *corev1.ServiceAccount
	NetworkPolicies []*networkingv1.NetworkPolicy
	ConfigMaps      []*corev1.ConfigMap
	Pod             *corev1.Pod
}

// ErrNoModel says that neither the sandbox nor the cluster names a model.
var ErrNoModel = errors.New("no model: set spec.model.endpoint and spec.model.deployment, or the chart's values model.endpoint and model.deployment")

// New returns the objects that realise sb. The error says what sb or s lack.
func New(sb *v1alpha1.KarsSandbox, s Settings) (*Objects, error) {
	model := effectiveModel(sb.Spec.Model, s.Model)
	if model.Endpoint == "" || model.Deployment == "" {
		return nil, ErrNoModel
	}
	if (s.Auth == nil) != (s.Identity == nil) {
		return nil, fmt.Errorf("sandbox %s/%s: trust and agent identity come together or not at all", sb.Namespace, sb.Name)
	}
	o := &Objects{
		Namespace:       namespace(sb),
		ServiceAccount:  serviceAccount(sb),
		NetworkPolicies: networkPolicies(sb, s),
		ConfigMaps:      configMaps(sb, s),
		Pod:             pod(sb, s, model),
	}
	o.Pod.Annotations = map[string]string{v1alpha1.AnnotationSpecHash: specHash(o)}
	return o, nil
}

// Tier is the tier that the settings put a sandbox in.
func (s Settings) Tier() v1alpha1.Tier {
	if s.Auth == nil {
		return v1alpha1.TierAnonymous
	}
	return v1alpha1.TierEntra
}

func effectiveModel(own, fallback v1alpha1.Model) v1alpha1.Model {
	if own.Endpoint == "" {
		own.Endpoint = fallback.Endpoint
	}
	if own.Deployment == "" {
		own.Deployment = fallback.Deployment
	}
	own.Endpoint = strings.TrimSuffix(own.Endpoint, "/")
	return own
}

func namespace(sb *v1alpha1.KarsSandbox) *corev1.Namespace {
	labels := labelsOf(sb)
	// The guard needs NET_ADMIN, which every Pod Security level below
	// privileged refuses; the chart's admission policy takes its place and
	// admits nothing but a sandbox's pod made by the controller.
	labels["pod-security.kubernetes.io/enforce"] = "privileged"
	return &corev1.Namespace{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"},
		ObjectMeta: metav1.ObjectMeta{Name: Namespace(sb.Namespace, sb.Name), Labels: labels},
	}
}

func serviceAccount(sb *v1alpha1.KarsSandbox) *corev1.ServiceAccount {
	return &corev1.ServiceAccount{
		TypeMeta:                     metav1.TypeMeta{APIVersion: "v1", Kind: "ServiceAccount"},
		ObjectMeta:                   meta(sb, ServiceAccount),
		AutomountServiceAccountToken: new(false),
	}
}

func meta(sb *v1alpha1.KarsSandbox, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Name:      name,
		Namespace: Namespace(sb.Namespace, sb.Name),
		Labels:    labelsOf(sb),
	}
}

func labelsOf(sb *v1alpha1.KarsSandbox) map[string]string {
	return map[string]string{
		"app.kubernetes.io/name":       "kars-sandbox",
		"app.kubernetes.io/part-of":    "kars",
		"app.kubernetes.io/managed-by": "kars-controller",
		v1alpha1.LabelRole:             v1alpha1.RoleSandbox,
		v1alpha1.LabelSandbox:          sb.Name,
		v1alpha1.LabelSandboxNamespace: sb.Namespace,
		v1alpha1.LabelSandboxUID:       string(sb.UID),
	}
}
