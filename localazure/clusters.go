package localazure

import (
	"context"
	"net"
)

// Clusters starts and ends the Kubernetes behind the managed clusters of the
// local Azure.
type Clusters interface {
	// Ensure brings about the cluster that spec describes and returns when its
	// API server answers and every node is Ready. It is idempotent: for a
	// cluster that runs it returns at once, for one that was stopped or killed
	// it starts it again with all its state.
	Ensure(ctx context.Context, spec ClusterSpec) (Cluster, error)
	// Delete ends the cluster with this ARM id and removes its state. A
	// cluster that is not there is no error.
	Delete(ctx context.Context, id string) error
	// Stop ends every cluster and keeps its state.
	Stop(ctx context.Context) error
}

// ClusterSpec describes a cluster.
type ClusterSpec struct {
	ID          string // ARM id of the managed cluster
	Version     string // Kubernetes version, as "1.36.3"
	FQDN        string // of the API server, as "kars-aks-dns-1a2b3c4d.hcp.eastus2.azmk8s.io"
	Issuer      string // service-account issuer, "https://eastus2.oic.prod-aks.azure.com/<tenant>/<guid>/"
	ServiceCIDR string // "10.0.0.0/16"
	DNSService  string // "10.0.0.10"
	PodCIDR     string // "10.244.0.0/16"; each node gets a /24 of it
	Pools       []Pool
	// CABundle (PEM) signs the local Azure's listeners; nodes trust it.
	CABundle []byte
	// Images are references on mcr.microsoft.com of what a node itself needs.
	PauseImage, DNSImage string
}

// Pool is an agent pool.
type Pool struct {
	Name   string
	Mode   string // System or User
	Count  int
	Labels map[string]string
	Taints []string // "key=value:Effect"
}

// Cluster is a cluster that runs.
type Cluster struct {
	Server string // https://127.0.0.1:port, a relay to the API server
	CA     []byte // PEM, of the API server's certificate
	// AdminCertificate and AdminKey (PEM) are of a member of system:masters.
	AdminCertificate, AdminKey []byte
	JWKS                       []byte // of the service-account issuer
	Nodes                      []Node
	ResidentBytes              int64 // of all processes of the cluster
}

// Node is a node of a cluster.
type Node struct {
	Name string // as "aks-clawpool-00000000-vmss000000"
	Pool string
	// Listen opens a TCP listener inside the node's network namespace. The
	// addresses 203.0.113.10 and 169.254.169.254 are there.
	Listen func(network, address string) (net.Listener, error)
}
