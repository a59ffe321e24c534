package localcluster

import "sigs.k8s.io/yaml"

// kubeProxyConfiguration is what is set of kubeproxy.config.k8s.io/v1alpha1;
// kubernetes.io/docs/reference/config-api/kube-proxy-config.v1alpha1.
type kubeProxyConfiguration struct {
	APIVersion         string           `json:"apiVersion"`
	Kind               string           `json:"kind"`
	Mode               string           `json:"mode"`
	ClusterCIDR        string           `json:"clusterCIDR"`
	HostnameOverride   string           `json:"hostnameOverride"`
	BindAddress        string           `json:"bindAddress"`
	HealthzBindAddress string           `json:"healthzBindAddress"`
	MetricsBindAddress string           `json:"metricsBindAddress"`
	OOMScoreAdj        int32            `json:"oomScoreAdj"`
	ClientConnection   clientConnection `json:"clientConnection"`
	Conntrack          conntrack        `json:"conntrack"`
}

type clientConnection struct {
	Kubeconfig string `json:"kubeconfig"`
}

type conntrack struct {
	MaxPerCore int32 `json:"maxPerCore"`
}

// kubeProxyConfig is the configuration of a node's kube-proxy. It leaves the
// size of the table of connections alone: that is the machine's.
func kubeProxyConfig(m machine, pods string) ([]byte, error) {
	return yaml.Marshal(kubeProxyConfiguration{
		APIVersion:         "kubeproxy.config.k8s.io/v1alpha1",
		Kind:               "KubeProxyConfiguration",
		Mode:               "nftables",
		ClusterCIDR:        pods,
		HostnameOverride:   m.Name,
		BindAddress:        m.Address.String(),
		HealthzBindAddress: "127.0.0.1:10256",
		MetricsBindAddress: "127.0.0.1:10249",
		ClientConnection:   clientConnection{nodeKubernetes + "/kube-proxy.kubeconfig"},
	})
}
