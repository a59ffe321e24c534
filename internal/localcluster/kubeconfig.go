package localcluster

import (
	"k8s.io/client-go/tools/clientcmd"
	api "k8s.io/client-go/tools/clientcmd/api"
)

// kubeconfig lets a component reach the API server; the files are as the
// component sees them.
func kubeconfig(server, ca, certificate, key string) ([]byte, error) {
	c := api.NewConfig()
	c.Clusters["cluster"] = &api.Cluster{Server: server, CertificateAuthority: ca}
	c.AuthInfos["component"] = &api.AuthInfo{ClientCertificate: certificate, ClientKey: key}
	c.Contexts["cluster"] = &api.Context{Cluster: "cluster", AuthInfo: "component"}
	c.CurrentContext = "cluster"
	return clientcmd.Write(*c)
}
