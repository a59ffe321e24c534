// Package entra issues and verifies the tokens of the local Azure as Microsoft
// Entra ID does: OpenID discovery, keys, and a token endpoint for passwords,
// client secrets, federated assertions and the agent-identity exchange.
//
// Start with [New]. An [Authority] is an http.Handler for the sign-in hosts
// (login.microsoftonline.com, sts.windows.net); services that are called with
// its tokens use [Authority.Verify].
//
// It promises that a token verifies only for the application it was issued for,
// that a token that was got with a federated credential buys no other
// (AADSTS700231), and that it writes no secret, assertion or token anywhere.
package entra

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/kars-dev/kars/localazure/directory"
	"github.com/kars-dev/kars/localazure/store"
)

// Options are what an [Authority] works with.
type Options struct {
	Store     *store.Store
	Directory *directory.Directory
	Now       func() time.Time
	// Client fetches the discovery documents and keys of other issuers whose
	// assertions are federated: the clusters'.
	Client *http.Client
}

// Authority is the tenant's token issuer.
type Authority struct {
	directory *directory.Directory
	store     *store.Store
	now       func() time.Time
	keys      keyRing
	issuers   *issuers
	mux       *http.ServeMux
}

// New returns the authority of the directory's tenant. Its signing key is made
// at the first start and kept in the store.
func New(o Options) (*Authority, error) {
	keys, err := openKeys(o.Store)
	if err != nil {
		return nil, err
	}
	a := &Authority{directory: o.Directory, store: o.Store, now: o.Now, keys: keys}
	a.issuers = &issuers{client: o.Client, now: o.Now}
	a.mux = a.routes()
	return a, nil
}

// ServeHTTP answers the sign-in hosts.
func (a *Authority) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.mux.ServeHTTP(w, r) }

// The hosts of the public cloud's authority.
const (
	LoginHost = "login.microsoftonline.com"
	STSHost   = "sts.windows.net"
)

// Issuer returns the issuer of tokens that are exchanged for others, of
// managed identities for instance: https://login.microsoftonline.com/<tenant>/v2.0.
func (a *Authority) Issuer() string {
	return "https://" + LoginHost + "/" + a.directory.TenantID() + "/v2.0"
}

// resourceIssuer is the issuer of tokens for resources.
func (a *Authority) resourceIssuer() string {
	return "https://" + STSHost + "/" + a.directory.TenantID() + "/"
}

// Why a token was refused; use errors.Is.
var (
	ErrMalformed = errors.New("the token is not a signed token of this tenant")
	ErrExpired   = errors.New("the token is not within its lifetime")
	ErrAudience  = errors.New("the token was issued for another resource")
	ErrIssuer    = errors.New("the token was issued by another authority")
)

// Claims are what a verified access token says.
type Claims struct {
	ObjectID     string
	AppID        string // of the client
	TenantID     string
	Audience     string // as it was asked for
	IdentityType string // "user" or "app"
	UPN          string
	Name         string
	Scopes       []string // delegated permissions
	Roles        []string // application permissions
	Directory    []string // template ids of directory roles (wids)
	ParentAppID  string   // the blueprint of an agent identity; nothing to authorise on
	Agent        bool     // whether an agent identity is the subject
	ARMID        string   // of a managed identity
	Issued       time.Time
	Expires      time.Time
}

// Verify checks an access token: signature, issuer, tenant, lifetime, and that
// it was issued for one of the audiences. An audience is a resource's name
// ("https://management.azure.com") or client id; all names of one of Azure's own
// resources are the same, and a trailing slash does not matter.
func (a *Authority) Verify(_ context.Context, rawToken string, audiences ...string) (Claims, error) {
	wire, err := a.open(rawToken)
	if err != nil {
		return Claims{}, err
	}
	if wire.Issuer != a.resourceIssuer() {
		return Claims{}, fmt.Errorf("%w: %q", ErrIssuer, wire.Issuer)
	}
	if !strings.EqualFold(wire.TenantID, a.directory.TenantID()) {
		return Claims{}, fmt.Errorf("%w: tenant %q", ErrIssuer, wire.TenantID)
	}
	for _, audience := range audiences {
		if sameResource(audience, wire.Audience) {
			return wire.claims(), nil
		}
	}
	return Claims{}, fmt.Errorf("%w: %q", ErrAudience, wire.Audience)
}

// open checks signature and lifetime of a token of ours.
func (a *Authority) open(rawToken string) (wireClaims, error) {
	// RS256 alone: neither "none" nor a key that the token brings along.
	parsed, err := jwt.ParseSigned(rawToken, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return wireClaims{}, ErrMalformed
	}
	wire, err := a.openParsed(parsed)
	if err != nil {
		return wireClaims{}, err
	}
	now := a.now().Unix()
	if now < wire.NotBefore || now >= wire.Expires {
		return wireClaims{}, ErrExpired
	}
	return wire, nil
}

// openParsed checks the signature of a token of ours, and nothing else.
func (a *Authority) openParsed(parsed *jwt.JSONWebToken) (wireClaims, error) {
	if len(parsed.Headers) != 1 || parsed.Headers[0].Algorithm != string(jose.RS256) {
		return wireClaims{}, ErrMalformed
	}
	key, ok := a.keys.public(parsed.Headers[0].KeyID)
	if !ok {
		return wireClaims{}, ErrMalformed
	}
	var wire wireClaims
	if err := parsed.Claims(key, &wire); err != nil {
		return wireClaims{}, ErrMalformed
	}
	return wire, nil
}

// sameResource says whether two audiences name the same resource.
func sameResource(one, other string) bool {
	if one == "" || other == "" {
		return false
	}
	a, okA := directory.Resource(one)
	b, okB := directory.Resource(other)
	if okA || okB {
		return okA && okB && a.AppID == b.AppID
	}
	return strings.EqualFold(strings.TrimRight(one, "/"), strings.TrimRight(other, "/"))
}

// BearerToken returns the bearer token of a request.
func BearerToken(r *http.Request) (string, bool) {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	token = strings.TrimSpace(token)
	return token, ok && strings.EqualFold(scheme, "Bearer") && token != ""
}
