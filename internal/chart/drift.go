package chart

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kars-dev/kars/internal/kube/apply"
)

var errDrifted = errors.New("an object is not as the release says")

// drifted reports whether any object of the release's manifest is missing or
// lacks something that the manifest says.
func (h *release) drifted(ctx context.Context, manifest string) (bool, error) {
	objects, err := parse(manifest)
	if err != nil {
		return false, fmt.Errorf("reading the manifest of %s: %w", h.Release, err)
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(8)
	for _, want := range objects {
		g.Go(func() error {
			live := &unstructured.Unstructured{}
			live.SetGroupVersionKind(want.GroupVersionKind())
			namespaced, err := h.kube.IsObjectNamespaced(want)
			if err == nil {
				if namespaced && want.GetNamespace() == "" {
					want.SetNamespace(h.Namespace)
				}
				err = h.kube.Get(ctx, client.ObjectKeyFromObject(want), live)
			}
			switch {
			case apierrors.IsNotFound(err):
				return errDrifted
			case err != nil:
				return fmt.Errorf("reading %s %s: %w", want.GetKind(), want.GetName(), err)
			}
			fields, err := canonical(h.kube.Scheme(), want)
			if err == nil && !apply.Contains(live.Object, fields) {
				err = errDrifted
			}
			return err
		})
	}
	if err := g.Wait(); !errors.Is(err, errDrifted) {
		return false, err
	}
	return true, nil
}

// canonical is the object as the API server writes it, "1" for "1000m", where
// its type is known.
func canonical(scheme *runtime.Scheme, u *unstructured.Unstructured) (map[string]any, error) {
	typed, err := scheme.New(u.GroupVersionKind())
	if runtime.IsNotRegisteredError(err) {
		return u.Object, nil
	}
	if err == nil {
		err = runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, typed)
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s %s: %w", u.GetKind(), u.GetName(), err)
	}
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(typed)
	delete(fields, "status")
	return fields, err
}

// parse splits a manifest into its objects.
func parse(manifest string) ([]*unstructured.Unstructured, error) {
	var objects []*unstructured.Unstructured
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader([]byte(manifest)), 4096)
	for {
		u := &unstructured.Unstructured{}
		err := decoder.Decode(u)
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, err
		}
		if len(u.Object) > 0 {
			objects = append(objects, u)
		}
	}
}
