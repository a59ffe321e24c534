// Package arm is the local Azure's Resource Manager: it reads ids, checks
// tokens and permissions, keeps resources, and runs long operations. What is
// particular about a resource type is said by its [Provider], in a package of
// its own.
//
// Start with [New], then [Service.Add] for each provider, then [Service.Start].
package arm

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/kars-dev/kars/internal/rbac"
	"github.com/kars-dev/kars/localazure/directory"
	"github.com/kars-dev/kars/localazure/entra"
	"github.com/kars-dev/kars/localazure/store"
)

// Tokens verifies access tokens.
type Tokens interface {
	Verify(ctx context.Context, rawToken string, audiences ...string) (entra.Claims, error)
}

// Authorizer decides what a caller may do.
type Authorizer interface {
	Authorize(ctx context.Context, c entra.Claims, r rbac.Request) (rbac.Decision, error)
	// HoldsRole says whether a caller has any role at a scope, above or below it.
	HoldsRole(c entra.Claims, scope string) (bool, error)
}

// Options are what a service needs.
type Options struct {
	Store      *store.Store
	Directory  *directory.Directory
	Tokens     Tokens
	Authorizer Authorizer
	TenantID   string
	Now        func() time.Time
	NewID      func() string // a new GUID
	Log        *slog.Logger
}

// Service is the Resource Manager.
type Service struct {
	Options
	providers []Provider
	runners   map[string]Runner

	ctx    context.Context // of the operations; ends with Close
	cancel context.CancelFunc
	work   sync.WaitGroup

	mu      sync.Mutex
	running map[string]chan struct{} // operation id: closed when it ends

	locks, policies Guard // set before Start; nil: there are none
}

// New makes a service without providers.
func New(o Options) *Service {
	ctx, cancel := context.WithCancel(context.Background())
	s := &Service{Options: o, runners: map[string]Runner{}, running: map[string]chan struct{}{}, ctx: ctx, cancel: cancel}
	s.runners[kindProvision] = s.provision
	s.runners[kindDestroy] = s.destroy
	return s
}

// Add adds a provider, or to one that was added more of its types and routes.
// All are added before [Service.Start].
func (s *Service) Add(p Provider) {
	for i := range s.providers {
		if q := &s.providers[i]; strings.EqualFold(q.Namespace, p.Namespace) {
			q.Types, q.Routes = append(q.Types, p.Types...), append(q.Routes, p.Routes...)
			return
		}
	}
	s.providers = append(s.providers, p)
}

// Handle sets what runs operations of a kind.
func (s *Service) Handle(kind string, r Runner) { s.runners[kind] = r }

// Providers returns the providers that were added.
func (s *Service) Providers() []Provider { return s.providers }

// Start continues the operations that were running when the local Azure ended.
func (s *Service) Start() error { return s.resume() }

// Close ends all operations; they continue at the next [Service.Start].
func (s *Service) Close() {
	s.cancel()
	s.work.Wait()
}

// Type returns a resource type by name.
func (s *Service) Type(name string) (Type, bool) {
	for _, p := range s.providers {
		for _, t := range p.Types {
			if strings.EqualFold(t.Name, name) {
				return t, true
			}
		}
	}
	return Type{}, false
}

func (s *Service) provider(namespace string) (Provider, bool) {
	for _, p := range s.providers {
		if strings.EqualFold(p.Namespace, namespace) {
			return p, true
		}
	}
	return Provider{}, false
}

// route finds the route for a path, and says whether the path has any.
func (s *Service) route(method, path string) (Route, map[string]string, bool) {
	for _, p := range s.providers {
		for _, r := range p.Routes {
			if params, ok := match(r.Pattern, path); ok && r.Method == method {
				return r, params, true
			}
		}
	}
	return Route{}, nil, false
}

// ServeHTTP answers for management.azure.com.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.identify(w, r)
	response, err := s.answer(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	for name, values := range response.Header {
		w.Header()[name] = values
	}
	writeJSON(w, response.Status, response.Body)
}

// identify gives the request the ids by which Azure's support finds it;
// learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling.
func (s *Service) identify(w http.ResponseWriter, r *http.Request) {
	correlation := r.Header.Get("x-ms-correlation-request-id")
	if correlation == "" {
		correlation = s.NewID()
	}
	w.Header().Set("x-ms-request-id", s.NewID())
	w.Header().Set("x-ms-correlation-request-id", correlation)
	if id := r.Header.Get("x-ms-client-request-id"); id != "" && strings.EqualFold(r.Header.Get("x-ms-return-client-request-id"), "true") {
		w.Header().Set("x-ms-client-request-id", id)
	}
}

func (s *Service) fail(w http.ResponseWriter, r *http.Request, err error) {
	e := AsError(err)
	if e.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", s.challenge(e))
	}
	if e.Status >= http.StatusInternalServerError {
		s.Log.ErrorContext(r.Context(), "request failed", "method", r.Method, "path", r.URL.Path, "error", err)
	}
	writeError(w, e)
}
