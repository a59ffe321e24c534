package localcluster

import (
	"net/netip"
	"path/filepath"
	"strings"

	"github.com/kars-dev/kars/localazure"
)

const (
	etcdClients = "http://127.0.0.1:2379" // of the control plane's own network
	etcdPeers   = "http://127.0.0.1:2380"
)

// controlPlane says how the programs of a control plane are started.
type controlPlane struct {
	spec localazure.ClusterSpec
	api  netip.Addr // of Service kubernetes
	pki  *pki
	// proxy is the authority for what the API server passes on to extensions
	// of it. It must sign nothing else: its client may speak for anyone.
	proxy *pki
	etcd  string // folder
	conf  string // folder of the kubeconfigs
}

// proxyClient is the name under which the API server passes requests on.
const proxyClient = "front-proxy-client"

// leaves are the certificates that the control plane has.
func (c controlPlane) leaves() []leaf {
	return []leaf{
		{name: "apiserver", commonName: "apiserver", hosts: []string{
			c.spec.FQDN, "localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc",
			"kubernetes.default.svc.cluster.local", "127.0.0.1", c.api.String(), controlAddress.String(),
		}},
		// Local accounts of AKS are this client.
		{name: "admin", commonName: "masterclient", organization: []string{"system:masters"}},
		{name: "apiserver-kubelet-client", commonName: "kube-apiserver-kubelet-client", organization: []string{"system:masters"}},
		{name: "kube-controller-manager", commonName: "system:kube-controller-manager"},
		{name: "kube-scheduler", commonName: "system:kube-scheduler"},
		{name: "kube-proxy", commonName: "system:kube-proxy"},
	}
}

func (c controlPlane) etcdArgs() []string {
	return []string{
		"--name=default",
		"--data-dir=" + c.etcd,
		"--listen-client-urls=" + etcdClients,
		"--advertise-client-urls=" + etcdClients,
		"--listen-peer-urls=" + etcdPeers,
		"--initial-advertise-peer-urls=" + etcdPeers,
		"--initial-cluster=default=" + etcdPeers,
		"--log-level=warn",
	}
}

func (c controlPlane) apiServerArgs() []string {
	issuer := strings.TrimSuffix(c.spec.Issuer, "/")
	return []string{
		"--etcd-servers=" + etcdClients,
		"--bind-address=0.0.0.0",
		"--advertise-address=" + controlAddress.String(),
		"--secure-port=443",
		"--external-hostname=" + c.spec.FQDN,
		"--tls-cert-file=" + c.pki.certificate("apiserver"),
		"--tls-private-key-file=" + c.pki.key("apiserver"),
		"--client-ca-file=" + c.pki.certificate("ca"),
		"--kubelet-client-certificate=" + c.pki.certificate("apiserver-kubelet-client"),
		"--kubelet-client-key=" + c.pki.key("apiserver-kubelet-client"),
		"--kubelet-certificate-authority=" + c.pki.certificate("ca"),
		"--kubelet-preferred-address-types=InternalIP",
		"--requestheader-client-ca-file=" + c.proxy.certificate("ca"),
		"--requestheader-allowed-names=" + proxyClient,
		"--requestheader-username-headers=X-Remote-User",
		"--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file=" + c.proxy.certificate(proxyClient),
		"--proxy-client-key-file=" + c.proxy.key(proxyClient),
		// With its slash, as AKS has it: a federated credential compares the
		// issuer byte by byte.
		"--service-account-issuer=" + c.spec.Issuer,
		"--service-account-jwks-uri=" + issuer + "/openid/v1/jwks",
		"--service-account-signing-key-file=" + c.pki.key("sa"),
		"--service-account-key-file=" + c.pki.key("sa"),
		"--service-cluster-ip-range=" + c.spec.ServiceCIDR,
		"--authorization-mode=Node,RBAC",
		"--enable-admission-plugins=NodeRestriction",
		// The control plane has no kube-proxy: webhooks are called at their
		// pods.
		"--enable-aggregator-routing=true",
		"--allow-privileged=true",
		"--profiling=false",
	}
}

func (c controlPlane) controllerManagerArgs() []string {
	config := filepath.Join(c.conf, "kube-controller-manager.kubeconfig")
	return []string{
		"--kubeconfig=" + config,
		"--authentication-kubeconfig=" + config,
		"--authorization-kubeconfig=" + config,
		"--bind-address=127.0.0.1",
		"--service-account-private-key-file=" + c.pki.key("sa"),
		"--root-ca-file=" + c.pki.certificate("ca"),
		"--cluster-signing-cert-file=" + c.pki.certificate("ca"),
		"--cluster-signing-key-file=" + c.pki.key("ca"),
		"--use-service-account-credentials=true",
		"--leader-elect=false", // there is one
		"--kube-api-qps=1000",
		"--kube-api-burst=2000",
		"--profiling=false",
	}
}

func (c controlPlane) schedulerArgs() []string {
	config := filepath.Join(c.conf, "kube-scheduler.kubeconfig")
	return []string{
		"--kubeconfig=" + config,
		"--authentication-kubeconfig=" + config,
		"--authorization-kubeconfig=" + config,
		"--bind-address=127.0.0.1",
		"--leader-elect=false",
		"--kube-api-qps=1000",
		"--kube-api-burst=2000",
		"--profiling=false",
	}
}
