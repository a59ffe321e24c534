package localcluster

import (
	"maps"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// Where things are at a node; the same as at AKS where that shows.
const (
	nodeKubernetes   = "/etc/kubernetes"
	nodeKubelet      = "/var/lib/kubelet"
	nodeBinaries     = "/opt/kars"
	nodeCNI          = "/opt/cni/bin"
	nodeCNIConfig    = "/etc/cni/net.d"
	nodeProvider     = "/var/lib/kubelet/credential-provider"
	nodeRuntime      = "/run/containerd/containerd.sock"
	credentialPlugin = "kars-acr-credential"
)

// kubeletConfiguration is what is set of kubelet.config.k8s.io/v1beta1;
// kubernetes.io/docs/reference/config-api/kubelet-config.v1beta1.
type kubeletConfiguration struct {
	APIVersion                 string                `json:"apiVersion"`
	Kind                       string                `json:"kind"`
	Address                    string                `json:"address"`
	HealthzBindAddress         string                `json:"healthzBindAddress"`
	Authentication             kubeletAuthentication `json:"authentication"`
	Authorization              kubeletAuthorization  `json:"authorization"`
	TLSCertFile                string                `json:"tlsCertFile"`
	TLSPrivateKeyFile          string                `json:"tlsPrivateKeyFile"`
	ClusterDomain              string                `json:"clusterDomain"`
	ClusterDNS                 []string              `json:"clusterDNS"`
	ResolvConf                 string                `json:"resolvConf"`
	ContainerRuntimeEndpoint   string                `json:"containerRuntimeEndpoint"`
	CgroupDriver               string                `json:"cgroupDriver"`
	CgroupRoot                 string                `json:"cgroupRoot"`
	FailCgroupV1               bool                  `json:"failCgroupV1"`
	FailSwapOn                 bool                  `json:"failSwapOn"`
	OOMScoreAdj                int32                 `json:"oomScoreAdj"`
	SeccompDefault             bool                  `json:"seccompDefault"`
	SerializeImagePulls        bool                  `json:"serializeImagePulls"`
	RegisterWithTaints         []taint               `json:"registerWithTaints,omitempty"`
	VolumePluginDir            string                `json:"volumePluginDir"`
	ContainerLogMaxSize        string                `json:"containerLogMaxSize"`
	ContainerLogMaxFiles       int32                 `json:"containerLogMaxFiles"`
	ImageGCHighThreshold       int32                 `json:"imageGCHighThresholdPercent"`
	ImageGCLowThreshold        int32                 `json:"imageGCLowThresholdPercent"`
	EvictionHard               map[string]string     `json:"evictionHard"`
	NodeStatusUpdateFrequency  string                `json:"nodeStatusUpdateFrequency"`
	NodeStatusReportFrequency  string                `json:"nodeStatusReportFrequency"`
	ShutdownGracePeriod        string                `json:"shutdownGracePeriod"`
	EnableDebuggingHandlers    bool                  `json:"enableDebuggingHandlers"`
	EnableControllerAttachment bool                  `json:"enableControllerAttachDetach"`
}

type kubeletAuthentication struct {
	Anonymous enabled  `json:"anonymous"`
	Webhook   enabled  `json:"webhook"`
	X509      x509File `json:"x509"`
}

type enabled struct {
	Enabled bool `json:"enabled"`
}

type x509File struct {
	ClientCAFile string `json:"clientCAFile"`
}

type kubeletAuthorization struct {
	Mode string `json:"mode"`
}

// kubeletConfig is the configuration of a node's kubelet.
func kubeletConfig(m machine, dnsService, cgroupRoot string) ([]byte, error) {
	return yaml.Marshal(kubeletConfiguration{
		APIVersion:         "kubelet.config.k8s.io/v1beta1",
		Kind:               "KubeletConfiguration",
		Address:            m.Address.String(),
		HealthzBindAddress: "127.0.0.1",
		Authentication: kubeletAuthentication{
			Webhook: enabled{true},
			X509:    x509File{nodeKubernetes + "/ca.crt"},
		},
		Authorization:            kubeletAuthorization{"Webhook"},
		TLSCertFile:              nodeKubernetes + "/kubelet-serving.crt",
		TLSPrivateKeyFile:        nodeKubernetes + "/kubelet-serving.key",
		ClusterDomain:            "cluster.local",
		ClusterDNS:               []string{dnsService},
		ResolvConf:               "/etc/resolv.conf",
		ContainerRuntimeEndpoint: "unix://" + nodeRuntime,
		CgroupDriver:             "cgroupfs",
		CgroupRoot:               cgroupRoot,
		SeccompDefault:           true,
		RegisterWithTaints:       m.Taints,
		VolumePluginDir:          nodeKubelet + "/volumeplugins", // the usual place is in /usr, which is read-only
		ContainerLogMaxSize:      "10Mi",
		ContainerLogMaxFiles:     3,
		// The disk is the machine's own: how full it is says nothing of the
		// cluster.
		ImageGCHighThreshold:       100,
		ImageGCLowThreshold:        99,
		EvictionHard:               map[string]string{"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
		NodeStatusUpdateFrequency:  "5s",
		NodeStatusReportFrequency:  "10s",
		ShutdownGracePeriod:        "0s",
		EnableDebuggingHandlers:    true, // logs, exec and port-forward
		EnableControllerAttachment: true,
	})
}

// kubeletArgs are the arguments of a node's kubelet.
func kubeletArgs(m machine, provider bool) []string {
	var labels []string
	for _, k := range slices.Sorted(maps.Keys(m.Labels)) {
		labels = append(labels, k+"="+m.Labels[k])
	}
	args := []string{
		"--config=" + nodeKubernetes + "/kubelet.yaml",
		"--kubeconfig=" + nodeKubernetes + "/kubelet.kubeconfig",
		"--root-dir=" + nodeKubelet,
		"--cert-dir=" + nodeKubelet + "/pki",
		"--hostname-override=" + m.Name,
		"--node-ip=" + m.Address.String(),
		"--node-labels=" + strings.Join(labels, ","),
		"--v=1",
	}
	if provider {
		args = append(args,
			"--image-credential-provider-config="+nodeKubernetes+"/credential-provider.yaml",
			"--image-credential-provider-bin-dir="+nodeProvider)
	}
	return args
}

// credentialProviderConfig has kubelet ask [credentialPlugin] for what pulls
// from Azure's registries, as AKS has acr-credential-provider;
// kubernetes.io/docs/reference/config-api/kubelet-config.v1.
func credentialProviderConfig() ([]byte, error) {
	type provider struct {
		Name                 string   `json:"name"`
		APIVersion           string   `json:"apiVersion"`
		MatchImages          []string `json:"matchImages"`
		DefaultCacheDuration string   `json:"defaultCacheDuration"`
	}
	return yaml.Marshal(struct {
		APIVersion string     `json:"apiVersion"`
		Kind       string     `json:"kind"`
		Providers  []provider `json:"providers"`
	}{"kubelet.config.k8s.io/v1", "CredentialProviderConfig", []provider{{
		Name:                 credentialPlugin,
		APIVersion:           "credentialprovider.kubelet.k8s.io/v1",
		MatchImages:          []string{"*.azurecr.io", "*.azurecr.us", "*.azurecr.cn"},
		DefaultCacheDuration: "10m",
	}}})
}
