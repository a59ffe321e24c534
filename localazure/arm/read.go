package arm

import (
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/kars-dev/kars/localazure/armid"
	"github.com/kars-dev/kars/localazure/resource"
	"github.com/kars-dev/kars/localazure/store"
)

// pageSize is how many resources ARM lists in one answer.
const pageSize = 1000

// stored returns a resource's tree, or nil.
func (s *Service) stored(id armid.ID) (tree store.Tree, err error) {
	err = s.Store.View(func(tx *store.Tx) error {
		tree, _, err = resource.Get(tx, id.String())
		return err
	})
	return tree, err
}

// Stored returns a resource's tree. It is the error ResourceNotFound if there
// is none.
func (s *Service) Stored(id armid.ID) (store.Tree, error) {
	tree, err := s.stored(id)
	if err == nil && tree == nil {
		err = s.missing(id)
	}
	return tree, err
}

// missing is the error for a resource that is not there, or for its group.
func (s *Service) missing(id armid.ID) error {
	if id.ResourceGroup != "" && len(id.Providers) > 0 {
		group := armid.ID{Subscription: id.Subscription, ResourceGroup: id.ResourceGroup}
		if tree, err := s.stored(group); err != nil || tree == nil {
			return GroupNotFound(id.ResourceGroup)
		}
	}
	return notFound(id)
}

func (s *Service) get(r *Request) (*Response, error) {
	tree, err := s.Stored(r.ID)
	if err != nil {
		return nil, err
	}
	if r.Method == http.MethodHead {
		return &Response{Status: http.StatusNoContent}, nil
	}
	return OK(tree), nil
}

// list answers for a collection: of the children of a resource, or of all of a
// type in a group or subscription.
func (s *Service) list(r *Request, resourceType string) (*Response, error) {
	in := r.ID.Target()
	var trees []store.Tree
	err := s.Store.View(func(tx *store.Tx) error {
		if in.IsResource() {
			if _, found, err := resource.Get(tx, in.String()); err != nil || !found {
				return orNotFound(err, in)
			}
		}
		return resource.OfType(tx, in.String(), resourceType, func(r resource.Resource) error {
			trees = append(trees, r.Tree)
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	page, err := Paged(r, trees)
	if err != nil {
		return nil, err
	}
	return OK(page), nil
}

func orNotFound(err error, id armid.ID) error {
	if err != nil {
		return err
	}
	return notFound(id)
}

// Paged returns the part of a list that a request asks for, with the link to
// the next part; $top says how long a part is.
func Paged[T any](r *Request, items []T) (Page, error) {
	query := r.URL.Query()
	size := pageSize
	if top, err := strconv.Atoi(query.Get("$top")); err == nil && top > 0 && top < size {
		size = top
	}
	start := 0
	if token := query.Get("$skiptoken"); token != "" {
		raw, err := base64.RawURLEncoding.DecodeString(token)
		if err == nil {
			start, err = strconv.Atoi(string(raw))
		}
		if err != nil || start < 0 {
			return Page{}, Errorf(http.StatusBadRequest, "InvalidSkipToken", "The $skiptoken '%s' is invalid.", token)
		}
	}
	start = min(start, len(items))
	end := min(start+size, len(items))
	if items == nil {
		items = []T{}
	}
	page := Page{Value: items[start:end]}
	if end < len(items) {
		next := maps.Clone(query)
		next.Set("$skiptoken", base64.RawURLEncoding.EncodeToString([]byte(strconv.Itoa(end))))
		page.NextLink = Link(r.Request, r.URL.Path, next)
	}
	return page, nil
}

// Link returns the address of a path at the host that was asked.
func Link(r *http.Request, path string, query url.Values) string {
	return (&url.URL{Scheme: "https", Host: strings.TrimSuffix(r.Host, ":443"), Path: path, RawQuery: query.Encode()}).String()
}
