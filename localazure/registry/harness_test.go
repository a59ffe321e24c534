package registry

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/kars-dev/kars/images"
	"github.com/kars-dev/kars/internal/rbac"
	"github.com/kars-dev/kars/localazure/entra"
	"github.com/kars-dev/kars/localazure/store"
)

const (
	contoso = "contoso.azurecr.io"
	tenant  = "11111111-1111-4111-8111-111111111111"
)

func registryID(login string) string {
	short, _, _ := strings.Cut(login, ".")
	return "/subscriptions/22222222-2222-4222-8222-222222222222/resourceGroups/rg/providers/Microsoft.ContainerRegistry/registries/" + short
}

// known are the registries of the tests.
type known map[string]Registry

func (k known) Registry(_ context.Context, login string) (Registry, bool, error) {
	r, ok := k[login]
	return r, ok, nil
}

// issued are Entra tokens: the token's text to what it says.
type issued map[string]entra.Claims

func (i issued) Verify(_ context.Context, raw string, audiences ...string) (entra.Claims, error) {
	c, ok := i[raw]
	if !ok {
		return entra.Claims{}, errors.New("unknown token")
	}
	for _, a := range audiences {
		if a == c.Audience {
			return c, nil
		}
	}
	return entra.Claims{}, errors.New("the audience is " + c.Audience)
}

// assigned decides from role assignments that a test may change.
type assigned struct{ in rbac.Input }

func (a *assigned) Authorize(_ context.Context, c entra.Claims, r rbac.Request) (rbac.Decision, error) {
	return rbac.Compile(a.in).Decide([]string{c.ObjectID}, r), nil
}

func (a *assigned) assign(role, principal, scope string) {
	a.in.Assignments = append(a.in.Assignments, rbac.Assignment{
		ID: role + principal + scope, PrincipalID: principal, RoleDefinitionID: role, Scope: scope,
	})
}

// The built-in roles that have to do with registries.
const (
	acrPull   = "7f951dda-4ed3-4680-a7ca-43fe172d538d"
	acrPush   = "8311e382-0749-4cb8-b61a-304f252e45ec"
	acrDelete = "c2f4ef07-c644-48eb-af81-4b1b4947fb11"
	reader    = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
)

func builtIn() []rbac.RoleDefinition {
	role := func(id string, actions ...string) rbac.RoleDefinition {
		return rbac.RoleDefinition{ID: id, Type: "BuiltInRole", Permissions: []rbac.Permission{{Actions: actions}}, AssignableScopes: []string{"/"}}
	}
	return []rbac.RoleDefinition{
		role(acrPull, pullRead), role(acrPush, pullRead, pushWrite), role(acrDelete, artifactsDelete), role(reader, "*/read"),
	}
}

// fixture is a service that listens, and clients of it.
type fixture struct {
	*Service
	t      *testing.T
	dir    string
	roles  *assigned
	tokens issued
	clock  time.Time
	layout *images.Layout
	server *httptest.Server
	store  *store.Store
}

// testKey is one key for all fixtures, because making one takes longer than
// most tests.
var testKey = sync.OnceValue(func() jose.JSONWebKey {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return jose.JSONWebKey{Key: private, KeyID: "test", Algorithm: string(jose.RS256), Use: "sig"}
})

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{
		t: t, dir: t.TempDir(), roles: &assigned{rbac.Input{Definitions: builtIn()}}, tokens: issued{},
		clock: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	}
	f.layout = images.Open(filepath.Join(f.dir, "images"))
	f.start()
	t.Cleanup(f.stop)
	for _, role := range []string{acrPull, acrPush, acrDelete, reader} {
		f.principal(role, tenant)
		f.roles.assign(role, role, registryID(contoso))
	}
	f.principal("nobody", tenant)
	return f
}

// principal makes a token "<id>" for ARM's audience.
func (f *fixture) principal(id, tenantID string) {
	f.tokens[id] = entra.Claims{
		ObjectID: id, AppID: "app-" + id, TenantID: tenantID, IdentityType: "app",
		Audience: "https://management.azure.com",
	}
}

func (f *fixture) start() {
	st, err := store.Open(f.dir)
	if err != nil {
		f.t.Fatal(err)
	}
	f.store = st
	if err := st.Update(func(tx *store.Tx) error { return tx.Put(keyBucket, "signing", testKey()) }); err != nil {
		f.t.Fatal(err)
	}
	registries := known{}
	for _, login := range []string{contoso, "fabrikam.azurecr.io"} {
		registries[login] = Registry{ID: registryID(login), LoginServer: login, TenantID: tenant}
	}
	f.Service, err = New(Options{
		Dir: filepath.Join(f.dir, "registry"), Store: st, Registries: registries, Entra: f.tokens, Authorizer: f.roles,
		Images: f.layout, Now: func() time.Time { return f.clock },
	})
	if err != nil {
		f.t.Fatal(err)
	}
	f.server = httptest.NewTLSServer(f.Service)
}

func (f *fixture) stop() {
	f.server.Close()
	if err := f.store.Close(); err != nil {
		f.t.Error(err)
	}
}

func (f *fixture) restart() {
	f.stop()
	f.start()
}

// transport reaches the service under every name.
func (f *fixture) transport() *http.Transport {
	base := f.server.Client().Transport.(*http.Transport)
	config := base.TLSClientConfig.Clone()
	config.ServerName = "example.com" // of the test server's certificate
	return &http.Transport{
		TLSClientConfig: config,
		DialTLSContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			d := tls.Dialer{Config: config}
			return d.DialContext(ctx, network, f.server.Listener.Addr().String())
		},
	}
}

func (f *fixture) client() *http.Client { return &http.Client{Transport: f.transport()} }

// exchangeToken returns the status and the refresh token.
func (f *fixture) exchangeToken(login string, form url.Values) (int, string) {
	f.t.Helper()
	resp, err := f.client().PostForm("https://"+login+"/oauth2/exchange", form)
	if err != nil {
		f.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var body struct {
		RefreshToken string `json:"refresh_token"`
	}
	_ = json.NewDecoder(resp.Body).Decode(&body)
	return resp.StatusCode, body.RefreshToken
}

func exchangeForm(login, token string) url.Values {
	return url.Values{"grant_type": {"access_token"}, "service": {login}, "tenant": {tenant}, "access_token": {token}}
}

func (f *fixture) refresh(login, principal string) string {
	f.t.Helper()
	status, token := f.exchangeToken(login, exchangeForm(login, principal))
	if status != http.StatusOK {
		f.t.Fatalf("exchanging the token of %s: status %d", principal, status)
	}
	return token
}

// as are options of a go-containerregistry client that acts for a principal.
func (f *fixture) as(login, principal string) []remote.Option {
	return []remote.Option{
		remote.WithTransport(f.transport()), remote.WithContext(f.t.Context()),
		remote.WithAuth(authn.FromConfig(authn.AuthConfig{Username: NullUser, Password: f.refresh(login, principal)})),
	}
}

func ref(t *testing.T, s string) name.Reference {
	t.Helper()
	r, err := name.ParseReference(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// access asks for an access token with these scopes.
func (f *fixture) access(login, refresh string, scopes ...string) (int, string) {
	f.t.Helper()
	form := url.Values{
		"grant_type": {"refresh_token"}, "service": {login}, "refresh_token": {refresh}, "scope": scopes,
	}
	resp, err := f.client().PostForm("https://"+login+"/oauth2/token", form)
	if err != nil {
		f.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var body struct {
		AccessToken string `json:"access_token"`
	}
	_ = json.NewDecoder(resp.Body).Decode(&body)
	return resp.StatusCode, body.AccessToken
}

// do sends a request with an access token.
func (f *fixture) do(method, target, token string, header http.Header, body string) *http.Response {
	f.t.Helper()
	req, err := http.NewRequestWithContext(f.t.Context(), method, target, strings.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	for k, v := range header {
		req.Header[k] = v
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := f.client().Do(req)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}
