package localazure

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/kars-dev/kars/images"
	"github.com/kars-dev/kars/localazure/arm"
	"github.com/kars-dev/kars/localazure/authorization"
	"github.com/kars-dev/kars/localazure/certificate"
	"github.com/kars-dev/kars/localazure/cognitiveservices"
	"github.com/kars-dev/kars/localazure/compute"
	"github.com/kars-dev/kars/localazure/containerregistry"
	"github.com/kars-dev/kars/localazure/containerservice"
	"github.com/kars-dev/kars/localazure/directory"
	"github.com/kars-dev/kars/localazure/entra"
	"github.com/kars-dev/kars/localazure/features"
	"github.com/kars-dev/kars/localazure/graph"
	"github.com/kars-dev/kars/localazure/keyvault"
	"github.com/kars-dev/kars/localazure/managedidentity"
	"github.com/kars-dev/kars/localazure/model"
	"github.com/kars-dev/kars/localazure/network"
	"github.com/kars-dev/kars/localazure/operationalinsights"
	"github.com/kars-dev/kars/localazure/quota"
	"github.com/kars-dev/kars/localazure/registry"
	"github.com/kars-dev/kars/localazure/requests"
	"github.com/kars-dev/kars/localazure/resources"
	"github.com/kars-dev/kars/localazure/store"
)

// Options are what a local Azure works with. Dir alone is required.
type Options struct {
	Dir      string         // for all its state; made when missing
	Clusters Clusters       // runs managed clusters; nil: they are refused
	Images   *images.Layout // what ghcr.io and mcr.microsoft.com serve; nil: nothing
	Log      *slog.Logger   // nil: nothing is logged
	Now      func() time.Time
	// FeatureDelay is for how long a preview feature that was asked for is
	// Registering; in Azure that is minutes.
	FeatureDelay time.Duration
	// Keep stores a new principal's credential. It is called before the
	// principal exists, so that a local Azure killed in between never has one
	// that nobody can sign in as. nil: credentials are only returned.
	Keep func(Credential) error
}

// Server is a local Azure.
type Server struct {
	options   Options
	store     *store.Store
	ca        *certificate.Authority
	home      home
	directory *directory.Directory
	authority *entra.Authority
	arm       *arm.Service
	log       *requests.Log
	planes    planes
	clusters  *containerservice.Provider
	models    *cognitiveservices.Provider
	runner    *runner
	client    *http.Client // asks this server
	handler   http.Handler
	started   time.Time

	ctx    context.Context // of what goes on between requests; ends with Close
	cancel context.CancelFunc
	work   sync.WaitGroup
	stop   chan struct{} // closed when the admin API is told to stop
	once   sync.Once
}

// Open opens the local Azure in a folder, or founds it. It returns an error
// that is [store.ErrLocked] when another process has it open.
func Open(o Options) (*Server, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the local Azure's folder: %w", err)
	}
	st, err := store.Open(o.Dir)
	if err != nil {
		return nil, err
	}
	s := &Server{options: o, store: st, started: o.Now(), stop: make(chan struct{})}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	if err := s.assemble(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// assemble builds the services over the store, the ones that others need first.
func (s *Server) assemble() (err error) {
	if s.ca, err = certificate.Open(s.options.Dir, s.options.Now); err != nil {
		return err
	}
	if s.log, err = requests.OpenLog(s.store); err != nil {
		return err
	}
	if s.home, err = s.found(); err != nil {
		return err
	}
	s.client = &http.Client{Transport: loopback{s}}
	s.authority, err = entra.New(entra.Options{Store: s.store, Directory: s.directory, Now: s.options.Now, Client: s.client})
	if err != nil {
		return fmt.Errorf("opening Entra: %w", err)
	}
	authorizer := authorization.NewAuthorizer(s.store, s.directory, s.options.Now)
	contents, err := registry.New(registry.Options{
		Dir: filepath.Join(s.options.Dir, "registry"), Store: s.store,
		Registries: containerregistry.Lookup{Store: s.store, TenantID: s.home.TenantID},
		Entra:      s.authority, Authorizer: authorizer, Images: s.options.Images, Now: s.options.Now, Log: s.options.Log,
	})
	if err != nil {
		return err
	}
	s.planes = planes{
		entra:    s.authority,
		graph:    graph.New(graph.Options{Directory: s.directory, Verifier: s.authority, Now: s.options.Now}),
		registry: contents,
		model: model.New(model.Options{
			Accounts: cognitiveservices.Lookup{Store: s.store}, Entra: s.authority, Authorizer: authorizer,
			Now: s.options.Now, Log: s.options.Log,
		}),
	}
	s.assembleARM(authorizer, contents)
	s.handler = s.record(http.HandlerFunc(s.route))
	if err := s.arm.Start(); err != nil {
		return err
	}
	return s.restore()
}

func (s *Server) assembleARM(authorizer *authorization.Authorizer, contents *registry.Service) {
	s.arm = arm.New(arm.Options{
		Store: s.store, Directory: s.directory, Tokens: s.authority, Authorizer: authorizer,
		TenantID: s.home.TenantID, Now: s.options.Now, NewID: uuid.NewString, Log: s.options.Log,
	})
	s.arm.Add(resources.New(s.arm))
	s.arm.Add(authorization.New(s.arm, authorizer, s.directory))
	s.addGuardrails()
	s.arm.Add(managedidentity.New(s.arm, s.directory))
	s.arm.Add(network.New(s.arm))
	s.arm.Add(keyvault.New(s.arm))
	s.arm.Add(operationalinsights.New(s.arm))
	s.models = cognitiveservices.New(s.arm)
	s.arm.Add(s.models.Provider())
	s.arm.Add(containerregistry.New(s.arm, contents))
	s.runner = newRunner(s)
	var run containerservice.Runner
	if s.options.Clusters != nil {
		run = s.runner
	}
	machines := compute.New(s.arm, containerservice.ScaleSets)
	previews := features.New(s.arm, s.options.FeatureDelay)
	s.clusters = containerservice.New(s.arm, s.directory, capacity{machines, previews}, run)
	s.arm.Add(machines.Provider())
	s.arm.Add(previews.Provider())
	s.arm.Add(quota.New(s.arm, map[string]quota.Source{compute.Namespace: machines.Quotas}))
	s.arm.Add(s.clusters.Provider())
	s.planes.arm, s.planes.issuer = s.arm, s.clusters.IssuerHandler()
}

// Close ends all that goes on and closes the database. It does not stop the
// clusters: [Server.Shutdown] does.
func (s *Server) Close() error {
	s.cancel()
	if s.arm != nil {
		s.arm.Close()
	}
	s.work.Wait()
	var err error
	if s.log != nil {
		err = s.log.Close()
	}
	return errors.Join(err, s.store.Close())
}

// Shutdown ends the clusters, keeping their state, and closes the local Azure.
// Stopping the clusters beside a Server that is open would only make it run
// them again.
func (s *Server) Shutdown(ctx context.Context) error {
	s.cancel()
	s.arm.Close()
	s.work.Wait()
	var err error
	if s.options.Clusters != nil {
		err = s.options.Clusters.Stop(ctx)
	}
	return errors.Join(err, s.Close())
}

// CA returns the certificate (PEM) that signs all of the local Azure's.
func (s *Server) CA() []byte { return s.ca.PEM() }

// TenantID returns the id of the one tenant.
func (s *Server) TenantID() string { return s.home.TenantID }

// SubscriptionID returns the id of the subscription that the local Azure was
// founded with.
func (s *Server) SubscriptionID() string { return s.home.SubscriptionID }

// Handler answers for every host, by the request's Host.
func (s *Server) Handler() http.Handler { return s.handler }

// Serve answers on a listener over TLS, for any server name, until ctx ends.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	server := &http.Server{
		Handler: s.handler, TLSConfig: s.ca.TLS(), ReadHeaderTimeout: headerTimeout,
		ErrorLog: slog.NewLogLogger(s.options.Log.Handler(), slog.LevelDebug),
	}
	return serve(ctx, server, func() error { return server.ServeTLS(ln, "", "") })
}

const (
	headerTimeout = 10 * time.Second
	// graceTimeout is how long requests may take to end when the server does.
	graceTimeout = 3 * time.Second
)

// serve runs a server until ctx ends, and lets what it is answering finish.
func serve(ctx context.Context, server *http.Server, run func() error) error {
	ended := make(chan struct{})
	stopped := context.AfterFunc(ctx, func() {
		defer close(ended)
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), graceTimeout)
		defer cancel()
		if server.Shutdown(grace) != nil {
			_ = server.Close()
		}
	})
	err := run()
	if !stopped() {
		<-ended
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
