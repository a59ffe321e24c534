package arm

import (
	"context"
	"net/http"
	"strings"

	"github.com/kars-dev/kars/localazure/action"
	"github.com/kars-dev/kars/localazure/armid"
	"github.com/kars-dev/kars/localazure/entra"
	"github.com/kars-dev/kars/localazure/store"
)

// Change is a request that its caller is allowed to make.
type Change struct {
	Action     string   // as Microsoft.KeyVault/vaults/write
	ID         armid.ID // what is changed; of an operation, what it is on
	APIVersion string
	Content    store.Tree // of a write: the resource as it would be
}

// IsWrite reports whether a resource is created or changed.
func (c Change) IsWrite() bool { return strings.HasSuffix(strings.ToLower(c.Action), "/write") }

// IsDelete reports whether a resource is removed.
func (c Change) IsDelete() bool { return strings.HasSuffix(strings.ToLower(c.Action), "/delete") }

// IsRead reports whether nothing is changed.
func (c Change) IsRead() bool { return strings.HasSuffix(strings.ToLower(c.Action), "/read") }

// Guard refuses what its callers are allowed to do: management locks and Azure
// Policy bind everyone, owners too.
type Guard interface {
	// Check returns the error that a change is refused with, or nil.
	Check(ctx context.Context, c Change) error
}

// SetGuards sets the locks and the policies that all changes are held against,
// in this order. Without them nothing is locked or disallowed.
func (s *Service) SetGuards(locks, policies Guard) { s.locks, s.policies = locks, policies }

// CheckPolicy holds a write against the policies alone, as the validation of a
// deployment does for each of its resources.
func (s *Service) CheckPolicy(ctx context.Context, id armid.ID, version string, body store.Tree) error {
	if s.policies == nil {
		return nil
	}
	need, _ := action.Of(http.MethodPut, id)
	return s.policies.Check(ctx, Change{Action: need.Action, ID: id, APIVersion: version, Content: body})
}

// guard holds a change against locks and policies.
func (s *Service) guard(ctx context.Context, c Change) error {
	for _, g := range []Guard{s.locks, s.policies} {
		if g == nil {
			continue
		}
		if err := g.Check(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

// guardRoute holds what a provider answers besides its resources against locks
// and policies, unless that only reads.
func (s *Service) guardRoute(r *Request, need action.Need) error {
	c := Change{Action: need.Action, APIVersion: r.APIVersion}
	if c.IsRead() {
		return nil
	}
	id, err := armid.Parse(need.Scope)
	if err != nil {
		return err
	}
	c.ID = id
	return s.guard(r.Context(), c)
}

// AdmitDelete checks all that keeps a caller from deleting a resource: missing
// rights, locks, and a type that is not deleted.
func (s *Service) AdmitDelete(ctx context.Context, c entra.Claims, id armid.ID) error {
	t, ok := s.Type(id.Type())
	if !ok {
		return s.unknownType(id)
	}
	if t.ReadOnly {
		return notAllowed(http.MethodDelete)
	}
	var attributes map[string]any
	if t.Attributes != nil {
		stored, err := s.stored(id)
		if err != nil {
			return err
		}
		if stored != nil {
			attributes = t.Attributes(stored, nil)
		}
	}
	need, _ := action.Of(http.MethodDelete, id)
	if err := s.Authorize(ctx, c, need, attributes); err != nil {
		return err
	}
	return s.guard(ctx, Change{Action: need.Action, ID: id})
}
