// Package lock is the local Azure's management locks: their resource type, and
// the [Guard] that holds every change against them.
//
// learn.microsoft.com/azure/azure-resource-manager/management/lock-resources
package lock

import (
	"context"
	"net/http"
	"regexp"
	"strings"

	"github.com/kars-dev/kars/localazure/arm"
	"github.com/kars-dev/kars/localazure/armid"
	"github.com/kars-dev/kars/localazure/resource"
	"github.com/kars-dev/kars/localazure/store"
)

// Type is the resource type.
const Type = "Microsoft.Authorization/locks"

// Levels of a lock; learn.microsoft.com/rest/api/resources/management-locks/create-or-update-by-scope#locklevel.
const (
	cannotDelete = "CanNotDelete"
	readOnly     = "ReadOnly"
	notSpecified = "NotSpecified"
)

// maxNotes is the longest that a lock's notes may be, in characters.
const maxNotes = 512

// locks makes the resource type and lists for a Resource Manager.
type locks struct {
	service *arm.Service
}

// New returns the resource type.
func New(s *arm.Service) arm.Type {
	l := locks{s}
	return arm.Type{
		Name:        Type,
		APIVersions: []string{"2020-05-01", "2016-09-01"},
		Extension:   true,
		NoContent:   true,
		NameRule:    regexp.MustCompile(`^[^<>%&:\\?/\x00-\x1f]{1,260}$`),
		Prepare:     prepare,
		List:        l.list,
	}
}

func prepare(_ context.Context, w *arm.Write) error {
	properties := resource.Properties(w.New)
	sent := resource.Text(properties, "level")
	level := ""
	for _, known := range []string{cannotDelete, readOnly, notSpecified} {
		if strings.EqualFold(known, sent) {
			level = known
		}
	}
	if level == "" {
		return arm.Errorf(http.StatusBadRequest, "InvalidRequestContent",
			"The request content was invalid and could not be deserialized: 'Error converting value \"%s\" to a lock level. Path 'properties.level'.'.", sent)
	}
	if notes := resource.Text(properties, "notes"); len([]rune(notes)) > maxNotes {
		return arm.Errorf(http.StatusBadRequest, "InvalidRequestContent",
			"The request content was invalid: the notes of a lock may have %d characters.", maxNotes)
	}
	properties["level"] = level
	return nil
}

// list lists the locks at, above and below a scope; with $filter=atScope() not
// those below. learn.microsoft.com/powershell/module/az.resources/get-azresourcelock
func (l locks) list(_ context.Context, r *arm.Request) (*arm.Response, error) {
	filter := strings.TrimSpace(r.URL.Query().Get("$filter"))
	if filter != "" && !strings.EqualFold(filter, "atScope()") {
		return nil, arm.Errorf(http.StatusBadRequest, "InvalidFilterInQueryString", "Invalid $filter '%s' specified in the query string.", filter)
	}
	scope := r.ID.Target()
	var trees []store.Tree
	collect := func(found resource.Resource) { trees = append(trees, found.Tree) }
	err := l.service.Store.View(func(tx *store.Tx) error {
		if err := above(tx, scope, collect); err != nil || filter != "" {
			return err
		}
		return below(tx, scope, collect)
	})
	if err != nil {
		return nil, err
	}
	page, err := arm.Paged(r, trees)
	if err != nil {
		return nil, err
	}
	return arm.OK(page), nil
}

// above calls fn for each lock at the scope and at what it lies in.
func above(tx *store.Tx, scope armid.ID, fn func(resource.Resource)) error {
	for {
		if err := at(tx, scope, fn); err != nil {
			return err
		}
		if scope.Subscription == "" || len(scope.Providers) == 0 && scope.ResourceGroup == "" {
			return nil
		}
		scope = scope.Parent()
	}
}

// at calls fn for each lock set at the scope itself.
func at(tx *store.Tx, scope armid.ID, fn func(resource.Resource)) error {
	return resource.Each(tx, scope.String()+"/providers/"+Type, func(r resource.Resource) error {
		fn(r)
		return nil
	})
}

// below calls fn for each lock on something that lies below the scope.
func below(tx *store.Tx, scope armid.ID, fn func(resource.Resource)) error {
	return resource.OfType(tx, scope.String(), Type, func(r resource.Resource) error {
		if !armid.Equal(r.ID.Parent().String(), scope.String()) {
			fn(r)
		}
		return nil
	})
}
