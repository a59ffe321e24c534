package entra

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/kars-dev/kars/localazure/directory"
)

// assertion is a token that a client presents as its credential.
type assertion struct {
	parsed *jwt.JSONWebToken
	jwt.Claims
}

// checkAssertion checks a client assertion against the client's federated
// credentials, or, for an agent identity, against its blueprint's exchange
// token. An issuer is asked for its keys only when a credential names it.
func (a *Authority) checkAssertion(ctx context.Context, c client, raw string) (proof, error) {
	as, refused := parseAssertion(raw)
	if refused != nil {
		return proof{}, refused
	}
	if c.principal.Agent() {
		return a.checkExchangeToken(c, as)
	}
	var credentials []directory.FederatedCredential
	err := a.directory.View(func(t *directory.Tx) (err error) {
		credentials, err = t.FederatedCredentials(c.keeper.ID)
		return err
	})
	if err != nil {
		return proof{}, err
	}
	if refused := matchCredential(c, credentials, as); refused != nil {
		return proof{}, refused
	}
	if err := a.checkSignature(ctx, as); err != nil {
		return proof{}, err
	}
	return proof{acr: "2", federated: true}, nil
}

// parseAssertion reads an assertion without believing it.
func parseAssertion(raw string) (assertion, *oauthError) {
	malformed := badRequest(50027, "invalid_request", "JWT token is invalid or malformed.")
	parsed, err := jwt.ParseSigned(raw, []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.ES256, jose.ES384})
	if err != nil {
		return assertion{}, malformed
	}
	as := assertion{parsed: parsed}
	if err := parsed.UnsafeClaimsWithoutVerification(&as.Claims); err != nil {
		return assertion{}, malformed
	}
	if as.Issuer == "" || as.Subject == "" || len(as.Audience) == 0 || as.Expiry == nil {
		return assertion{}, malformed
	}
	return as, nil
}

// matchCredential says what keeps an assertion from matching every credential.
// Since 2024 the comparison minds case; learn.microsoft.com/entra/identity-platform/reference-breaking-changes#august-2024.
func matchCredential(c client, credentials []directory.FederatedCredential, as assertion) *oauthError {
	if len(credentials) == 0 {
		return badClient(70025, "The client '%s'(%s) has no configured federated identity credentials.", c.appID, c.principal.DisplayName)
	}
	byIssuer := slices.DeleteFunc(slices.Clone(credentials), func(f directory.FederatedCredential) bool { return f.Issuer != as.Issuer })
	if len(byIssuer) == 0 {
		return badClient(700211, "No matching federated identity record found for presented assertion issuer '%s'. %s", as.Issuer, federationHelp)
	}
	bySubject := slices.DeleteFunc(slices.Clone(byIssuer), func(f directory.FederatedCredential) bool { return f.Subject != as.Subject })
	if len(bySubject) == 0 {
		if slices.ContainsFunc(byIssuer, func(f directory.FederatedCredential) bool { return strings.EqualFold(f.Subject, as.Subject) }) {
			return badClient(7002138, "No matching federated identity record found for presented assertion subject '%s'. The subject matches with case-insensitive comparison, but not with case-sensitive comparison. %s", as.Subject, federationHelp)
		}
		return badClient(700213, "No matching federated identity record found for presented assertion subject '%s'. %s", as.Subject, federationHelp)
	}
	for _, f := range bySubject {
		if slices.ContainsFunc(f.Audiences, func(audience string) bool { return as.Audience.Contains(audience) }) {
			return nil
		}
	}
	return badClient(700212, "No matching federated identity record found for presented assertion audience '%s'. %s", strings.Join(as.Audience, ","), federationHelp)
}

// checkSignature checks signature and lifetime of an assertion whose issuer is
// trusted by a credential.
func (a *Authority) checkSignature(ctx context.Context, as assertion) error {
	if as.Issuer == a.Issuer() {
		return a.checkOwn(as)
	}
	if as.Issuer == a.resourceIssuer() {
		return errOwnToken()
	}
	var verified jwt.Claims
	if err := a.issuers.verify(ctx, as.Issuer, as.parsed, &verified); err != nil {
		if errors.Is(err, errIssuerUnreachable) {
			return badRequest(50166, "invalid_request", "Request to External OIDC endpoint failed.")
		}
		return errSignature()
	}
	return a.checkLifetime(verified)
}

// checkOwn checks an assertion that this authority issued. It must be the token
// of a managed identity for the exchange, from its node: what users, other
// applications and agent identities hold goes no further, nor does what was
// itself got with a federated credential;
// learn.microsoft.com/entra/workload-id/workload-identity-federation-config-app-trust-managed-identity.
func (a *Authority) checkOwn(as assertion) error {
	wire, err := a.openParsed(as.parsed)
	if err != nil {
		return errSignature()
	}
	switch {
	case wire.Federated != "":
		return badRequest(700231, "invalid_request", "Token obtained using a federated identity credential may not be used as a federated identity credential.")
	case wire.ARMID == "" || wire.Audience != tokenExchange:
		return errOwnToken()
	}
	return a.checkLifetime(as.Claims)
}

func errOwnToken() *oauthError {
	return badRequest(700222, "invalid_request", "AAD-issued tokens may not be used for federated identity flows.")
}

func errSignature() *oauthError {
	return badClient(700027, "The certificate with identifier used to sign the client assertion is not registered on application. [Reason - The key was not found or the signature does not match.]")
}

func (a *Authority) checkLifetime(c jwt.Claims) error {
	now := a.now()
	const skew = 5 * 60 // seconds that Entra allows between clocks
	if c.Expiry == nil || now.Unix() >= int64(*c.Expiry)+skew || (c.NotBefore != nil && now.Unix() < int64(*c.NotBefore)-skew) {
		return badClient(700024, "Client assertion is not within its valid time range. Current time: %s.", now.UTC().Format("2006-01-02T15:04:05.0000000Z"))
	}
	return nil
}
