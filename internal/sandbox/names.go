package sandbox

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/kars-dev/kars/api/v1alpha1"
)

const (
	// ServiceAccount is the service account of every sandbox's pod, in the
	// sandbox's own namespace.
	ServiceAccount = "sandbox"

	// MaxName is the longest name of a KarsSandbox: with kars- before it and a
	// hyphen and 8 digits after it, it is a namespace, of at most 63 characters.
	MaxName = 63 - len("kars-") - 1 - 8
)

// Namespace is the namespace that belongs to the KarsSandbox namespace/name.
// The hash keeps resources of one name in two namespaces apart.
func Namespace(namespace, name string) string {
	sum := sha256.Sum256([]byte(namespace + "/" + name))
	return "kars-" + name + "-" + hex.EncodeToString(sum[:4])
}

// DisplayName is the name of a sandbox's agent identity in Entra: what people
// see in audit logs. Nothing is found by it; the UID in the identity's tag is
// the key.
func DisplayName(cluster, namespace, name string) string {
	if namespace == v1alpha1.ResourceNamespace {
		return "kars-" + cluster + "-" + name
	}
	return "kars-" + cluster + "-" + namespace + "-" + name
}
