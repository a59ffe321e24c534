package sandbox

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kars-dev/kars/api/v1alpha1"
)

// BrokerPort is the port on which the broker's pods listen; policies see pods'
// ports, not the Service's.
const BrokerPort = 8443

// Networks that no model endpoint has: private and shared address space, the
// link-local network of the instance metadata service, loopback, multicast
// (IANA special-purpose address registries).
var (
	notPublic4 = []string{"10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/3"}
	notPublic6 = []string{"fc00::/7", "fe80::/10", "ff00::/8"}
)

// networkPolicies are the second fence around a sandbox, enforced by the
// cluster's network and not by the pod: nothing comes in, and nothing goes out
// but to the cluster's DNS, the broker and the networks of the model endpoint.
func networkPolicies(sb *v1alpha1.KarsSandbox, s Settings) []*networkingv1.NetworkPolicy {
	deny := policy(sb, "default-deny")
	deny.Spec.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress}

	dns := policy(sb, "allow-dns")
	dns.Spec.Egress = []networkingv1.NetworkPolicyEgressRule{{
		To: []networkingv1.NetworkPolicyPeer{{
			NamespaceSelector: namespaceNamed(metav1.NamespaceSystem),
			PodSelector:       &metav1.LabelSelector{MatchLabels: map[string]string{"k8s-app": "kube-dns"}},
		}},
		Ports: []networkingv1.NetworkPolicyPort{port(corev1.ProtocolUDP, 53), port(corev1.ProtocolTCP, 53)},
	}}

	model := policy(sb, "allow-model")
	model.Spec.Egress = []networkingv1.NetworkPolicyEgressRule{{
		To:    modelNetworks(s.EgressCIDRs),
		Ports: []networkingv1.NetworkPolicyPort{port(corev1.ProtocolTCP, 443)},
	}}
	policies := []*networkingv1.NetworkPolicy{deny, dns, model}
	if s.Tier() != v1alpha1.TierEntra {
		return policies
	}

	broker := policy(sb, "allow-broker")
	broker.Spec.Egress = []networkingv1.NetworkPolicyEgressRule{{
		To: []networkingv1.NetworkPolicyPeer{{
			NamespaceSelector: namespaceNamed(v1alpha1.SystemNamespace),
			PodSelector:       &metav1.LabelSelector{MatchLabels: map[string]string{"app.kubernetes.io/name": "kars-broker"}},
		}},
		Ports: []networkingv1.NetworkPolicyPort{port(corev1.ProtocolTCP, BrokerPort)},
	}}
	return append(policies, broker)
}

func modelNetworks(cidrs []string) []networkingv1.NetworkPolicyPeer {
	if len(cidrs) == 0 {
		return []networkingv1.NetworkPolicyPeer{
			{IPBlock: &networkingv1.IPBlock{CIDR: "0.0.0.0/0", Except: notPublic4}},
			{IPBlock: &networkingv1.IPBlock{CIDR: "::/0", Except: notPublic6}},
		}
	}
	peers := make([]networkingv1.NetworkPolicyPeer, 0, len(cidrs))
	for _, cidr := range cidrs {
		peers = append(peers, networkingv1.NetworkPolicyPeer{IPBlock: &networkingv1.IPBlock{CIDR: strings.TrimSpace(cidr)}})
	}
	return peers
}

// policy selects every pod of the sandbox's namespace: there is only one.
func policy(sb *v1alpha1.KarsSandbox, name string) *networkingv1.NetworkPolicy {
	return &networkingv1.NetworkPolicy{
		TypeMeta:   metav1.TypeMeta{APIVersion: "networking.k8s.io/v1", Kind: "NetworkPolicy"},
		ObjectMeta: meta(sb, name),
		Spec: networkingv1.NetworkPolicySpec{
			PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeEgress},
		},
	}
}

func namespaceNamed(name string) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: name}}
}

func port(protocol corev1.Protocol, number int32) networkingv1.NetworkPolicyPort {
	return networkingv1.NetworkPolicyPort{Protocol: new(protocol), Port: new(intstr.FromInt32(number))}
}
