package entra

import (
	"encoding/base64"
	"strings"

	"github.com/google/uuid"

	"github.com/kars-dev/kars/localazure/directory"
)

// issueForAgent issues the token with which a blueprint lets one of its agent
// identities sign in, the first hop of
// learn.microsoft.com/entra/agent-id/agent-autonomous-app-oauth-flow. fmiPath is
// the agent's client id.
func (a *Authority) issueForAgent(t *directory.Tx, c client, r resource, fmiPath string) (Token, error) {
	if !r.exchange {
		return Token{}, badRequest(90013, "invalid_request", "Invalid input received from the user: 'fmi_path' is for scope %s/.default alone.", tokenExchange)
	}
	if !c.blueprint {
		return Token{}, badRequest(90013, "invalid_request", "Invalid input received from the user: client '%s' is no agent identity blueprint and may not use 'fmi_path'.", c.appID)
	}
	agent, found, err := t.ServicePrincipalByAppID(fmiPath)
	if err != nil {
		return Token{}, err
	}
	principal := agent.Principal()
	if !found || !principal.Agent() || !strings.EqualFold(principal.BlueprintAppID, c.appID) {
		return Token{}, errUnknownClient(fmiPath, a.directory.TenantID())
	}
	if !agent.Enabled() {
		return Token{}, errDisabledClient(principal.AppID, principal.DisplayName)
	}
	now := a.now()
	return a.seal(wireClaims{
		Audience: r.audience, Issuer: a.Issuer(), Version: "2.0", TenantID: a.directory.TenantID(), UTI: newUTI(),
		IssuedAt: now.Unix(), NotBefore: now.Unix(), Expires: now.Add(appLifetime).Unix(), IDType: "app",
		AZP: c.appID, ObjectID: c.principal.ID, Subject: a.agentSubject(c.appID, principal.AppID), Federated: exchangeMark,
	})
}

// exchangeMark marks an exchange token, which is a credential of one agent
// identity and of nothing else.
const exchangeMark = "fmi"

// checkExchangeToken checks the token that a blueprint got for this agent
// identity, the second hop. It is the only credential an agent identity has.
func (a *Authority) checkExchangeToken(c client, as assertion) (proof, error) {
	wire, err := a.openParsed(as.parsed)
	if err != nil {
		return proof{}, badClient(700211, "No matching federated identity record found for presented assertion issuer '%s'. %s", as.Issuer, federationHelp)
	}
	switch {
	case wire.Issuer != a.Issuer():
		return proof{}, badClient(700211, "No matching federated identity record found for presented assertion issuer '%s'. %s", wire.Issuer, federationHelp)
	case wire.Federated != exchangeMark || wire.Subject != a.agentSubject(c.principal.BlueprintAppID, c.appID):
		return proof{}, badClient(700213, "No matching federated identity record found for presented assertion subject '%s'. %s", wire.Subject, federationHelp)
	case wire.Audience != tokenExchange:
		return proof{}, badClient(700212, "No matching federated identity record found for presented assertion audience '%s'. %s", wire.Audience, federationHelp)
	}
	if err := a.checkLifetime(as.Claims); err != nil {
		return proof{}, err
	}
	return proof{acr: "2", federated: true}, a.checkParent(c)
}

// checkParent asks that the blueprint that signs its agent in still may: it
// is there, and it and its principal are enabled.
func (a *Authority) checkParent(c client) error {
	return a.directory.View(func(t *directory.Tx) error {
		parent, err := a.findClient(t, c.principal.BlueprintAppID)
		if err != nil {
			return err
		}
		if !parent.blueprint {
			return errUnknownClient(c.principal.BlueprintAppID, a.directory.TenantID())
		}
		return nil
	})
}

// agentSubject is the subject of an exchange token: tenant, blueprint and agent
// in the form Entra gives the subjects of federated managed identities,
// /eid1/c/pub/t/<tenant>/a/<application>/<path>.
func (a *Authority) agentSubject(blueprintAppID, agentAppID string) string {
	return "/eid1/c/pub/t/" + shortGUID(a.directory.TenantID()) + "/a/" + shortGUID(blueprintAppID) + "/" + agentAppID
}

// shortGUID is a GUID's bytes, in Windows' order, as base64url.
func shortGUID(s string) string {
	id, err := uuid.Parse(s)
	if err != nil {
		return s
	}
	id[0], id[1], id[2], id[3] = id[3], id[2], id[1], id[0]
	id[4], id[5], id[6], id[7] = id[5], id[4], id[7], id[6]
	return base64.RawURLEncoding.EncodeToString(id[:])
}
