package entra

import (
	"context"
	"net/url"
	"strings"

	"github.com/kars-dev/kars/localazure/directory"
	"github.com/kars-dev/kars/localazure/requests"
)

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// client is who asks for a token with a credential of its own.
type client struct {
	appID     string
	keeper    directory.Object // holds the credentials: the application, or a managed identity
	principal directory.Principal
	blueprint bool
}

// clientCredentials grants a client a token for itself;
// learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow.
func (a *Authority) clientCredentials(ctx context.Context, form url.Values) (map[string]any, error) {
	scope, refused := scopeOf(form)
	if refused != nil {
		return nil, refused
	}
	if !scope.isDefault() {
		return nil, errNotDefault(form.Get("scope"))
	}
	var c client
	err := a.directory.View(func(t *directory.Tx) (err error) {
		c, err = a.findClient(t, form.Get("client_id"))
		return err
	})
	if err != nil {
		return nil, err
	}
	// The credential is checked outside any transaction: an issuer may have to
	// be asked for its keys, and it may be served by this same process.
	proof, err := a.authenticate(ctx, c, form)
	if err != nil {
		return nil, err
	}
	var token Token
	err = a.directory.View(func(t *directory.Tx) (err error) {
		token, err = a.grantClient(t, c, proof, scope, form.Get("fmi_path"))
		return err
	})
	if err != nil {
		return nil, err
	}
	requests.SetCaller(ctx, requests.Caller{
		ObjectID: c.principal.ID, AppID: c.appID, IdentityType: "app", Audience: token.Resource,
		ParentAppID: c.principal.BlueprintAppID,
	})
	return a.body(token), nil
}

func (a *Authority) grantClient(t *directory.Tx, c client, p proof, scope scopeRequest, fmiPath string) (Token, error) {
	r, err := a.resourceOf(t, scope)
	if err != nil {
		return Token{}, err
	}
	if fmiPath != "" {
		return a.issueForAgent(t, c, r, fmiPath)
	}
	// A blueprint acts through its agent identities alone; for itself it may
	// only manage them, which it does at Graph.
	if c.blueprint && r.appID != directory.GraphAppID {
		return Token{}, errAgenticClient(c.appID, r.audience)
	}
	return a.issue(t, grant{
		client: c.appID, acr: p.acr, principal: c.principal, resource: r, federated: p.federated, lifetime: appLifetime,
	})
}

// findClient finds who has this client id: an application with its service
// principal, a managed identity, or an agent identity.
func (a *Authority) findClient(t *directory.Tx, appID string) (client, error) {
	appID = strings.ToLower(appID)
	app, hasApp, err := t.ApplicationByAppID(appID)
	if err != nil {
		return client{}, err
	}
	sp, hasPrincipal, err := t.ServicePrincipalByAppID(appID)
	if err != nil {
		return client{}, err
	}
	switch {
	case !hasApp && !hasPrincipal:
		return client{}, errUnknownClient(appID, a.directory.TenantID())
	case !hasPrincipal:
		return client{}, errNoServicePrincipal(appID, a.directory.TenantID())
	case !sp.Enabled():
		return client{}, errDisabledClient(appID, sp.Text("displayName"))
	}
	c := client{appID: appID, keeper: sp, principal: sp.Principal()}
	if hasApp {
		c.keeper, c.blueprint = app, app.Type == directory.TypeBlueprint
	}
	return c, nil
}

// proof says how a client authenticated.
type proof struct {
	acr       string // 1 by secret, 2 by assertion
	federated bool   // by a federated credential
}

// authenticate checks the client's credential.
func (a *Authority) authenticate(ctx context.Context, c client, form url.Values) (proof, error) {
	switch secret, assertion := form.Get("client_secret"), form.Get("client_assertion"); {
	case assertion != "":
		if form.Get("client_assertion_type") != assertionType {
			return proof{}, errMissing("client_assertion_type")
		}
		return a.checkAssertion(ctx, c, assertion)
	case secret != "":
		return proof{acr: "1"}, a.checkSecret(c, secret)
	}
	return proof{}, errNoCredential()
}

func (a *Authority) checkSecret(c client, secret string) error {
	var state directory.SecretState
	err := a.directory.View(func(t *directory.Tx) (err error) {
		state, err = t.CheckSecret(c.keeper.ID, secret)
		return err
	})
	switch {
	case err != nil:
		return err
	case state == directory.SecretExpired:
		return errSecretExpired(c.appID)
	case state == directory.SecretWrong:
		return errSecret(c.appID)
	}
	return nil
}
