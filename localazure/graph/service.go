// Package graph answers the part of Microsoft Graph that agents, their
// blueprints and those who manage them need: users, groups, applications,
// service principals, agent identities, federated credentials, directory roles
// and deleted items, in versions v1.0 and beta.
//
// Start with [New]. Every request carries a token for Graph; what it may do
// follows from the token's permissions and, for a signed-in user, from the
// user's directory roles and what the user owns, as Microsoft documents it per
// operation (rights.go).
package graph

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/kars-dev/kars/localazure/directory"
	"github.com/kars-dev/kars/localazure/entra"
	"github.com/kars-dev/kars/localazure/requests"
	"github.com/kars-dev/kars/localazure/store"
)

// Host is Graph's name in the public cloud, and as a URL its audience.
const Host = "graph.microsoft.com"

// Verifier checks access tokens.
type Verifier interface {
	Verify(ctx context.Context, rawToken string, audiences ...string) (entra.Claims, error)
}

// Options are what a [Service] works with.
type Options struct {
	Directory *directory.Directory
	Verifier  Verifier
	Now       func() time.Time
}

// Service is Microsoft Graph.
type Service struct {
	directory *directory.Directory
	verifier  Verifier
	now       func() time.Time
}

// New returns the Graph of the directory's tenant.
func New(o Options) *Service {
	return &Service{directory: o.Directory, verifier: o.Verifier, now: o.Now}
}

// maxBody bounds what a request may send.
const maxBody = 1 << 20

// call is one request, understood.
type call struct {
	method string
	path   path
	query  query
	who    caller
	body   store.Tree
	// upsert says that the request asks to create what is not there.
	upsert bool
}

// answer is what becomes of a call. Without a body the status says it all.
type answer struct {
	status int
	body   any
}

// ServeHTTP answers a request to graph.microsoft.com.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("OData-Version", "4.0")
	a, err := s.answer(w, r)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	if a.body == nil {
		w.WriteHeader(a.status)
		return
	}
	w.Header().Set("Content-Type", "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8")
	w.WriteHeader(a.status)
	_ = json.NewEncoder(w).Encode(a.body) // the caller may have gone
}

func (s *Service) answer(w http.ResponseWriter, r *http.Request) (answer, error) {
	claims, err := s.authenticate(r)
	if err != nil {
		return answer{}, err
	}
	c := call{method: r.Method, upsert: strings.Contains(r.Header.Get("Prefer"), "create-if-missing")}
	if c.path, err = parsePath(r.URL.Path); err != nil {
		return answer{}, err
	}
	if c.query, err = parseQuery(r.URL); err != nil {
		return answer{}, err
	}
	if c.body, err = readBody(w, r); err != nil {
		return answer{}, err
	}
	transact := s.directory.Update
	if r.Method == http.MethodGet {
		transact = s.directory.View
	}
	var a answer
	err = transact(func(t *directory.Tx) (err error) {
		if c.who, err = s.identify(t, claims); err != nil {
			return err
		}
		a, err = s.dispatch(t, c)
		return err
	})
	return a, err
}

// dispatch finds who answers for a collection.
func (s *Service) dispatch(t *directory.Tx, c call) (answer, error) {
	if len(c.query.expanded) > 0 && c.path.collection != "rolemanagement" {
		return answer{}, errUnsupported("$expand")
	}
	switch c.path.collection {
	case "me":
		return s.me(t, c)
	case "users":
		return s.users(t, c)
	case "groups":
		return s.groups(t, c)
	case "applications":
		return s.applications(t, c)
	case "serviceprincipals":
		return s.servicePrincipals(t, c)
	case "directoryroles":
		return s.directoryRoles(t, c)
	case "directoryobjects":
		return s.directoryObjects(t, c)
	case "directory":
		return s.deletedItems(t, c)
	case "rolemanagement":
		return s.roleManagement(t, c)
	case "organization":
		return s.organization(c)
	}
	return answer{}, errUnknownSegment(c.path.collection)
}

func (s *Service) authenticate(r *http.Request) (entra.Claims, error) {
	raw, ok := entra.BearerToken(r)
	if !ok {
		return entra.Claims{}, errNoToken("Access token is empty.")
	}
	claims, err := s.verifier.Verify(r.Context(), raw, "https://"+Host)
	switch {
	case errors.Is(err, entra.ErrExpired):
		return claims, errNoToken("Lifetime validation failed, the token is expired.")
	case errors.Is(err, entra.ErrAudience):
		return claims, errNoToken("Access token validation failure. Invalid audience.")
	case err != nil:
		return claims, errNoToken("Access token validation failure.")
	}
	requests.SetCaller(r.Context(), requests.Caller{
		ObjectID: claims.ObjectID, AppID: claims.AppID, IdentityType: claims.IdentityType,
		Audience: claims.Audience, ParentAppID: claims.ParentAppID,
	})
	return claims, nil
}

func readBody(w http.ResponseWriter, r *http.Request) (store.Tree, error) {
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return nil, errBadRequest("The request body cannot be read.")
	}
	if len(raw) == 0 {
		return store.Tree{}, nil
	}
	var tree store.Tree
	if err := json.Unmarshal(raw, &tree); err != nil || tree == nil {
		return nil, errBadRequest("Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format.")
	}
	return tree, nil
}
