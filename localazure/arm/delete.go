package arm

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/kars-dev/kars/localazure/action"
	"github.com/kars-dev/kars/localazure/armid"
	"github.com/kars-dev/kars/localazure/entra"
	"github.com/kars-dev/kars/localazure/resource"
	"github.com/kars-dev/kars/localazure/store"
)

func (s *Service) answerDelete(r *Request) (*Response, error) {
	t, _ := s.Type(r.ID.Type())
	stored, err := s.stored(r.ID)
	if err != nil {
		return nil, err
	}
	var attributes map[string]any
	if t.Attributes != nil && stored != nil {
		attributes = t.Attributes(stored, nil)
	}
	need, _ := action.Of(http.MethodDelete, r.ID)
	if err := s.Authorize(r.Context(), r.Caller, need, attributes); err != nil {
		return nil, err
	}
	if stored == nil {
		if r.ID.ResourceGroup != "" {
			if err := s.missing(r.ID); AsError(err).Code == "ResourceGroupNotFound" {
				return nil, err
			}
		}
		return &Response{Status: http.StatusNoContent}, nil
	}
	if err := s.guard(r.Context(), Change{Action: need.Action, ID: r.ID, APIVersion: r.APIVersion}); err != nil {
		return nil, err
	}
	operation, err := s.Delete(r.Context(), r.Caller, r.ID)
	if err != nil {
		return nil, err
	}
	switch {
	case operation != "" && t.Poll != nil:
		return &Response{Status: http.StatusAccepted, Header: t.Poll(r, operation)}, nil
	case operation != "":
		return &Response{Status: http.StatusAccepted, Header: PollingHeader(r, operation)}, nil
	case t.NoContent:
		return &Response{Status: http.StatusNoContent}, nil
	case t.Extension:
		return OK(stored), nil
	}
	return &Response{Status: http.StatusOK}, nil
}

// Delete removes a resource and all below it. Where that takes time, it returns
// the operation that does it.
func (s *Service) Delete(ctx context.Context, c entra.Claims, id armid.ID) (operation string, err error) {
	t, ok := s.Type(id.Type())
	if !ok {
		return "", s.unknownType(id)
	}
	release, err := exclusive(t, id)
	if err != nil {
		return "", err
	}
	defer release()
	return s.InTx(func(tx *store.Tx) (string, error) {
		tree, found, err := resource.Get(tx, id.String())
		if err != nil || !found {
			return "", err
		}
		id = storedID(tree, id)
		if t.Destroy == nil {
			return "", s.take(ctx, tx, c, id)
		}
		resource.Properties(tree)["provisioningState"] = "Deleting"
		if err := resource.Put(tx, id, tree); err != nil {
			return "", err
		}
		return s.enqueue(tx, Operation{Kind: kindDestroy, ResourceID: id.String()})
	})
}

// take removes a resource and what is below it from the store, the last first,
// after telling their types.
func (s *Service) take(ctx context.Context, tx *store.Tx, c entra.Claims, id armid.ID) error {
	var doomed []resource.Resource
	err := resource.Each(tx, id.String(), func(r resource.Resource) error {
		doomed = append(doomed, r)
		return nil
	})
	if err != nil {
		return err
	}
	for i := len(doomed) - 1; i >= 0; i-- {
		d := doomed[i]
		if t, ok := s.Type(d.ID.Type()); ok && t.Remove != nil {
			if err := t.Remove(ctx, &Write{ID: d.ID, Caller: c, Old: d.Tree, Tx: tx}); err != nil {
				return err
			}
		}
		if err := s.removeIdentity(tx, d.ID, d.Tree); err != nil {
			return err
		}
	}
	return resource.DeleteWithin(tx, id.String())
}

// destroy ends what a type brought about, and then removes the resource.
func (s *Service) destroy(ctx context.Context, o Operation) error {
	id, err := armid.Parse(o.ResourceID)
	if err != nil {
		return err
	}
	t, ok := s.Type(id.Type())
	if !ok || t.Destroy == nil {
		return fmt.Errorf("nothing destroys %s", id.Type())
	}
	if err := t.Destroy(ctx, id); err != nil {
		return err
	}
	return s.Store.Update(func(tx *store.Tx) error { return s.take(ctx, tx, entra.Claims{}, id) })
}

// Empty ends and removes everything below a scope, and the scope itself.
func (s *Service) Empty(ctx context.Context, scope armid.ID) error {
	var destroy []armid.ID
	err := s.Store.View(func(tx *store.Tx) error {
		return resource.Each(tx, scope.String(), func(r resource.Resource) error {
			if t, ok := s.Type(r.ID.Type()); ok && t.Destroy != nil && len(r.ID.Providers) > 0 {
				destroy = append(destroy, r.ID)
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	var errs []error
	for _, id := range destroy {
		t, _ := s.Type(id.Type())
		errs = append(errs, t.Destroy(ctx, id))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return s.Store.Update(func(tx *store.Tx) error { return s.take(ctx, tx, entra.Claims{}, scope) })
}
