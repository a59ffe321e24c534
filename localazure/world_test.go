package localazure_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/kars-dev/kars/localazure"
)

// world is a local Azure that answers on loopback, and a client for which every
// name leads there.
type world struct {
	*testing.T
	server *localazure.Server
	client *http.Client
	owner  localazure.Credential
	dir    string
	stop   func()
	end    func() error // what stop does after serving; Close

	mu     sync.Mutex
	tokens map[string]azcore.AccessToken
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return openWorld(t, localazure.Options{Dir: t.TempDir()})
}

func openWorld(t *testing.T, o localazure.Options) *world {
	t.Helper()
	w := &world{T: t, dir: o.Dir, tokens: map[string]azcore.AccessToken{}}
	o.Keep = func(c localazure.Credential) error {
		if c.Name == localazure.OwnerName {
			w.owner = c
		}
		return nil
	}
	server, err := localazure.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	w.server, w.end = server, server.Close
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx, ln) }()
	w.stop = func() {
		w.stop = func() {}
		w.client.CloseIdleConnections()
		cancel()
		if err := <-served; err != nil {
			t.Errorf("serving: %v", err)
		}
		if err := w.end(); err != nil {
			t.Errorf("closing: %v", err)
		}
	}
	t.Cleanup(func() { w.stop() })
	w.client = clientOf(server, ln.Addr().String())
	return w
}

func clientOf(server *localazure.Server, address string) *http.Client {
	return clientTrusting(server.CA(), address)
}

func clientTrusting(ca []byte, address string) *http.Client {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, address)
		},
	}}
}

// GetToken signs the owner in.
func (w *world) GetToken(_ context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return w.token(w.owner, o.Scopes[0])
}

func (w *world) token(c localazure.Credential, scope string) (azcore.AccessToken, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	key := c.ObjectID + " " + scope
	if token, ok := w.tokens[key]; ok {
		return token, nil
	}
	token, err := w.signIn(c, scope)
	if err == nil {
		w.tokens[key] = token
	}
	return token, err
}

func (w *world) signIn(c localazure.Credential, scope string) (azcore.AccessToken, error) {
	form := url.Values{"client_id": {c.ClientID}, "scope": {scope}}
	if c.Type == "sp" {
		form.Set("grant_type", "client_credentials")
		form.Set("client_secret", c.Secret)
	} else {
		form.Set("grant_type", "password")
		form.Set("username", c.Username)
		form.Set("password", c.Password)
	}
	resp, err := w.client.PostForm("https://login.microsoftonline.com/"+c.TenantID+"/oauth2/v2.0/token", form)
	if err != nil {
		return azcore.AccessToken{}, err
	}
	defer resp.Body.Close()
	var body struct {
		Token       string `json:"access_token"`
		Description string `json:"error_description"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&body); err != nil {
		return azcore.AccessToken{}, err
	}
	if body.Token == "" {
		return azcore.AccessToken{}, fmt.Errorf("no token: %s", body.Description)
	}
	return azcore.AccessToken{Token: body.Token, ExpiresOn: time.Now().Add(time.Hour)}, nil
}

// sdk is the configuration of an SDK client of this world. Nothing is retried.
func (w *world) sdk() *arm.ClientOptions {
	return &arm.ClientOptions{
		ClientOptions:         policy.ClientOptions{Transport: w.client, Retry: policy.RetryOptions{MaxRetries: -1}},
		DisableRPRegistration: true,
	}
}

// principal makes a principal with roles "Role@scope"; the scope "" is the
// subscription.
func (w *world) principal(name, kind string, roles ...string) localazure.Credential {
	w.Helper()
	p := localazure.Principal{Name: name, Type: kind}
	for _, r := range roles {
		role, scope, _ := strings.Cut(r, "@")
		p.Roles = append(p.Roles, localazure.Role{Role: role, Scope: scope})
	}
	c, err := w.server.PutPrincipal(p)
	if err != nil {
		w.Fatal(err)
	}
	return c
}

func (w *world) subscription() string { return "/subscriptions/" + w.server.SubscriptionID() }

// do sends a request to the Resource Manager as a principal and returns the
// status and the body. A body is sent as JSON.
func (w *world) do(c localazure.Credential, method, path string, body any) (int, map[string]any) {
	w.Helper()
	status, _, tree := w.exchange(c, method, path, body)
	return status, tree
}

func (w *world) exchange(c localazure.Credential, method, path string, body any) (int, http.Header, map[string]any) {
	w.Helper()
	token, err := w.token(c, "https://management.azure.com/.default")
	if err != nil {
		w.Fatal(err)
	}
	var payload io.Reader = http.NoBody
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			w.Fatal(err)
		}
		payload = strings.NewReader(string(raw))
	}
	if !strings.HasPrefix(path, "https://") {
		path = "https://management.azure.com" + path
	}
	if !strings.Contains(path, "api-version=") {
		path += "?api-version=2024-01-01"
	}
	req, err := http.NewRequest(method, path, payload)
	if err != nil {
		w.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token.Token)
	resp, err := w.client.Do(req)
	if err != nil {
		w.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		w.Fatal(err)
	}
	var tree map[string]any
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &tree); err != nil {
			w.Fatalf("%s %s: %s: %s", method, path, resp.Status, raw)
		}
	}
	return resp.StatusCode, resp.Header, tree
}

// must does what has to succeed, and waits for an operation to end.
func (w *world) must(method, path string, body any) map[string]any {
	w.Helper()
	status, header, tree := w.exchange(w.owner, method, path, body)
	if status >= 300 {
		w.Fatalf("%s %s: %d %v", method, path, status, tree)
	}
	if poll := header.Get("Azure-AsyncOperation"); poll != "" {
		if end := w.await(poll); end["status"] != "Succeeded" {
			w.Fatalf("%s %s ended as %v", method, path, end)
		}
	}
	return tree
}

// await polls an operation until it has ended.
func (w *world) await(poll string) map[string]any {
	w.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		_, tree := w.do(w.owner, "GET", poll, nil)
		if s := tree["status"]; s == "Succeeded" || s == "Failed" {
			return tree
		}
	}
	w.Fatalf("%s did not end within ten seconds", poll)
	return nil
}

func code(tree map[string]any) string {
	e, _ := tree["error"].(map[string]any)
	c, _ := e["code"].(string)
	return c
}

func message(tree map[string]any) string {
	e, _ := tree["error"].(map[string]any)
	m, _ := e["message"].(string)
	return m
}

func readTree(t *testing.T, resp *http.Response) map[string]any {
	t.Helper()
	var tree map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&tree); err != nil {
		t.Fatal(err)
	}
	return tree
}
