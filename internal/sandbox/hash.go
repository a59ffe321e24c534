package sandbox

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	corev1 "k8s.io/api/core/v1"
)

// specHash is a hash of everything that the pod was made from, what it mounts
// included: a pod whose hash differs from the wanted one is made anew, because
// containers read their configuration once.
//
// Whether nodes run user namespaces is left out: a pod keeps the choice it was
// made with, so that a node that joins without them does not restart every
// sandbox into a weaker one.
func specHash(o *Objects) string {
	spec := o.Pod.Spec.DeepCopy()
	spec.HostUsers = nil
	data := make([]map[string]string, 0, len(o.ConfigMaps))
	for _, m := range o.ConfigMaps {
		data = append(data, m.Data)
	}
	return hash(struct {
		Spec *corev1.PodSpec
		Data []map[string]string
	}{spec, data})
}

// hash is the first 16 hex digits of the SHA-256 of v as JSON, whose map keys
// encoding/json sorts. v is of a type that can always be marshalled.
func hash(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}
