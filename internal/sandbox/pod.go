package sandbox

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kars-dev/kars/api/v1alpha1"
)

// Pools of nodes, values of the node label kars.azure.com/pool.
const (
	poolSandbox = "sandbox"
	poolKata    = "sandbox-kata"
	// kataRuntimeClass is the runtime class of AKS' pod sandboxing;
	// learn.microsoft.com/azure/aks/use-pod-sandboxing.
	kataRuntimeClass = "kata-vm-isolation"
)

// Volumes of a sandbox's pod.
const (
	volumeTmp         = "tmp"          // the agent's scratch space
	volumeTokenSocket = "token-socket" // token.sock: token sidecar and router
	volumeBrokerToken = "broker-token" // the projected token: token sidecar alone
	volumeBrokerCA    = "broker-ca"    // token sidecar alone
	volumeCABundle    = "ca-bundle"    // router alone
)

// pod is the sandbox's pod. The order of init containers is the order in which
// they start: the guard has closed the network before anything else runs.
func pod(sb *v1alpha1.KarsSandbox, s Settings, model v1alpha1.Model) *corev1.Pod {
	init := []corev1.Container{guard(s)}
	if s.Tier() == v1alpha1.TierEntra {
		init = append(init, tokenSidecar(s))
	}
	init = append(init, router(s, model))

	spec := corev1.PodSpec{
		ServiceAccountName:           ServiceAccount,
		AutomountServiceAccountToken: new(false),
		EnableServiceLinks:           new(false),
		InitContainers:               init,
		Containers:                   []corev1.Container{agent(sb, s, model)},
		Volumes:                      volumes(s),
		RestartPolicy:                corev1.RestartPolicyAlways,
		SecurityContext: &corev1.PodSecurityContext{
			SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
		NodeSelector: map[string]string{v1alpha1.LabelPool: poolSandbox},
		Tolerations: []corev1.Toleration{{
			Key:      v1alpha1.LabelSandbox,
			Operator: corev1.TolerationOpEqual,
			Value:    "true",
			Effect:   corev1.TaintEffectNoSchedule,
		}},
		TerminationGracePeriodSeconds: new(int64(10)),
	}
	if sb.Spec.Isolation != v1alpha1.IsolationStandard && s.UserNamespaces {
		spec.HostUsers = new(false)
	}
	if sb.Spec.Isolation == v1alpha1.IsolationConfidential {
		spec.RuntimeClassName = new(kataRuntimeClass)
		spec.NodeSelector = map[string]string{v1alpha1.LabelPool: poolKata}
	}
	return &corev1.Pod{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: meta(sb, sb.Name),
		Spec:       spec,
	}
}

func volumes(s Settings) []corev1.Volume {
	v := []corev1.Volume{emptyDir(volumeTmp, agentTmpSize)}
	if s.CABundle != "" {
		v = append(v, configMapVolume(volumeCABundle, v1alpha1.CABundleConfigMap))
	}
	if s.Tier() != v1alpha1.TierEntra {
		return v
	}
	return append(v,
		emptyDir(volumeTokenSocket, socketDirSize),
		configMapVolume(volumeBrokerCA, v1alpha1.BrokerCAConfigMap),
		corev1.Volume{Name: volumeBrokerToken, VolumeSource: corev1.VolumeSource{
			Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{{
				ServiceAccountToken: &corev1.ServiceAccountTokenProjection{
					Audience:          BrokerAudience,
					ExpirationSeconds: new(int64(3600)),
					Path:              "token",
				},
			}}},
		}},
	)
}
