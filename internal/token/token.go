// Package token is the token sidecar of a sandbox pod. [Server] answers, on a
// Unix socket in a volume that the agent does not mount, with tokens of the
// sandbox's own agent identity, which it gets from the broker. [Client] is the
// router's side of that socket.
//
// A peer must have the router's UID, as the kernel says it. Every token is
// checked before it is passed on: it must be the expected identity's, of the
// expected tenant, for the resource that was asked for. There is no way back
// to another credential when that fails.
package token

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/kars-dev/kars/internal/broker/client"
)

const (
	// margin is how long before its end a cached token is given up; the broker
	// itself never hands out one with less than ten minutes left.
	margin = 5 * time.Minute
	// refused is how long a refusal is repeated without asking again, so that
	// an agent in a loop cannot drive the broker; soon is for one that may end
	// any moment, as while a new sandbox's identity is being written down.
	refused = 2 * time.Second
	soon    = 200 * time.Millisecond
	// maxResources bounds the cache.
	maxResources = 16
	// fetchTimeout bounds one question to the broker.
	fetchTimeout = 30 * time.Second
)

// Source gets a token of the pod's agent identity; the broker's client is one.
type Source interface {
	Token(ctx context.Context, resource string) (client.Token, error)
}

// Options are what a [Server] works with.
type Options struct {
	Source Source
	// AppID and TenantID are what every token must say.
	AppID, TenantID string
	// PeerUID is the only user that may ask.
	PeerUID uint32
	// Log receives refusals, and never a token.
	Log *slog.Logger
	// Now is the clock; time.Now when nil.
	Now func() time.Time
}

// Server answers GET /token?resource=….
type Server struct {
	o      Options
	flight singleflight.Group

	mu    sync.Mutex
	known map[string]answer
}

// answer is a token, or a refusal, and until when it holds.
type answer struct {
	token client.Token
	err   error
	until time.Time
}

// New returns a Server. Without an expected identity it refuses to exist,
// because it could then tell no token from another's.
func New(o Options) (*Server, error) {
	if o.Source == nil || o.Log == nil {
		return nil, errors.New("token sidecar: source and log are needed")
	}
	if o.AppID == "" || o.TenantID == "" {
		return nil, errors.New("token sidecar: the expected application and tenant are needed")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Server{o: o, known: map[string]answer{}}, nil
}

// Token returns a checked token for the resource.
func (s *Server) Token(ctx context.Context, resource string) (client.Token, error) {
	if a, ok := s.load(resource); ok {
		return a.token, a.err
	}
	result := s.flight.DoChan(resource, func() (any, error) {
		if a, ok := s.load(resource); ok {
			return a, nil
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTimeout)
		defer cancel()
		return s.fetch(ctx, resource), nil
	})
	select {
	case <-ctx.Done():
		return client.Token{}, ctx.Err()
	case r := <-result:
		a := r.Val.(answer)
		return a.token, a.err
	}
}

func (s *Server) fetch(ctx context.Context, resource string) answer {
	now := s.o.Now()
	t, err := s.o.Source.Token(ctx, resource)
	if err == nil {
		err = checkClaims(t.AccessToken, expectation{appID: s.o.AppID, tenantID: s.o.TenantID, resource: resource, now: now})
	}
	a := answer{token: t, until: t.ExpiresOn.Add(-margin)}
	if err != nil {
		s.o.Log.Warn("no token", "resource", resource, "error", err)
		a = answer{err: err, until: now.Add(refused)}
		if !errors.Is(err, errClaims) && client.IsTemporary(err) {
			a.until = now.Add(soon)
		}
	}
	s.store(resource, a)
	return a
}

func (s *Server) load(resource string) (answer, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, ok := s.known[resource]
	return a, ok && s.o.Now().Before(a.until)
}

func (s *Server) store(resource string, a answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, old := range s.known {
		if !s.o.Now().Before(old.until) {
			delete(s.known, k)
		}
	}
	if len(s.known) < maxResources {
		s.known[resource] = a
	}
}

// status says how a failure reaches the router.
func status(err error) (int, client.Error) {
	if e, ok := errors.AsType[*client.Error](err); ok {
		return http.StatusBadGateway, *e
	}
	if errors.Is(err, errClaims) {
		return http.StatusBadGateway, client.Error{Code: CodeWrongIdentity, Message: err.Error()}
	}
	return http.StatusServiceUnavailable, client.Error{Code: client.CodeUnavailable, Message: fmt.Sprintf("no answer from the broker: %v", err)}
}
