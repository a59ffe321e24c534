package images

// Pause is the image of the process that holds a pod's namespaces. It has the
// name that AKS nodes use; what is in it is images/pause.
const Pause = "mcr.microsoft.com/oss/kubernetes/pause:3.10.1"

// Component is a program of kars that runs in the cluster.
type Component struct {
	// Name is of the image, of the folder under cmd, and of the file inside.
	Name string
	// User is the numeric user and group that the image runs as unless the pod
	// says otherwise.
	User int
}

// Components are the programs of kars that run in the cluster, built from
// cmd/<name>. The guard alone is root, to install the pod's packet filter.
// The token sidecar is a mode of the router's binary; its pod sets user 1002.
func Components() []Component {
	return []Component{
		{Name: "kars-controller", User: 65532},
		{Name: "kars-broker", User: 65532},
		{Name: "kars-router", User: 1001},
		{Name: "kars-guard", User: 0},
		{Name: "kars-agent", User: 1000},
	}
}

// Reference is where a component's image is published:
// "ghcr.io/kars-dev/<name>:<version>".
func Reference(name, version string) string {
	return "ghcr.io/kars-dev/" + name + ":" + version
}

// CoreDNS is the reference of a cluster's DNS server, for a version as "v1.13.1".
func CoreDNS(version string) string {
	return "mcr.microsoft.com/oss/v2/kubernetes/coredns:" + version
}
