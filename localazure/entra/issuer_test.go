package entra_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// cluster is a Kubernetes cluster's issuer of service-account tokens.
type cluster struct {
	w      *world
	issuer string
	key    *rsa.PrivateKey
	keyID  string
	asked  int // times that its keys were read
}

// newCluster serves the discovery document and the keys of an issuer.
func (w *world) newCluster() *cluster {
	w.t.Helper()
	c := &cluster{w: w, issuer: "https://eastus2.oic.prod-aks.azure.com/" + tenant + "/9c1a2b3c-0000-4000-8000-000000000001/"}
	c.rotate("one")
	w.hosts["eastus2.oic.prod-aks.azure.com"] = c
	return c
}

func (c *cluster) rotate(id string) { c.key, c.keyID = keys[id](), id }

// keys are made when they are first used, and then used by every test.
var keys = map[string]func() *rsa.PrivateKey{
	"one": sync.OnceValue(newKey), "two": sync.OnceValue(newKey), "unheard of": sync.OnceValue(newKey),
}

func newKey() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) }

func (c *cluster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	base, _ := url.Parse(c.issuer)
	switch r.URL.Path {
	case base.Path + ".well-known/openid-configuration":
		_ = json.NewEncoder(w).Encode(map[string]string{"issuer": c.issuer, "jwks_uri": c.issuer + "openid/v1/jwks"})
	case base.Path + "openid/v1/jwks":
		c.asked++
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
			{Key: c.key.Public(), KeyID: c.keyID, Algorithm: "RS256", Use: "sig"},
		}})
	default:
		http.NotFound(w, r)
	}
}

// token is a projected service-account token.
func (c *cluster) token(subject, audience string) string {
	now := c.w.clock.now()
	return c.sign(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: c.key, KeyID: c.keyID}}, jwt.Claims{
		Issuer: c.issuer, Subject: subject, Audience: jwt.Audience{audience},
		IssuedAt: jwt.NewNumericDate(now), NotBefore: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(time.Hour)),
	})
}

func (c *cluster) sign(key jose.SigningKey, claims jwt.Claims) string {
	signer := must(jose.NewSigner(key, (&jose.SignerOptions{}).WithType("JWT")))
	return must(jwt.Signed(signer).Claims(claims).Serialize())
}
