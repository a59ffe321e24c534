package entra_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/kars-dev/kars/localazure/directory"
	"github.com/kars-dev/kars/localazure/entra"
)

func TestTokenEndpointRefusals(t *testing.T) {
	w := newWorld(t)
	sp, secret, err := w.directory.CreateServicePrincipalWithSecret("deployer")
	if err != nil {
		t.Fatal(err)
	}
	user := must(w.directory.CreateUser(directory.NewUser{UPN: "owner@" + directory.Domain, Password: "correct-horse"}))
	off := must(w.directory.CreateUser(directory.NewUser{UPN: "off@" + directory.Domain, Password: "correct-horse"}))
	noPassword := must(w.directory.CreateUser(directory.NewUser{UPN: "nobody@" + directory.Domain}))
	var orphan directory.Object
	err = w.directory.Update(func(t *directory.Tx) (err error) {
		if _, err = t.Patch(off.ID, map[string]any{"accountEnabled": false}); err != nil {
			return err
		}
		orphan, err = t.CreateApplication(map[string]any{"displayName": "without principal"})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	app := func(client, text, scope string) url.Values {
		return url.Values{"grant_type": {"client_credentials"}, "client_id": {client}, "client_secret": {text}, "scope": {scope}}
	}
	person := func(client, name, password, scope string) url.Values {
		return url.Values{"grant_type": {"password"}, "client_id": {client}, "username": {name}, "password": {password}, "scope": {scope}}
	}
	for name, c := range map[string]struct {
		form url.Values
		code float64
	}{
		"a wrong secret":    {app(sp.AppID, "wrong", armScope), 7000215},
		"no secret":         {app(sp.AppID, "", armScope), 7000216},
		"an unknown client": {app("00000000-0000-4000-8000-000000000000", "unguessable-text", armScope), 700016},
		"an application without a service principal": {app(orphan.Text("appId"), "unguessable-text", armScope), 7000229},
		"an unknown resource":                        {app(sp.AppID, secret.Text, "https://unknown.example/.default"), 500011},
		"a scope that is no .default":                {app(sp.AppID, secret.Text, "https://graph.microsoft.com/User.Read"), 1002012},
		"no scope":                                   {app(sp.AppID, secret.Text, ""), 70011},
		"scopes of two resources":                    {app(sp.AppID, secret.Text, armScope+" https://vault.azure.net/.default"), 28000},
		"a grant type that there is not":             {url.Values{"grant_type": {"saml"}, "client_id": {sp.AppID}}, 70003},
		"no client":                                  {url.Values{"grant_type": {"client_credentials"}}, 900144},
		"a wrong password":                           {person(directory.KarsAppID, user.UPN, "wrong", armScope), 50126},
		"a user who is not there":                    {person(directory.KarsAppID, "ghost@x.example", "correct-horse", armScope), 50126},
		"a user without a password":                  {person(directory.KarsAppID, noPassword.UPN, "unguessable-text", armScope), 50126},
		"a disabled user":                            {person(directory.KarsAppID, off.UPN, "correct-horse", armScope), 50057},
		"a password through a confidential client":   {person(sp.AppID, user.UPN, "correct-horse", armScope), 7000218},
		"a password through an unknown client":       {person("00000000-0000-4000-8000-000000000000", user.UPN, "correct-horse", armScope), 700016},
		"a scope that nobody consented to":           {person(directory.KarsAppID, user.UPN, "correct-horse", "https://graph.microsoft.com/Mail.Read"), 65001},
		"a refresh token that was never issued":      {url.Values{"grant_type": {"refresh_token"}, "client_id": {directory.KarsAppID}, "refresh_token": {"x"}, "scope": {armScope}}, 9002313},
	} {
		t.Run(name, func(t *testing.T) { w.refused(c.form, c.code) })
	}
	t.Run("an unknown tenant", func(t *testing.T) {
		_, body := w.postTo("https://login.microsoftonline.com/contoso.onmicrosoft.com/oauth2/v2.0/token", app(sp.AppID, secret.Text, armScope))
		if text, _ := body["error_description"].(string); !strings.HasPrefix(text, "AADSTS90002: ") {
			t.Errorf("refused with %q, want AADSTS90002", text)
		}
	})
}

func TestSecretEnds(t *testing.T) {
	w := newWorld(t)
	sp, secret, err := w.directory.CreateServicePrincipalWithSecret("deployer")
	if err != nil {
		t.Fatal(err)
	}
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {sp.AppID}, "client_secret": {secret.Text}, "scope": {armScope}}
	w.grant(form)
	w.clock.forward(3 * 365 * 24 * time.Hour)
	w.refused(form, 7000222)
}

func TestRefreshTokenIsBoundToItsClientAndEndsWithTheUser(t *testing.T) {
	w := newWorld(t)
	user := must(w.directory.CreateUser(directory.NewUser{UPN: "owner@" + directory.Domain, Password: "correct-horse"}))
	_, body := w.post(url.Values{
		"grant_type": {"password"}, "client_id": {directory.KarsAppID}, "username": {user.UPN}, "password": {"correct-horse"},
		"scope": {"openid offline_access " + armScope},
	})
	form := func(client string) url.Values {
		return url.Values{
			"grant_type": {"refresh_token"}, "client_id": {client},
			"refresh_token": {body["refresh_token"].(string)}, "scope": {armScope},
		}
	}
	w.grant(form(directory.KarsAppID))
	w.refused(form(directory.AzureCLIAppID), 9002313)
	for _, token := range []string{body["refresh_token"].(string), body["id_token"].(string)} {
		if _, err := w.authority.Verify(t.Context(), token, "https://management.azure.com", directory.KarsAppID); err == nil {
			t.Error("something that is no access token verified as one")
		}
	}
	err := w.directory.Update(func(t *directory.Tx) error { return t.Delete(user.ID) })
	if err != nil {
		t.Fatal(err)
	}
	w.refused(form(directory.KarsAppID), 50057)
}

func TestVerifyTellsWhyATokenIsRefused(t *testing.T) {
	w := newWorld(t)
	sp, _, err := w.directory.CreateServicePrincipalWithSecret("deployer")
	if err != nil {
		t.Fatal(err)
	}
	token := must(w.authority.IssueManagedIdentity(t.Context(), sp, "https://management.azure.com/")).AccessToken
	other := newWorld(t)
	foreign := must(other.authority.IssueManagedIdentity(t.Context(), sp, "https://management.azure.com/")).AccessToken
	parts, foreignParts := strings.Split(token, "."), strings.Split(foreign, ".")
	for name, c := range map[string]struct {
		token, audience string
		want            error
	}{
		"a token for another resource":           {token, "https://graph.microsoft.com", entra.ErrAudience},
		"a token of another authority":           {foreign, "https://management.azure.com", entra.ErrMalformed},
		"a token with another's signature":       {parts[0] + "." + parts[1] + "." + foreignParts[2], "https://management.azure.com", entra.ErrMalformed},
		"a token without a signature (alg none)": {"eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0." + parts[1] + ".", "https://management.azure.com", entra.ErrMalformed},
		"no token":                               {"", "https://management.azure.com", entra.ErrMalformed},
	} {
		if _, err := w.authority.Verify(t.Context(), c.token, c.audience); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	w.verify(token, "https://management.core.windows.net/")
	w.clock.forward(25 * time.Hour)
	if _, err := w.authority.Verify(t.Context(), token, "https://management.azure.com"); !errors.Is(err, entra.ErrExpired) {
		t.Errorf("after a day: %v, want %v", err, entra.ErrExpired)
	}
}

func TestAuthorityKeepsItsKeysOverARestart(t *testing.T) {
	w := newWorld(t)
	sp, _, err := w.directory.CreateServicePrincipalWithSecret("deployer")
	if err != nil {
		t.Fatal(err)
	}
	token := must(w.authority.IssueManagedIdentity(t.Context(), sp, "https://management.azure.com/")).AccessToken
	w.authority = must(entra.New(entra.Options{Store: w.store, Directory: w.directory, Now: w.clock.now}))
	w.verify(token, "https://management.azure.com")
}

func TestDiscovery(t *testing.T) {
	w := newWorld(t)
	for path, issuer := range map[string]string{
		"/" + tenant + "/v2.0/.well-known/openid-configuration": "https://login.microsoftonline.com/" + tenant + "/v2.0",
		"/organizations/v2.0/.well-known/openid-configuration":  "https://login.microsoftonline.com/" + tenant + "/v2.0",
		"/common/v2.0/.well-known/openid-configuration":         "https://login.microsoftonline.com/" + tenant + "/v2.0",
		"/" + tenant + "/.well-known/openid-configuration":      "https://sts.windows.net/" + tenant + "/",
	} {
		status, document := w.get("https://login.microsoftonline.com" + path)
		if status != http.StatusOK || document["issuer"] != issuer {
			t.Errorf("%s: %d, issuer %v, want %s", path, status, document["issuer"], issuer)
			continue
		}
		if _, keys := w.get(document["jwks_uri"].(string)); len(keys["keys"].([]any)) != 1 {
			t.Errorf("%s: keys = %v, want one", path, keys)
		}
	}
	if status, _ := w.get("https://login.microsoftonline.com/contoso.example/v2.0/.well-known/openid-configuration"); status != http.StatusBadRequest {
		t.Errorf("an unknown tenant answered %d, want 400", status)
	}
}

func (w *world) get(address string) (int, map[string]any) {
	w.t.Helper()
	resp, err := w.client.Get(address)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.decode(resp)
}
