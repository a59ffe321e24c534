// Package tenanttest is an Entra tenant for tests: the local Azure's token
// authority and Microsoft Graph under their own host names, and a cluster's
// issuer of service-account tokens. Every answer is the local Azure's; nothing
// here decides anything.
package tenanttest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	azuregraph "github.com/kars-dev/kars/internal/azure/graph"
	"github.com/kars-dev/kars/localazure/directory"
	"github.com/kars-dev/kars/localazure/entra"
	"github.com/kars-dev/kars/localazure/graph"
	"github.com/kars-dev/kars/localazure/store"
)

const (
	// ID of the tenant.
	ID = "11111111-2222-4333-8444-555555555555"
	// Issuer of the cluster's service-account tokens.
	Issuer = "https://eastus2.oic.prod-aks.azure.com/" + ID + "/0b1c2d3e-0000-4000-8000-000000000000/"
	// Broker is the subject of the broker's service account.
	Broker = "system:serviceaccount:kars-system:kars-broker"

	issuerHost = "eastus2.oic.prod-aks.azure.com"
)

// Tenant is a tenant in a folder of the test.
type Tenant struct {
	t         testing.TB
	Directory *directory.Directory
	Authority *entra.Authority
	// Client reaches every host name of the tenant, and nothing else.
	Client *http.Client

	key *ecdsa.PrivateKey
	now func() time.Time

	mu       sync.Mutex
	requests []string
	override func(http.ResponseWriter, *http.Request) bool
}

// New founds a tenant.
func New(t testing.TB) *Tenant {
	t.Helper()
	return NewAt(t, time.Now)
}

// NewAt founds a tenant with a clock of its own.
func NewAt(t testing.TB, now func() time.Time) *Tenant {
	t.Helper()
	st, err := store.Open(t.TempDir())
	check(t, err)
	t.Cleanup(func() { _ = st.Close() })
	n := &Tenant{t: t, now: now, Directory: directory.New(st, now, ID)}
	check(t, n.Directory.Found())
	n.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	server := httptest.NewTLSServer(http.HandlerFunc(n.route))
	t.Cleanup(server.Close)
	n.Client = dialing(server)
	n.Authority, err = entra.New(entra.Options{Store: st, Directory: n.Directory, Now: now, Client: n.Client})
	check(t, err)
	return n
}

// dialing reaches the server under every name. The certificate of a test
// server is for example.com.
func dialing(server *httptest.Server) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, network, server.Listener.Addr().String())
		},
		TLSClientConfig: &tls.Config{
			RootCAs:    server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs,
			ServerName: "example.com", MinVersion: tls.VersionTLS12,
		},
	}}
}

func (n *Tenant) route(w http.ResponseWriter, r *http.Request) {
	n.mu.Lock()
	n.requests = append(n.requests, r.Method+" "+r.Host+r.URL.Path)
	override := n.override
	n.mu.Unlock()
	if override != nil && override(w, r) {
		return
	}
	switch r.Host {
	case issuerHost:
		n.serveIssuer(w, r)
	case graph.Host:
		graph.New(graph.Options{Directory: n.Directory, Verifier: n.Authority, Now: n.now}).ServeHTTP(w, r)
	default:
		n.Authority.ServeHTTP(w, r)
	}
}

// Override answers before the tenant does, where f returns true; nil ends it.
func (n *Tenant) Override(f func(http.ResponseWriter, *http.Request) bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.override = f
}

// Requests returns what was asked since the last call, as METHOD host/path.
func (n *Tenant) Requests() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	out := n.requests
	n.requests = nil
	return out
}

func (n *Tenant) serveIssuer(w http.ResponseWriter, r *http.Request) {
	if strings.HasSuffix(r.URL.Path, "/.well-known/openid-configuration") {
		_ = json.NewEncoder(w).Encode(map[string]string{"issuer": Issuer, "jwks_uri": Issuer + "openid/v1/jwks"})
		return
	}
	_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: n.key.Public(), KeyID: "cluster", Algorithm: "ES256", Use: "sig"}}})
}

// ServiceAccountToken is a projected token as the cluster issues it.
func (n *Tenant) ServiceAccountToken(subject, audience string) string {
	n.t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: n.key, KeyID: "cluster"}}, nil)
	check(n.t, err)
	now := time.Now()
	token, err := jwt.Signed(signer).Claims(jwt.Claims{
		Issuer: Issuer, Subject: subject, Audience: jwt.Audience{audience},
		IssuedAt: jwt.NewNumericDate(now), NotBefore: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(time.Hour)),
	}).Serialize()
	check(n.t, err)
	return token
}

// User is someone who is signed in.
type User struct {
	ID    string
	Graph *azuregraph.Client
}

// User creates a user with directory roles.
func (n *Tenant) User(name string, roles ...string) User {
	n.t.Helper()
	upn, password := name+"@"+directory.Domain, "the password of "+name
	p, err := n.Directory.CreateUser(directory.NewUser{UPN: upn, Password: password})
	check(n.t, err)
	for _, role := range roles {
		check(n.t, n.Directory.AssignDirectoryRole(p.ID, role))
	}
	client, err := azuregraph.New(passwordCredential{n, upn, password}, azuregraph.Options{Transport: n.Client.Transport})
	check(n.t, err)
	return User{ID: p.ID, Graph: client}
}

// passwordCredential signs a user in at the tenant, as kars does locally.
type passwordCredential struct {
	n             *Tenant
	upn, password string
}

func (c passwordCredential) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	form := url.Values{
		"grant_type": {"password"}, "client_id": {directory.KarsAppID},
		"username": {c.upn}, "password": {c.password}, "scope": {strings.Join(o.Scopes, " ")},
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost,
		"https://login.microsoftonline.com/"+ID+"/oauth2/v2.0/token", strings.NewReader(form.Encode()))
	if err != nil {
		return azcore.AccessToken{}, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := c.n.Client.Do(req)
	if err != nil {
		return azcore.AccessToken{}, err
	}
	defer res.Body.Close()
	var body struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int64  `json:"expires_in"`
		Description string `json:"error_description"`
	}
	if err := json.NewDecoder(res.Body).Decode(&body); err != nil {
		return azcore.AccessToken{}, err
	}
	if body.AccessToken == "" {
		return azcore.AccessToken{}, fmt.Errorf("signing %s in: %s", c.upn, body.Description)
	}
	return azcore.AccessToken{Token: body.AccessToken, ExpiresOn: time.Now().Add(time.Duration(body.ExpiresIn) * time.Second)}, nil
}

// Blueprint creates a blueprint with its principal that trusts the broker, and
// returns its application id.
func (n *Tenant) Blueprint(name, sponsor string) (appID string) {
	n.t.Helper()
	check(n.t, n.Directory.Update(func(t *directory.Tx) error {
		app, err := t.CreateBlueprint(store.Tree{"displayName": name}, []string{sponsor}, []string{sponsor})
		if err != nil {
			return err
		}
		appID = app.Text("appId")
		if _, err := t.CreateServicePrincipal(appID); err != nil {
			return err
		}
		_, err = t.PutFederatedCredential(app.ID, directory.FederatedCredential{
			Name: "kars-broker", Issuer: Issuer, Subject: Broker, Audiences: []string{"api://AzureADTokenExchange"},
		})
		return err
	}))
	return appID
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
