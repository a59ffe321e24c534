package sandbox

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kars-dev/kars/api/v1alpha1"
)

// Users of the containers. The guard's rules tell them apart by these, so they
// are part of what isolates the agent.
const (
	uidGuard  = 0
	uidAgent  = 1000
	uidRouter = 1001
	uidToken  = 1002

	// gidSocket is the group of router and token sidecar: what lets the router
	// open the token sidecar's socket, which then looks at its user.
	gidSocket = 1001
)

const (
	// BrokerAudience is the audience of the projected token by which the broker
	// recognises a sandbox.
	BrokerAudience = "kars-broker"
	// RouterKubeletPort is the router's port for the kubelet's probes and for
	// `kars connect`, the only one that does not listen on loopback.
	RouterKubeletPort = 9090

	agentPort     = "8080"
	routerAddress = "127.0.0.1:8443"
	tokenSocket   = "/run/kars/token/token.sock"
	tokenDir      = "/run/kars/token"
	brokerCADir   = "/etc/kars/broker-ca"
	caBundleDir   = "/etc/kars/ca-bundle"
	brokerToken   = "/var/run/secrets/kars/broker"

	// strictProfile is where the kars-node daemon set puts kars' own seccomp
	// profile, relative to the kubelet's seccomp folder.
	strictProfile = "kars/strict.json"
)

var (
	agentTmpSize  = resource.MustParse("256Mi")
	socketDirSize = resource.MustParse("1Mi")
)

// guard installs the firewall and exits. It is the only container with a
// capability, and root because capabilities of other users do not survive exec.
func guard(s Settings) corev1.Container {
	sc := restricted(uidGuard, uidGuard)
	sc.RunAsNonRoot = new(false)
	sc.Capabilities.Add = []corev1.Capability{"NET_ADMIN"}
	return corev1.Container{
		Name:            "guard",
		Image:           s.Images.Guard,
		Args:            []string{"install"},
		SecurityContext: sc,
		Resources:       resources("10m", "16Mi", "64Mi"),
	}
}

// tokenSidecar turns the pod's projected token into tokens of the agent
// identity, and hands them to the router through a socket.
func tokenSidecar(s Settings) corev1.Container {
	return corev1.Container{
		Name:  "token",
		Image: s.Images.Router,
		Args:  []string{"token"},
		Env: []corev1.EnvVar{
			{Name: "KARS_BROKER_URL", Value: s.BrokerURL},
			{Name: "KARS_BROKER_CA", Value: brokerCADir + "/" + v1alpha1.CAKey},
			{Name: "KARS_BROKER_TOKEN_FILE", Value: brokerToken + "/token"},
			{Name: "KARS_TOKEN_SOCKET", Value: tokenSocket},
			{Name: "KARS_EXPECTED_APP_ID", Value: s.Identity.AppID},
			{Name: "KARS_EXPECTED_TENANT_ID", ValueFrom: &corev1.EnvVarSource{
				ConfigMapKeyRef: &corev1.ConfigMapKeySelector{
					LocalObjectReference: corev1.LocalObjectReference{Name: v1alpha1.SidecarEnvConfigMap},
					Key:                  envTenantID,
				},
			}},
		},
		VolumeMounts: []corev1.VolumeMount{
			{Name: volumeTokenSocket, MountPath: tokenDir},
			{Name: volumeBrokerCA, MountPath: brokerCADir, ReadOnly: true},
			{Name: volumeBrokerToken, MountPath: brokerToken, ReadOnly: true},
		},
		RestartPolicy:   new(corev1.ContainerRestartPolicyAlways),
		SecurityContext: restricted(uidToken, gidSocket),
		Resources:       resources("10m", "16Mi", "64Mi"),
	}
}

// router is the agent's only way out and the policy point.
func router(s Settings, model v1alpha1.Model) corev1.Container {
	c := corev1.Container{
		Name:  "router",
		Image: s.Images.Router,
		Args:  []string{"route"},
		Env: []corev1.EnvVar{
			{Name: "KARS_TIER", Value: string(s.Tier())},
			{Name: "KARS_ROUTER_LISTEN", Value: routerAddress},
			{Name: "KARS_ROUTER_KUBELET_LISTEN", Value: ":9090"},
			{Name: "KARS_AGENT_URL", Value: "http://127.0.0.1:" + agentPort},
			{Name: "KARS_MODEL_ENDPOINT", Value: model.Endpoint},
			{Name: "KARS_MODEL_DEPLOYMENT", Value: model.Deployment},
		},
		Ports:           []corev1.ContainerPort{{Name: "kubelet", ContainerPort: RouterKubeletPort}},
		RestartPolicy:   new(corev1.ContainerRestartPolicyAlways),
		SecurityContext: restricted(uidRouter, gidSocket),
		Resources:       resources("20m", "32Mi", "128Mi"),
		StartupProbe:    probe("/healthz", 1, 60),
		LivenessProbe:   probe("/healthz", 10, 3),
		ReadinessProbe:  probe("/readyz", 1, 5),
	}
	if s.Tier() == v1alpha1.TierEntra {
		c.Env = append(c.Env, corev1.EnvVar{Name: "KARS_TOKEN_SOCKET", Value: tokenSocket})
		c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: volumeTokenSocket, MountPath: tokenDir, ReadOnly: true})
	}
	if s.CABundle != "" {
		c.Env = append(c.Env, corev1.EnvVar{Name: "KARS_CA_BUNDLE", Value: caBundleDir + "/" + v1alpha1.CAKey})
		c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: volumeCABundle, MountPath: caBundleDir, ReadOnly: true})
	}
	return c
}

// agent is the untrusted container. It has no probe: it listens on loopback,
// where the kubelet cannot reach it; the router's readiness asks it.
func agent(sb *v1alpha1.KarsSandbox, s Settings, model v1alpha1.Model) corev1.Container {
	image := s.Images.Agent
	if sb.Spec.Runtime.Kind == v1alpha1.RuntimeBYO {
		image = sb.Spec.Runtime.BYO.Image
	}
	sc := restricted(uidAgent, uidAgent)
	if sb.Spec.Isolation != v1alpha1.IsolationStandard {
		sc.SeccompProfile = &corev1.SeccompProfile{
			Type:             corev1.SeccompProfileTypeLocalhost,
			LocalhostProfile: new(strictProfile),
		}
	}
	return corev1.Container{
		Name:  "agent",
		Image: image,
		Env: []corev1.EnvVar{
			{Name: "KARS_AGENT_PORT", Value: agentPort},
			{Name: "KARS_MODEL", Value: model.Deployment},
			{Name: "OPENAI_BASE_URL", Value: "http://" + routerAddress + "/v1"},
			// Client libraries insist on a key; the router ignores it.
			{Name: "OPENAI_API_KEY", Value: "unused"},
		},
		VolumeMounts:    []corev1.VolumeMount{{Name: volumeTmp, MountPath: "/tmp"}},
		SecurityContext: sc,
		Resources:       agentResources(sb.Spec.Resources),
	}
}

// restricted is the security context of Pod Security's restricted level.
func restricted(uid, gid int64) *corev1.SecurityContext {
	return &corev1.SecurityContext{
		RunAsUser:                new(uid),
		RunAsGroup:               new(gid),
		RunAsNonRoot:             new(true),
		AllowPrivilegeEscalation: new(false),
		ReadOnlyRootFilesystem:   new(true),
		Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
	}
}

func probe(path string, period, failures int32) *corev1.Probe {
	return &corev1.Probe{
		ProbeHandler: corev1.ProbeHandler{
			HTTPGet: &corev1.HTTPGetAction{Path: path, Port: intstr.FromInt32(RouterKubeletPort)},
		},
		PeriodSeconds:    period,
		FailureThreshold: failures,
		TimeoutSeconds:   2,
	}
}

func resources(cpu, memory, memoryLimit string) corev1.ResourceRequirements {
	return corev1.ResourceRequirements{
		Requests: corev1.ResourceList{
			corev1.ResourceCPU:    resource.MustParse(cpu),
			corev1.ResourceMemory: resource.MustParse(memory),
		},
		Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse(memoryLimit)},
	}
}

// agentResources are those of the resource, over defaults: an agent without a
// memory limit could starve its node.
func agentResources(own v1alpha1.Resources) corev1.ResourceRequirements {
	r := resources("50m", "64Mi", "512Mi")
	for name, q := range own.Requests {
		r.Requests[name] = q
	}
	for name, q := range own.Limits {
		r.Limits[name] = q
	}
	return r
}

func emptyDir(name string, size resource.Quantity) corev1.Volume {
	return corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{
		EmptyDir: &corev1.EmptyDirVolumeSource{SizeLimit: new(size)},
	}}
}

func configMapVolume(name, configMap string) corev1.Volume {
	return corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{
		ConfigMap: &corev1.ConfigMapVolumeSource{
			LocalObjectReference: corev1.LocalObjectReference{Name: configMap},
		},
	}}
}
