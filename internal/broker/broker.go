// Package broker is the one service of a cluster that acts as the agent
// identity blueprint. It makes agent identities for the controller, and turns
// a sandbox's service-account token into a token of that sandbox's agent
// identity.
//
// Which identity a caller gets is decided by what the cluster says about the
// calling pod, and by nothing in the request: [Server] reviews the caller's
// token, finds its pod in a watch of its own, follows it to the KarsSandbox
// that owns the pod's namespace, and checks the identity recorded there
// against its tag in the directory. Every step that cannot be taken ends in a
// refusal.
package broker

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// The audiences of service-account tokens that the broker accepts. The API
// server's own tokens carry neither, so that a stolen one is of no use here.
const (
	AudienceToken = "kars-broker"
	AudienceAdmin = "kars-broker-admin"
)

const (
	// maxBody bounds a request's body; the largest is a name and a UID.
	maxBody = 4 << 10
	// maxInFlight bounds concurrent requests, each of which may hold a review
	// at the API server and an exchange at Entra.
	maxInFlight = 64
	// requestTimeout bounds one request, two exchanges and retries included.
	requestTimeout = 25 * time.Second
)

// Options are what a [Server] works with.
type Options struct {
	// Review asks the API server whose token it is.
	Review Reviewer
	// Cluster reads pods, namespaces, KarsSandboxes and KarsAuthConfigs from
	// the broker's own watch.
	Cluster client.Reader
	// Trust returns what acts as the blueprint now.
	Trust Trust
	// Log receives a line for every issuance and every change of an identity.
	Log *slog.Logger
	// Now is the clock; time.Now when nil.
	Now func() time.Time
}

// Server answers the broker's API.
type Server struct {
	o        Options
	verified *verified
	slots    chan struct{}
}

// New returns a Server.
func New(o Options) (*Server, error) {
	if o.Review == nil || o.Cluster == nil || o.Trust == nil || o.Log == nil {
		return nil, errors.New("broker: review, cluster, trust and log are needed")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Server{o: o, verified: newVerified(o.Now), slots: make(chan struct{}, maxInFlight)}, nil
}

// Handler returns the API, to be served over TLS.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	mux.Handle("POST /v1/token", s.handle(s.token))
	mux.Handle("PUT /v1/identities/{namespace}/{name}", s.handle(s.ensureIdentity))
	mux.Handle("DELETE /v1/identities/{namespace}/{name}", s.handle(s.deleteIdentity))
	mux.Handle("/", s.handle(func(context.Context, *http.Request) (any, error) {
		return nil, notFound("no such path")
	}))
	return mux
}

// handle bounds a request and writes what the function returns: a value as
// JSON, nil as 204, an error as the refusal that it is.
func (s *Server) handle(f func(context.Context, *http.Request) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
		defer cancel()
		select {
		case s.slots <- struct{}{}:
			defer func() { <-s.slots }()
		case <-ctx.Done():
			s.refuse(w, r, unavailable("too many requests at once"))
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		v, err := f(ctx, r)
		if err != nil {
			s.refuse(w, r, err)
			return
		}
		reply(w, v)
	})
}
