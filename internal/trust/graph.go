package trust

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/kars-dev/kars/internal/azure/graph"
)

// maxPages bounds a listing; no list that is read here has more than a few.
const maxPages = 50

// do asks Graph's v1.0 API and, where that does not know a type of Entra Agent
// ID, beta (U28).
func (s setup) do(ctx context.Context, method, path string, in, out any) error {
	err := s.graph.Do(ctx, method, "/v1.0"+path, in, out)
	if unknownType(err) {
		return s.graph.Do(ctx, method, "/beta"+path, in, out)
	}
	return err
}

// list reads all pages of a collection.
func list[T any](ctx context.Context, s setup, path string) ([]T, error) {
	var all []T
	for range maxPages {
		var page struct {
			Value []T    `json:"value"`
			Next  string `json:"@odata.nextLink"`
		}
		if err := s.do(ctx, http.MethodGet, path, nil, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Value...)
		if page.Next == "" {
			return all, nil
		}
		u, err := url.Parse(page.Next)
		if err != nil {
			return nil, fmt.Errorf("the next page of %s: %w", path, err)
		}
		// Only the path is followed: the client knows the host.
		_, rest, ok := strings.Cut(strings.TrimPrefix(u.EscapedPath(), "/"), "/")
		if !ok {
			return nil, fmt.Errorf("the next page of %s has no path", path)
		}
		path = "/" + rest + "?" + u.RawQuery
	}
	return nil, fmt.Errorf("%s has more than %d pages", path, maxPages)
}

// unknownType reports whether the API version does not know a type, in
// contrast to an object that does not exist.
func unknownType(err error) bool {
	e, ok := errors.AsType[*graph.Error](err)
	if !ok || (e.Status != http.StatusBadRequest && e.Status != http.StatusNotFound) {
		return false
	}
	message := strings.ToLower(e.Message)
	for _, hint := range []string{"segment", "unsupported type", "cannot be resolved to a type", "invalid type", "is not supported"} {
		if strings.Contains(message, hint) {
			return true
		}
	}
	return false
}

// notReplicated reports whether what was just created is not known yet where
// it was asked for.
func notReplicated(err error) bool {
	e, ok := errors.AsType[*graph.Error](err)
	if !ok {
		return false
	}
	if e.Status == http.StatusNotFound {
		return true
	}
	message := strings.ToLower(e.Message)
	return e.Status == http.StatusBadRequest &&
		(strings.Contains(message, "does not reference a valid application") || strings.Contains(message, "does not exist"))
}

func notFound(err error) bool { return graph.IsNotFound(err) }

func conflict(err error) bool { return graph.IsConflict(err) }

// permission turns Graph's refusal for want of rights into the typed error.
func permission(operation string, err error) error {
	if graph.IsForbidden(err) || graph.HasCode(err, "Authorization_RequestDenied") {
		return &NotPermittedError{Operation: operation, Err: err}
	}
	return fmt.Errorf("%s: %w", operation, err)
}
