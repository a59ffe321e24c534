package entra

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/go-jose/go-jose/v4"

	"github.com/kars-dev/kars/localazure/store"
)

const bucketKeys = "entra.keys" // key id → storedKey

type storedKey struct {
	ID    string `json:"id"`
	PKCS8 []byte `json:"pkcs8"`
}

type signingKey struct {
	id  string
	key *rsa.PrivateKey
}

// keyRing is the authority's signing keys; the first signs.
type keyRing []signingKey

// openKeys reads the signing keys, and makes one when there is none.
func openKeys(st *store.Store) (keyRing, error) {
	ring, err := readKeys(st)
	if err != nil || len(ring) > 0 {
		return ring, err
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("making a signing key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encoding a signing key: %w", err)
	}
	id, err := keyID(&key.PublicKey)
	if err != nil {
		return nil, err
	}
	err = st.Update(func(tx *store.Tx) error {
		return tx.Put(bucketKeys, id, storedKey{ID: id, PKCS8: der})
	})
	return keyRing{{id: id, key: key}}, err
}

func readKeys(st *store.Store) (keyRing, error) {
	var ring keyRing
	err := st.View(func(tx *store.Tx) error {
		return tx.Each(bucketKeys, "", func(_ string, raw json.RawMessage) error {
			var s storedKey
			if err := json.Unmarshal(raw, &s); err != nil {
				return err
			}
			parsed, err := x509.ParsePKCS8PrivateKey(s.PKCS8)
			if err != nil {
				return err
			}
			key, ok := parsed.(*rsa.PrivateKey)
			if !ok {
				return fmt.Errorf("key %s is not an RSA key", s.ID)
			}
			ring = append(ring, signingKey{id: s.ID, key: key})
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("reading signing keys: %w", err)
	}
	return ring, nil
}

// keyID is the key's thumbprint (RFC 7638).
func keyID(key *rsa.PublicKey) (string, error) {
	web := jose.JSONWebKey{Key: key}
	sum, err := web.Thumbprint(crypto.SHA256)
	if err != nil {
		return "", fmt.Errorf("naming a signing key: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(sum), nil
}

func (k keyRing) public(id string) (*rsa.PublicKey, bool) {
	for _, s := range k {
		if s.id == id {
			return &s.key.PublicKey, true
		}
	}
	return nil, false
}

func (k keyRing) sign(payload any) (string, error) {
	signer, err := jose.NewSigner(
		jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: k[0].key, KeyID: k[0].id}},
		(&jose.SignerOptions{}).WithType("JWT"),
	)
	if err != nil {
		return "", fmt.Errorf("signing a token: %w", err)
	}
	raw, err := json.Marshal(payload)
	if err != nil {
		return "", fmt.Errorf("signing a token: %w", err)
	}
	signed, err := signer.Sign(raw)
	if err != nil {
		return "", fmt.Errorf("signing a token: %w", err)
	}
	return signed.CompactSerialize()
}

// JWKS returns the public keys, as /discovery/v2.0/keys shows them.
func (a *Authority) JWKS() jose.JSONWebKeySet {
	var set jose.JSONWebKeySet
	for _, s := range a.keys {
		set.Keys = append(set.Keys, jose.JSONWebKey{
			Key: &s.key.PublicKey, KeyID: s.id, Algorithm: string(jose.RS256), Use: "sig",
		})
	}
	return set
}
