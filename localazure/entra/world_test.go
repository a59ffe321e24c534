package entra_test

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/kars-dev/kars/localazure/directory"
	"github.com/kars-dev/kars/localazure/entra"
	"github.com/kars-dev/kars/localazure/store"
)

const tenant = "11111111-2222-4333-8444-555555555555"

// world is a tenant with its authority, served over TLS to every host name.
type world struct {
	t         *testing.T
	store     *store.Store
	directory *directory.Directory
	authority *entra.Authority
	client    *http.Client
	clock     *clock
	// hosts answer instead of the authority.
	hosts map[string]http.Handler
}

// clock is the time that the tests set.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) forward(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func newWorld(t *testing.T) *world {
	t.Helper()
	st, err := store.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	w := &world{t: t, store: st, clock: &clock{at: time.Now()}, hosts: map[string]http.Handler{}}
	w.directory = directory.New(st, w.clock.now, tenant)
	if err := w.directory.Found(); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if h, ok := w.hosts[r.Host]; ok {
			h.ServeHTTP(rw, r)
			return
		}
		w.authority.ServeHTTP(rw, r)
	}))
	t.Cleanup(server.Close)
	w.client = dialing(server)
	w.authority, err = entra.New(entra.Options{Store: st, Directory: w.directory, Now: w.clock.now, Client: w.client})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// dialing returns a client that reaches the server under every name, so that
// the SDKs work with Azure's own.
func dialing(server *httptest.Server) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, network, server.Listener.Addr().String())
		},
		TLSClientConfig: &tls.Config{
			RootCAs: server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs,
			// The test server's certificate is for example.com.
			ServerName: "example.com", MinVersion: tls.VersionTLS12,
		},
	}}
}

func (w *world) options() azcore.ClientOptions {
	return azcore.ClientOptions{Transport: w.client, Retry: policy.RetryOptions{MaxRetries: -1}}
}

// post sends a form to the token endpoint.
func (w *world) post(form url.Values) (int, map[string]any) {
	w.t.Helper()
	return w.postTo("https://login.microsoftonline.com/"+tenant+"/oauth2/v2.0/token", form)
}

func (w *world) postTo(address string, form url.Values) (int, map[string]any) {
	w.t.Helper()
	resp, err := w.client.PostForm(address, form)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.decode(resp)
}

// grant posts a form that must be granted and returns the access token.
func (w *world) grant(form url.Values) string {
	w.t.Helper()
	status, body := w.post(form)
	if status != http.StatusOK {
		w.t.Fatalf("token endpoint answered %d: %v", status, body["error_description"])
	}
	return body["access_token"].(string)
}

func (w *world) verify(token string, audiences ...string) entra.Claims {
	w.t.Helper()
	c, err := w.authority.Verify(context.Background(), token, audiences...)
	if err != nil {
		w.t.Fatalf("verifying: %v", err)
	}
	return c
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
