package entra

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// errIssuerUnreachable says that an issuer's keys could not be had.
var errIssuerUnreachable = errors.New("the issuer's keys cannot be read")

// Keys are asked for again after a while, and at once, though not too often,
// when a token names one that is not known: issuers rotate.
const (
	keysFresh   = time.Hour
	keysRecheck = 10 * time.Second
	maxDocument = 1 << 20
)

// issuers are other issuers and their keys.
type issuers struct {
	client *http.Client
	now    func() time.Time

	mu   sync.Mutex
	keys map[string]issuerKeys
}

type issuerKeys struct {
	set jose.JSONWebKeySet
	at  time.Time
}

// verify checks a token's signature with its issuer's keys and reads its claims.
func (i *issuers) verify(ctx context.Context, issuer string, token *jwt.JSONWebToken, out *jwt.Claims) error {
	id := token.Headers[0].KeyID
	known, have := i.cached(issuer)
	age := i.now().Sub(known.at)
	if !have || age > keysFresh || (len(known.set.Key(id)) == 0 && age > keysRecheck) {
		set, err := i.fetch(ctx, issuer)
		if err != nil {
			return fmt.Errorf("%w: %w", errIssuerUnreachable, err)
		}
		known = i.remember(issuer, set)
	}
	for _, key := range known.set.Key(id) {
		if key.IsPublic() && token.Claims(key.Key, out) == nil {
			return nil
		}
	}
	return errors.New("no key of the issuer made this signature")
}

func (i *issuers) cached(issuer string) (issuerKeys, bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	k, ok := i.keys[issuer]
	return k, ok
}

func (i *issuers) remember(issuer string, set jose.JSONWebKeySet) issuerKeys {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.keys == nil {
		i.keys = map[string]issuerKeys{}
	}
	i.keys[issuer] = issuerKeys{set: set, at: i.now()}
	return i.keys[issuer]
}

// fetch reads an issuer's discovery document and its keys, over TLS alone.
func (i *issuers) fetch(ctx context.Context, issuer string) (jose.JSONWebKeySet, error) {
	var set jose.JSONWebKeySet
	if i.client == nil {
		return set, errors.New("no client to ask other issuers with")
	}
	var document struct {
		Issuer string `json:"issuer"`
		JWKS   string `json:"jwks_uri"`
	}
	if err := i.get(ctx, strings.TrimRight(issuer, "/")+"/.well-known/openid-configuration", &document); err != nil {
		return set, err
	}
	if document.Issuer != issuer {
		return set, fmt.Errorf("issuer %q calls itself %q", issuer, document.Issuer)
	}
	return set, i.get(ctx, document.JWKS, &set)
}

func (i *issuers) get(ctx context.Context, url string, out any) error {
	if !strings.HasPrefix(url, "https://") {
		return fmt.Errorf("%q is not served over TLS", url)
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := i.client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", url, resp.Status)
	}
	return json.NewDecoder(io.LimitReader(resp.Body, maxDocument)).Decode(out)
}
