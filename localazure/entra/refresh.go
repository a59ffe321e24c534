package entra

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"strings"
	"time"

	"github.com/kars-dev/kars/localazure/directory"
	"github.com/kars-dev/kars/localazure/store"
)

const (
	bucketRefresh   = "entra.refresh" // hash of the token → refreshToken
	refreshLifetime = 90 * 24 * time.Hour
)

// refreshToken is a refresh token; it is opaque, and kept only as a hash.
type refreshToken struct {
	Client  string    `json:"client"`
	User    string    `json:"user"`
	Expires time.Time `json:"expires"`
}

func (a *Authority) issueRefreshToken(client, user string) (string, error) {
	text := "1.A" + newUTI() + newUTI()
	kept := refreshToken{Client: client, User: user, Expires: a.now().Add(refreshLifetime).UTC()}
	err := a.store.Update(func(tx *store.Tx) error {
		if err := a.dropExpired(tx); err != nil {
			return err
		}
		return tx.Put(bucketRefresh, refreshKey(text), kept)
	})
	return text, err
}

func (a *Authority) dropExpired(tx *store.Tx) error {
	var old []string
	err := tx.Each(bucketRefresh, "", func(key string, raw json.RawMessage) error {
		var kept refreshToken
		if err := json.Unmarshal(raw, &kept); err != nil || !a.now().Before(kept.Expires) {
			old = append(old, strings.Clone(key))
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, key := range old {
		if err := tx.Delete(bucketRefresh, key); err != nil {
			return err
		}
	}
	return nil
}

// refresh grants a user's tokens again;
// learn.microsoft.com/entra/identity-platform/refresh-tokens.
func (a *Authority) refresh(ctx context.Context, form url.Values) (map[string]any, error) {
	app, ok := directory.PublicClient(form.Get("client_id"))
	if !ok {
		return nil, a.notPublic(form.Get("client_id"))
	}
	if form.Get("refresh_token") == "" {
		return nil, errMissing("refresh_token")
	}
	var kept refreshToken
	var user directory.Principal
	err := a.store.View(func(tx *store.Tx) error {
		found, err := tx.Get(bucketRefresh, refreshKey(form.Get("refresh_token")), &kept)
		if err != nil {
			return err
		}
		if !found || !strings.EqualFold(kept.Client, app.AppID) {
			return errRefreshToken()
		}
		if !a.now().Before(kept.Expires) {
			return errRefreshExpired()
		}
		o, found, err := a.directory.In(tx).Object(kept.User)
		if err != nil {
			return err
		}
		if !found || !o.Enabled() {
			return errUserDisabled()
		}
		user = o.Principal()
		return nil
	})
	if err != nil {
		return nil, err
	}
	return a.grantUser(ctx, app, user, form)
}

func refreshKey(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
