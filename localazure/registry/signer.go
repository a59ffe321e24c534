package registry

import (
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/uuid"

	"github.com/kars-dev/kars/localazure/entra"
	"github.com/kars-dev/kars/localazure/store"
)

// issuer is what Azure's registries call themselves in their tokens. Claim
// sets: github.com/Azure/acr/blob/main/docs/AAD-OAuth.md, section "Azure
// Container Registry token claim sets".
const issuer = "Azure Container Registry"

// How long tokens live. An access token lives 75 minutes, as in the source
// above; a refresh token three hours,
// learn.microsoft.com/azure/container-registry/container-registry-authentication#az-acr-login-with---expose-token.
const (
	accessLifetime  = 75 * time.Minute
	refreshLifetime = 3 * time.Hour
)

// What a token of the registry is for.
const (
	refreshGrant = "refresh_token"
	accessGrant  = "access_token"
)

// claims are those of a registry's own tokens.
type claims struct {
	jwt.Claims

	Version     string       `json:"version"`
	GrantType   string       `json:"grant_type"`
	Tenant      string       `json:"tenant"`
	ObjectID    string       `json:"oid"`
	AppID       string       `json:"appid,omitempty"`
	Identity    string       `json:"idtyp,omitempty"`
	ParentAppID string       `json:"xms_par_app_azp,omitempty"`
	Permissions *permissions `json:"permissions,omitempty"` // of a refresh token
	Access      []scope      `json:"access,omitempty"`      // of an access token
}

type permissions struct {
	Actions    []string `json:"actions"`
	NotActions []string `json:"notActions"`
}

// principal is whom the token was issued to, as the authorizer takes it.
func (c claims) principal() entra.Claims {
	return entra.Claims{
		ObjectID: c.ObjectID, AppID: c.AppID, TenantID: c.Tenant,
		IdentityType: c.Identity, ParentAppID: c.ParentAppID,
	}
}

// signer signs and checks the tokens of all registries.
type signer struct {
	key jose.JSONWebKey
}

// loadSigner reads the signing key, or makes one that every later start finds.
func loadSigner(st *store.Store) (*signer, error) {
	const name = "signing"
	var key jose.JSONWebKey
	err := st.Update(func(tx *store.Tx) error {
		if ok, err := tx.Get(keyBucket, name, &key); err != nil || ok {
			return err
		}
		private, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			return err
		}
		key = jose.JSONWebKey{Key: private, KeyID: uuid.NewString(), Algorithm: string(jose.RS256), Use: "sig"}
		return tx.Put(keyBucket, name, key)
	})
	if err != nil {
		return nil, fmt.Errorf("loading the registry's signing key: %w", err)
	}
	return &signer{key}, nil
}

func (s *signer) sign(c claims) (string, error) {
	options := (&jose.SignerOptions{}).WithType("JWT")
	j, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: s.key}, options)
	if err != nil {
		return "", err
	}
	return jwt.Signed(j).Claims(c).Serialize()
}

var errGrant = errors.New("the token is for another purpose")

// verify checks signature, times, the registry it is for and its purpose.
func (s *signer) verify(raw, grant string, reg Registry, now time.Time) (claims, error) {
	token, err := jwt.ParseSigned(raw, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return claims{}, err
	}
	var c claims
	if err := token.Claims(s.key.Public(), &c); err != nil {
		return claims{}, err
	}
	expected := jwt.Expected{Issuer: issuer, AnyAudience: jwt.Audience{reg.LoginServer}, Time: now}
	if err := c.ValidateWithLeeway(expected, 0); err != nil {
		return claims{}, err
	}
	if c.GrantType != grant || c.Expiry == nil {
		return claims{}, errGrant
	}
	return c, nil
}

// newClaims fills in what every token has.
func newClaims(reg Registry, who entra.Claims, grant string, now time.Time, lifetime time.Duration) claims {
	subject := who.AppID
	if who.UPN != "" {
		subject = who.UPN
	}
	return claims{
		Claims: jwt.Claims{
			Issuer: issuer, Subject: subject, Audience: jwt.Audience{reg.LoginServer}, ID: uuid.NewString(),
			IssuedAt: jwt.NewNumericDate(now), NotBefore: jwt.NewNumericDate(now),
			Expiry: jwt.NewNumericDate(now.Add(lifetime)),
		},
		Version: "1.0", GrantType: grant, Tenant: who.TenantID,
		ObjectID: who.ObjectID, AppID: who.AppID, Identity: who.IdentityType, ParentAppID: who.ParentAppID,
	}
}
