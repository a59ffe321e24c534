package localcluster

import (
	"net/netip"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	rbac "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/kars-dev/kars/localazure"
)

// object is something that is applied to the cluster.
type object struct {
	path  string // of the resource in the API
	value runtime.Object
}

const dnsName = "coredns"

// dnsObjects are the cluster's DNS servers, by the names that AKS gives them.
func dnsObjects(spec localazure.ClusterSpec) []object {
	return []object{
		{"/api/v1/namespaces/kube-system/serviceaccounts/" + dnsName, &core.ServiceAccount{
			TypeMeta:   meta.TypeMeta{APIVersion: "v1", Kind: "ServiceAccount"},
			ObjectMeta: dnsMeta(dnsName),
		}},
		{"/apis/rbac.authorization.k8s.io/v1/clusterroles/system:coredns", &rbac.ClusterRole{
			TypeMeta:   meta.TypeMeta{APIVersion: "rbac.authorization.k8s.io/v1", Kind: "ClusterRole"},
			ObjectMeta: meta.ObjectMeta{Name: "system:coredns"},
			Rules: []rbac.PolicyRule{
				{APIGroups: []string{""}, Resources: []string{"services", "namespaces"}, Verbs: []string{"list", "watch"}},
				{APIGroups: []string{"discovery.k8s.io"}, Resources: []string{"endpointslices"}, Verbs: []string{"list", "watch"}},
			},
		}},
		{"/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/system:coredns", &rbac.ClusterRoleBinding{
			TypeMeta:   meta.TypeMeta{APIVersion: "rbac.authorization.k8s.io/v1", Kind: "ClusterRoleBinding"},
			ObjectMeta: meta.ObjectMeta{Name: "system:coredns"},
			RoleRef:    rbac.RoleRef{APIGroup: rbac.GroupName, Kind: "ClusterRole", Name: "system:coredns"},
			Subjects:   []rbac.Subject{{Kind: "ServiceAccount", Name: dnsName, Namespace: meta.NamespaceSystem}},
		}},
		{"/api/v1/namespaces/kube-system/configmaps/" + dnsName, &core.ConfigMap{
			TypeMeta:   meta.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
			ObjectMeta: dnsMeta(dnsName),
			Data:       map[string]string{"Corefile": corefile(spec.FQDN, netip.Addr{}, true)},
		}},
		{"/apis/apps/v1/namespaces/kube-system/deployments/" + dnsName, dnsDeployment(spec.DNSImage)},
		{"/api/v1/namespaces/kube-system/services/kube-dns", &core.Service{
			TypeMeta:   meta.TypeMeta{APIVersion: "v1", Kind: "Service"},
			ObjectMeta: dnsMeta("kube-dns"),
			Spec: core.ServiceSpec{
				ClusterIP: spec.DNSService,
				Selector:  dnsLabels(),
				Ports: []core.ServicePort{
					{Name: "dns", Port: 53, Protocol: core.ProtocolUDP, TargetPort: intstr.FromInt32(53)},
					{Name: "dns-tcp", Port: 53, Protocol: core.ProtocolTCP, TargetPort: intstr.FromInt32(53)},
				},
			},
		}},
	}
}

func dnsLabels() map[string]string { return map[string]string{"k8s-app": "kube-dns"} }

func dnsMeta(name string) meta.ObjectMeta {
	return meta.ObjectMeta{Name: name, Namespace: meta.NamespaceSystem, Labels: dnsLabels()}
}

func dnsDeployment(image string) *apps.Deployment {
	probe := func(path string, port int32) *core.Probe {
		return &core.Probe{
			ProbeHandler:  core.ProbeHandler{HTTPGet: &core.HTTPGetAction{Path: path, Port: intstr.FromInt32(port)}},
			PeriodSeconds: 1, // a person waits for it
		}
	}
	return &apps.Deployment{
		TypeMeta:   meta.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"},
		ObjectMeta: dnsMeta(dnsName),
		Spec: apps.DeploymentSpec{
			Replicas: ptr.To[int32](1),
			Selector: &meta.LabelSelector{MatchLabels: dnsLabels()},
			Template: core.PodTemplateSpec{
				ObjectMeta: meta.ObjectMeta{Labels: dnsLabels()},
				Spec: core.PodSpec{
					ServiceAccountName: dnsName,
					PriorityClassName:  "system-cluster-critical",
					NodeSelector:       map[string]string{"kubernetes.azure.com/mode": "system"},
					Tolerations:        []core.Toleration{{Key: "CriticalAddonsOnly", Operator: core.TolerationOpExists}},
					DNSPolicy:          core.DNSDefault,
					Containers: []core.Container{{
						Name:  dnsName,
						Image: image,
						Args:  []string{"-conf", "/etc/coredns/Corefile"},
						Ports: []core.ContainerPort{
							{Name: "dns", ContainerPort: 53, Protocol: core.ProtocolUDP},
							{Name: "dns-tcp", ContainerPort: 53, Protocol: core.ProtocolTCP},
						},
						Resources: core.ResourceRequirements{
							Requests: core.ResourceList{core.ResourceCPU: resource.MustParse("10m"), core.ResourceMemory: resource.MustParse("30Mi")},
							Limits:   core.ResourceList{core.ResourceMemory: resource.MustParse("170Mi")},
						},
						ReadinessProbe: probe("/ready", 8181),
						LivenessProbe:  probe("/health", 8080),
						VolumeMounts:   []core.VolumeMount{{Name: "config", MountPath: "/etc/coredns", ReadOnly: true}},
						SecurityContext: &core.SecurityContext{
							AllowPrivilegeEscalation: ptr.To(false),
							ReadOnlyRootFilesystem:   ptr.To(true),
							Capabilities:             &core.Capabilities{Drop: []core.Capability{"ALL"}, Add: []core.Capability{"NET_BIND_SERVICE"}},
						},
					}},
					Volumes: []core.Volume{{Name: "config", VolumeSource: core.VolumeSource{
						ConfigMap: &core.ConfigMapVolumeSource{LocalObjectReference: core.LocalObjectReference{Name: dnsName}},
					}}},
				},
			},
		},
	}
}
