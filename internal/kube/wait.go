package kube

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
)

// Seen judges one state of an object; nil means that the object is not there.
// It returns whether the wait is over; an error ends it as well.
type Seen func(obj client.Object) (done bool, err error)

// Wait watches the object with the kind, namespace and name of obj until seen
// says that it is done, or ctx ends. It sees the present state first and never
// polls. When ctx ends the error wraps ctx's cause.
func (c *Client) Wait(ctx context.Context, obj client.Object, seen Seen) error {
	lw, err := c.listWatch(obj)
	if err != nil {
		return err
	}
	// The present state may be that there is no object, for which a watch has
	// no event.
	absent := func(store cache.Store) (bool, error) {
		if len(store.List()) > 0 {
			return false, nil
		}
		return seen(nil)
	}
	_, err = watchtools.UntilWithSync(ctx, lw, obj, absent, func(e watch.Event) (bool, error) {
		switch live := e.Object.(type) {
		case client.Object:
			if e.Type == watch.Deleted {
				return seen(nil)
			}
			return seen(live)
		default:
			return false, fmt.Errorf("watching %s: %v", client.ObjectKeyFromObject(obj), e.Object)
		}
	})
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("waiting for %s: %w", client.ObjectKeyFromObject(obj), context.Cause(ctx))
	}
	return err
}

// WaitGone waits until the object is not there any more.
func (c *Client) WaitGone(ctx context.Context, obj client.Object) error {
	return c.Wait(ctx, obj, func(live client.Object) (bool, error) { return live == nil, nil })
}

func (c *Client) listWatch(obj client.Object) (*cache.ListWatch, error) {
	gvk, err := apiutil.GVKForObject(obj, c.client.Scheme())
	if err != nil {
		return nil, fmt.Errorf("finding the kind of %T: %w", obj, err)
	}
	gvk.Kind += "List"
	newList := func() (client.ObjectList, error) {
		list, err := c.client.Scheme().New(gvk)
		if err != nil {
			return nil, err
		}
		typed, ok := list.(client.ObjectList)
		if !ok {
			return nil, fmt.Errorf("%s is no list", gvk)
		}
		return typed, nil
	}
	options := func(o metav1.ListOptions) *client.ListOptions {
		return &client.ListOptions{
			Namespace:     obj.GetNamespace(),
			FieldSelector: fields.OneTermEqualSelector(metav1.ObjectNameField, obj.GetName()),
			Raw:           &o,
		}
	}
	return &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			list, err := newList()
			if err != nil {
				return nil, err
			}
			return list, c.client.List(ctx, list, options(o))
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			list, err := newList()
			if err != nil {
				return nil, err
			}
			return c.client.Watch(ctx, list, options(o))
		},
	}, nil
}
