package token

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kars-dev/kars/internal/broker/client"
)

const (
	app      = "11111111-0000-4000-8000-000000000000"
	tenantID = "22222222-0000-4000-8000-000000000000"
	resource = "https://cognitiveservices.azure.com"
)

var now = time.Unix(1_800_000_000, 0)

// jwt makes an unsigned token: the sidecar checks what it says, and the
// resource checks the signature.
func jwt(claims map[string]any) string {
	raw, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	return "eyJhbGciOiJSUzI1NiJ9." + base64.RawURLEncoding.EncodeToString(raw) + ".signature"
}

func good() map[string]any {
	return map[string]any{"appid": app, "tid": tenantID, "aud": resource, "exp": now.Add(time.Hour).Unix()}
}

// source hands out one token, and counts.
type source struct {
	token string
	err   error
	asked atomic.Int32
}

func (s *source) Token(context.Context, string) (client.Token, error) {
	s.asked.Add(1)
	return client.Token{AccessToken: s.token, ExpiresOn: now.Add(time.Hour)}, s.err
}

func newServer(t *testing.T, s Source, peer uint32, clock func() time.Time) *Server {
	t.Helper()
	server, err := New(Options{
		Source: s, AppID: app, TenantID: tenantID, PeerUID: peer, Log: slog.New(slog.DiscardHandler), Now: clock,
	})
	if err != nil {
		t.Fatal(err)
	}
	return server
}

func fixed() time.Time { return now }

func TestU45ATokenThatIsNotTheExpectedOneIsNotPassedOn(t *testing.T) {
	with := func(key string, value any) string {
		c := good()
		c[key] = value
		return jwt(c)
	}
	tests := map[string]struct {
		token string
		ok    bool
	}{
		"the expected one":                         {jwt(good()), true},
		"ids in capitals":                          {with("appid", strings.ToUpper(app)), true},
		"an audience with a trailing slash":        {with("aud", resource+"/"), true},
		"a version 2 token, which says azp":        {jwt(map[string]any{"azp": app, "tid": tenantID, "aud": resource, "exp": now.Add(time.Hour).Unix()}), true},
		"the controller's identity":                {with("appid", "33333333-0000-4000-8000-000000000000"), false},
		"no application at all":                    {with("appid", ""), false},
		"another application behind the right azp": {jwt(map[string]any{"appid": "x", "azp": app, "tid": tenantID, "aud": resource, "exp": now.Add(time.Hour).Unix()}), false},
		"another tenant":                           {with("tid", "x"), false},
		"another resource":                         {with("aud", "https://vault.azure.net"), false},
		"a list of audiences":                      {with("aud", []string{resource, "x"}), false},
		"one that has expired":                     {with("exp", now.Unix()), false},
		"one that never expires":                   {with("exp", nil), false},
		"an end that is no number":                 {with("exp", "soon"), false},
		"one that is no JWT":                       {"opaque", false},
		"claims that are not base64":               {"a.%.c", false},
		"claims that are not JSON":                 {"a." + base64.RawURLEncoding.EncodeToString([]byte("x")) + ".c", false},
		"claims that are far too long":             {with("pad", strings.Repeat("a", 32<<10)), false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, &source{token: tc.token}, 0, fixed)
			got, err := s.Token(t.Context(), resource)
			if (err == nil) != tc.ok || (err != nil && got.AccessToken != "") {
				t.Errorf("Token = %q, %v; want ok = %v", got.AccessToken, err, tc.ok)
			}
			if err != nil && (!errors.Is(err, errClaims) || strings.Contains(err.Error(), "eyJ")) {
				t.Errorf("error = %v, want one about the claims, without the token", err)
			}
		})
	}
}

func TestTokensAndRefusalsAreKept(t *testing.T) {
	at := now
	clock := func() time.Time { return at }
	src := &source{token: jwt(good())}
	s := newServer(t, src, 0, clock)
	ask := func(want int32) {
		t.Helper()
		src.asked.Store(0)
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() { _, _ = s.Token(t.Context(), resource) })
		}
		wg.Wait()
		if got := src.asked.Load(); got != want {
			t.Errorf("the broker was asked %d times, want %d", got, want)
		}
	}
	ask(1)
	ask(0)
	at = now.Add(56 * time.Minute)
	src.err = &client.Error{Code: client.CodeForbidden, Message: "no"}
	ask(1)
	at = at.Add(refused)
	ask(1)
}

func TestTheCacheIsBounded(t *testing.T) {
	src := &source{err: errors.New("no")}
	s := newServer(t, src, 0, fixed)
	for i := range 10 * maxResources {
		_, _ = s.Token(t.Context(), fmt.Sprint("https://", i))
	}
	if len(s.known) > maxResources {
		t.Errorf("%d resources are kept, want at most %d", len(s.known), maxResources)
	}
}

// serve listens on a socket whose peer must be the user.
func serve(t *testing.T, s *Server) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("Serve = %v", err)
		}
	})
	return path
}

func TestTheSocketAnswersTheRoutersUser(t *testing.T) {
	me := uint32(os.Getuid())
	path := serve(t, newServer(t, &source{token: jwt(good())}, me, fixed))
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != socketMode {
		t.Errorf("socket mode %v, %v; want %o", info.Mode(), err, socketMode)
	}
	got, err := NewClient(path).Token(t.Context(), resource)
	if err != nil || got.AccessToken != jwt(good()) || !got.ExpiresOn.Equal(now.Add(time.Hour)) {
		t.Errorf("Token = %v, %v", got, err)
	}
	if _, err := NewClient(path).Token(t.Context(), ""); !client.IsCode(err, client.CodeBadRequest) {
		t.Errorf("without a resource: %v", err)
	}
}

func TestTheSocketRefusesEveryOtherUser(t *testing.T) {
	src := &source{token: jwt(good())}
	path := serve(t, newServer(t, src, uint32(os.Getuid())+1, fixed))
	if got, err := NewClient(path).Token(t.Context(), resource); err == nil {
		t.Errorf("another user got %v", got)
	}
	if src.asked.Load() != 0 {
		t.Error("the broker was asked for another user")
	}
}

func TestTheBrokersRefusalReachesTheRouter(t *testing.T) {
	refusal := &client.Error{Code: client.CodeIdentityPending, Message: "not yet"}
	path := serve(t, newServer(t, &source{err: fmt.Errorf("getting: %w", refusal)}, uint32(os.Getuid()), fixed))
	_, err := NewClient(path).Token(t.Context(), resource)
	if !client.IsCode(err, client.CodeIdentityPending) || !strings.Contains(err.Error(), "not yet") {
		t.Errorf("error = %v, want the broker's code and words", err)
	}
}

func TestListenReplacesASocketThatWasLeftBehind(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	left, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	left.SetUnlinkOnClose(false)
	_ = left.Close()
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
}

func TestASidecarWithoutExpectationsRefusesToExist(t *testing.T) {
	for name, o := range map[string]Options{
		"no application": {Source: &source{}, TenantID: tenantID, Log: slog.New(slog.DiscardHandler)},
		"no tenant":      {Source: &source{}, AppID: app, Log: slog.New(slog.DiscardHandler)},
	} {
		if _, err := New(o); err == nil {
			t.Errorf("%s: it could tell no token from another's", name)
		}
	}
}

func TestOnlyGettingATokenIsOffered(t *testing.T) {
	s := newServer(t, &source{token: jwt(good())}, 0, fixed)
	for _, req := range []string{"POST /token", "GET /", "DELETE /token"} {
		method, path, _ := strings.Cut(req, " ")
		w := httptest.NewRecorder()
		s.handler().ServeHTTP(w, httptest.NewRequest(method, path, nil))
		if w.Code < 400 {
			t.Errorf("%s answered %d", req, w.Code)
		}
	}
}

func FuzzCheckClaims(f *testing.F) {
	f.Add(jwt(good()))
	f.Add("a.b.c")
	f.Add("..")
	f.Fuzz(func(t *testing.T, raw string) {
		err := checkClaims(raw, expectation{appID: app, tenantID: tenantID, resource: resource, now: now})
		if err != nil && !errors.Is(err, errClaims) {
			t.Errorf("checkClaims(%q) = %v", raw, err)
		}
		// Nothing that does not even name the application passes.
		if err == nil && !strings.Contains(raw, ".") {
			t.Errorf("checkClaims(%q) passed", raw)
		}
	})
}
