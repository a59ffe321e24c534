package entra

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"slices"
	"strings"

	"github.com/kars-dev/kars/localazure/directory"
	"github.com/kars-dev/kars/localazure/requests"
)

// password signs a user in by name and password;
// learn.microsoft.com/entra/identity-platform/v2-oauth-ropc.
func (a *Authority) password(ctx context.Context, form url.Values) (map[string]any, error) {
	app, ok := directory.PublicClient(form.Get("client_id"))
	if !ok {
		return nil, a.notPublic(form.Get("client_id"))
	}
	for _, required := range []string{"username", "password"} {
		if form.Get(required) == "" {
			return nil, errMissing(required)
		}
	}
	var user directory.Principal
	err := a.directory.View(func(t *directory.Tx) error {
		o, found, err := t.UserByName(form.Get("username"))
		if err != nil {
			return err
		}
		// An unknown user is told no more than one with a wrong password.
		right, err := t.CheckPassword(o.ID, form.Get("password"))
		if err != nil {
			return err
		}
		if !found || !right {
			return errPassword()
		}
		if !o.Enabled() {
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

// notPublic refuses a client that users cannot sign in with: because it needs
// a credential of its own, or because nobody knows it.
func (a *Authority) notPublic(appID string) error {
	return a.directory.View(func(t *directory.Tx) error {
		if _, err := a.findClient(t, appID); err != nil {
			return err
		}
		return errNotPublic()
	})
}

// grantUser answers with the tokens of a user who has signed in.
func (a *Authority) grantUser(ctx context.Context, app directory.App, user directory.Principal, form url.Values) (map[string]any, error) {
	scope, refused := scopeOf(form)
	if refused != nil {
		return nil, refused
	}
	var token Token
	var granted []string
	err := a.directory.View(func(t *directory.Tx) error {
		r, err := a.resourceOf(t, scope)
		if err != nil {
			return err
		}
		consented := []string{"user_impersonation"}
		if r.appID == directory.GraphAppID {
			consented = app.Scopes
		}
		if !scope.isDefault() {
			for _, p := range scope.permissions {
				if p != ".default" && !slices.ContainsFunc(consented, func(c string) bool { return strings.EqualFold(c, p) }) {
					return errConsent(app.AppID, app.DisplayName)
				}
			}
		}
		for _, c := range append(slices.Clone(consented), scope.permissions...) {
			granted = append(granted, scope.resource+"/"+c)
		}
		token, err = a.issue(t, grant{
			client: app.AppID, acr: "0", principal: user, resource: r, scopes: consented, lifetime: userLifetime,
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	requests.SetCaller(ctx, requests.Caller{
		ObjectID: user.ID, AppID: app.AppID, IdentityType: "user", Audience: token.Resource,
	})
	body := a.body(token)
	body["scope"] = strings.Join(append(granted, scope.openID...), " ")
	return body, a.addUserTokens(body, app, user, scope)
}

// addUserTokens adds what was asked for beside the access token.
func (a *Authority) addUserTokens(body map[string]any, app directory.App, user directory.Principal, scope scopeRequest) error {
	if slices.Contains(scope.openID, "openid") {
		id, err := a.idToken(app, user)
		if err != nil {
			return err
		}
		body["id_token"] = id
		body["client_info"] = encode(map[string]string{"uid": user.ID, "utid": a.directory.TenantID()})
	}
	if slices.Contains(scope.openID, "offline_access") {
		refresh, err := a.issueRefreshToken(app.AppID, user.ID)
		if err != nil {
			return err
		}
		body["refresh_token"] = refresh
	}
	return nil
}

// idToken tells the client who signed in. Its audience is the client, so no
// resource takes it for an access token.
func (a *Authority) idToken(app directory.App, user directory.Principal) (string, error) {
	now := a.now().Unix()
	return a.keys.sign(map[string]any{
		"aud": app.AppID, "iss": a.Issuer(), "iat": now, "nbf": now, "exp": now + int64(appLifetime.Seconds()),
		"name": user.DisplayName, "oid": user.ID, "preferred_username": user.UPN, "sub": user.ID,
		"tid": a.directory.TenantID(), "uti": newUTI(), "ver": "2.0",
	})
}

func encode(v map[string]string) string {
	raw, _ := json.Marshal(v) // strings always encode
	return base64.RawURLEncoding.EncodeToString(raw)
}
