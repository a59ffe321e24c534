// Package apply brings an object to a wanted state by server-side apply, and
// reads before it writes: an object that is as wanted costs one read.
package apply

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kars-dev/kars/internal/event"
)

// AnnotationHash is the hash of what was applied last. A field that is no
// longer wanted still equals nothing that is wanted, so the comparison of
// fields cannot see it; the hash can.
const AnnotationHash = "kars.azure.com/applied-hash"

// Object makes the object in the cluster equal obj in every field that obj
// sets, as field manager owner, taking fields from other managers where they
// differ. It returns Created, Updated or Unchanged; obj is not changed. The
// object's apiVersion and kind must be set, or known to the client's scheme.
func Object(ctx context.Context, c client.Client, owner string, obj client.Object) (event.Status, error) {
	want, err := wanted(c, obj)
	if err != nil {
		return event.Failed, err
	}
	live, err := read(ctx, c, obj, want)
	switch {
	case apierrors.IsNotFound(err):
		return write(ctx, c, owner, want, event.Created)
	case err != nil:
		return event.Failed, fmt.Errorf("reading %s: %w", describe(want), err)
	case Contains(live, want.Object):
		return event.Unchanged, nil
	default:
		return write(ctx, c, owner, want, event.Updated)
	}
}

// wanted is obj as it is sent: without status and server-set metadata, and
// with the hash of itself.
func wanted(c client.Client, obj client.Object) (*unstructured.Unstructured, error) {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(obj.DeepCopyObject())
	if err != nil {
		return nil, fmt.Errorf("converting %T: %w", obj, err)
	}
	u := &unstructured.Unstructured{Object: content}
	gvk, err := c.GroupVersionKindFor(obj)
	if err != nil {
		return nil, fmt.Errorf("finding the kind of %T: %w", obj, err)
	}
	u.SetGroupVersionKind(gvk)
	unstructured.RemoveNestedField(u.Object, "status")
	for _, field := range []string{"creationTimestamp", "managedFields", "resourceVersion", "uid", "generation"} {
		unstructured.RemoveNestedField(u.Object, "metadata", field)
	}
	b, err := json.Marshal(u.Object)
	if err != nil {
		return nil, fmt.Errorf("encoding %s: %w", describe(u), err)
	}
	sum := sha256.Sum256(b)
	annotations := u.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[AnnotationHash] = hex.EncodeToString(sum[:8])
	u.SetAnnotations(annotations)
	return u, nil
}

// read returns the live object's fields. A typed object is read as its type,
// so that a client with a cache answers from it.
func read(ctx context.Context, c client.Client, obj client.Object, want *unstructured.Unstructured) (map[string]any, error) {
	key := client.ObjectKeyFromObject(want)
	live := client.Object(&unstructured.Unstructured{})
	if _, untyped := obj.(runtime.Unstructured); untyped {
		live.GetObjectKind().SetGroupVersionKind(want.GroupVersionKind())
	} else {
		typed, err := c.Scheme().New(want.GroupVersionKind())
		if err != nil {
			return nil, err
		}
		live = typed.(client.Object)
	}
	if err := c.Get(ctx, key, live); err != nil {
		return nil, err
	}
	live.GetObjectKind().SetGroupVersionKind(want.GroupVersionKind())
	return runtime.DefaultUnstructuredConverter.ToUnstructured(live)
}

func write(ctx context.Context, c client.Client, owner string, want *unstructured.Unstructured, done event.Status) (event.Status, error) {
	err := c.Apply(ctx, client.ApplyConfigurationFromUnstructured(want), client.FieldOwner(owner), client.ForceOwnership)
	if err != nil {
		return event.Failed, fmt.Errorf("applying %s: %w", describe(want), err)
	}
	return done, nil
}

func describe(u *unstructured.Unstructured) string {
	if u.GetNamespace() == "" {
		return u.GetKind() + " " + u.GetName()
	}
	return u.GetKind() + " " + u.GetNamespace() + "/" + u.GetName()
}
