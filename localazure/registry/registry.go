// Package registry is the data plane of the local Azure's container registries
// (<name>.azurecr.io), and the two public registries that clusters and imports
// read from (mcr.microsoft.com and ghcr.io).
//
// [New] makes the service. As an http.Handler it answers by Host, with the OCI
// distribution specification 1.1 (pull, push, content discovery, content
// management) and, for azurecr.io, with Azure's token endpoints:
//
//	POST /oauth2/exchange   an Entra token for the registry's refresh token
//	GET, POST /oauth2/token a refresh token for an access token
//
// Access is decided by role assignments when an access token is issued, as
// Azure does: pulling and listing need
// Microsoft.ContainerRegistry/registries/pull/read at the registry, pushing
// needs …/push/write, deleting …/artifacts/delete. There is no admin user and
// no anonymous pull. The public registries need no token and refuse to write;
// they serve what an image layout holds under their names.
//
// [Service.Import] is importImage: the control plane calls it.
//
// Blobs are files named by digest; manifests and tags are in the store. A
// write that was answered survives a kill; one that was not leaves no trace
// that a reader could find.
package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/kars-dev/kars/images"
	"github.com/kars-dev/kars/internal/rbac"
	"github.com/kars-dev/kars/localazure/entra"
	"github.com/kars-dev/kars/localazure/store"
)

// Registry is what the control plane knows of a registry.
type Registry struct {
	ID          string // ARM id
	LoginServer string // as "contoso.azurecr.io"
	TenantID    string // of the subscription it is in
}

// Registries finds a registry by its login server.
type Registries interface {
	Registry(ctx context.Context, loginServer string) (Registry, bool, error)
}

// Verifier checks an Entra access token for one of the audiences.
type Verifier interface {
	Verify(ctx context.Context, rawToken string, audiences ...string) (entra.Claims, error)
}

// Authorizer decides from role assignments.
type Authorizer interface {
	Authorize(ctx context.Context, c entra.Claims, r rbac.Request) (rbac.Decision, error)
}

// Options are what a [Service] needs.
type Options struct {
	Dir        string // for blobs; made when missing
	Store      *store.Store
	Registries Registries
	Entra      Verifier
	Authorizer Authorizer
	Images     *images.Layout   // what the public registries serve; nil: nothing
	Now        func() time.Time // nil: time.Now
	Log        *slog.Logger     // nil: nothing is logged
}

// Service answers for every registry.
type Service struct {
	store      *store.Store
	registries Registries
	entra      Verifier
	authorizer Authorizer
	images     *images.Layout
	now        func() time.Time
	log        *slog.Logger
	blobs      *blobs
	uploads    *uploads
	signer     func() (*signer, error)
}

// New opens the service over what its folder and store hold.
func New(o Options) (*Service, error) {
	s := &Service{
		store: o.Store, registries: o.Registries, entra: o.Entra, authorizer: o.Authorizer,
		images: o.Images, now: o.Now, log: o.Log,
		blobs:   &blobs{dir: filepath.Join(o.Dir, "blobs")},
		uploads: &uploads{dir: filepath.Join(o.Dir, "uploads")},
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.signer = sync.OnceValues(func() (*signer, error) { return loadSigner(s.store) })
	for _, dir := range []string{s.blobs.dir, s.uploads.dir} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("making the registry's folder: %w", err)
		}
	}
	if err := s.expireUploads(); err != nil {
		return nil, fmt.Errorf("removing uploads that were given up: %w", err)
	}
	if err := s.sweep(); err != nil {
		return nil, fmt.Errorf("removing blobs that nothing refers to: %w", err)
	}
	return s, nil
}

// Remove forgets all that a registry holds, after it was deleted.
func (s *Service) Remove(_ context.Context, loginServer string) error {
	err := s.store.Update(func(tx *store.Tx) error { return remove(tx, loginServer) })
	if err != nil {
		return fmt.Errorf("removing the content of %s: %w", loginServer, err)
	}
	return s.sweep()
}

// sweep removes the content that no repository refers to any more.
func (s *Service) sweep() error {
	s.blobs.sweep.Lock()
	defer s.blobs.sweep.Unlock()
	keep := map[string]bool{}
	err := s.store.View(func(tx *store.Tx) error {
		return tx.Each(blobBucket, "", func(key string, _ json.RawMessage) error {
			_, hex, _ := strings.Cut(key, "@sha256:")
			keep[hex] = true
			return nil
		})
	})
	if err != nil {
		return fmt.Errorf("listing the blobs in use: %w", err)
	}
	return s.blobs.retain(keep)
}

// ServeHTTP answers for the registry that the Host header names.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
	host := hostname(r)
	if isPublic(host) {
		s.servePublic(w, r, host)
		return
	}
	reg, ok, err := s.registries.Registry(r.Context(), host)
	if err != nil {
		s.writeError(w, r, fmt.Errorf("looking up registry %s: %w", host, err))
		return
	}
	if !ok {
		// In Azure the name of a registry that does not exist does not resolve.
		http.Error(w, "no registry has the login server "+host, http.StatusNotFound)
		return
	}
	reg.LoginServer = host
	if err := s.serve(w, r, reg); err != nil {
		s.writeError(w, r, err)
	}
}

func (s *Service) serve(w http.ResponseWriter, r *http.Request, reg Registry) error {
	switch r.URL.Path {
	case "/oauth2/exchange":
		return s.exchange(w, r, reg)
	case "/oauth2/token":
		return s.token(w, r, reg)
	}
	t := parsePath(r.URL.Path)
	if t.kind == noKind {
		http.NotFound(w, r)
		return nil
	}
	if t.repository != "" && !isRepository(t.repository) {
		return nameInvalid(t.repository)
	}
	caller, ok := s.admit(w, r, reg, t)
	if !ok {
		return nil
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		if t.kind == uploadKind {
			return s.uploadStatus(w, reg, t)
		}
		return s.read(w, r, registrySource{s, reg.LoginServer}, t)
	default:
		return s.write(w, r, reg, t, caller)
	}
}

func hostname(r *http.Request) string {
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.ToLower(host)
}
