package entra

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"strings"
	"time"

	"github.com/kars-dev/kars/localazure/directory"
)

// Lifetimes of access tokens;
// learn.microsoft.com/entra/identity-platform/access-tokens#token-lifetime.
const (
	appLifetime     = time.Hour
	userLifetime    = 75 * time.Minute
	managedLifetime = 24 * time.Hour
)

// Token is an access token that was issued.
type Token struct {
	AccessToken string
	Resource    string
	NotBefore   time.Time
	Expires     time.Time
}

// wireClaims are the claims as they travel;
// learn.microsoft.com/entra/identity-platform/access-token-claims-reference and
// learn.microsoft.com/entra/agent-id/agent-token-claims.
type wireClaims struct {
	Audience    string   `json:"aud"`
	Issuer      string   `json:"iss"`
	IssuedAt    int64    `json:"iat"`
	NotBefore   int64    `json:"nbf"`
	Expires     int64    `json:"exp"`
	AppID       string   `json:"appid,omitempty"`
	AppIDACR    string   `json:"appidacr,omitempty"` // 0 public client, 1 secret, 2 assertion
	AZP         string   `json:"azp,omitempty"`      // appid of version 2.0
	IDP         string   `json:"idp,omitempty"`
	IDType      string   `json:"idtyp,omitempty"`
	Name        string   `json:"name,omitempty"`
	ObjectID    string   `json:"oid,omitempty"`
	Roles       []string `json:"roles,omitempty"`
	Scope       string   `json:"scp,omitempty"`
	Subject     string   `json:"sub"`
	TenantID    string   `json:"tid"`
	UniqueName  string   `json:"unique_name,omitempty"`
	UPN         string   `json:"upn,omitempty"`
	UTI         string   `json:"uti"`
	Version     string   `json:"ver"`
	WIDs        []string `json:"wids,omitempty"`
	ActorFacets string   `json:"xms_act_fct,omitempty"`
	IDRelation  string   `json:"xms_idrel,omitempty"`
	ARMID       string   `json:"xms_mirid,omitempty"`
	ParentApp   string   `json:"xms_par_app_azp,omitempty"`
	Facets      string   `json:"xms_sub_fct,omitempty"`
	// Federated marks a token that was got with a federated credential.
	Federated string `json:"xms_ficinfo,omitempty"`
}

func (c wireClaims) claims() Claims {
	app := c.AppID
	if app == "" {
		app = c.AZP
	}
	return Claims{
		ObjectID: c.ObjectID, AppID: app, TenantID: c.TenantID, Audience: c.Audience, IdentityType: c.IDType,
		UPN: c.UPN, Name: c.Name, Scopes: strings.Fields(c.Scope), Roles: c.Roles, Directory: c.WIDs,
		ParentAppID: c.ParentApp, Agent: hasFacet(c.Facets, facetAgent), ARMID: c.ARMID,
		Issued: time.Unix(c.IssuedAt, 0), Expires: time.Unix(c.Expires, 0),
	}
}

// facetAgent marks a subject or an actor that is an agent identity.
const facetAgent = "11"

func hasFacet(facets, facet string) bool {
	for _, f := range strings.Fields(facets) {
		if f == facet {
			return true
		}
	}
	return false
}

// grant is what a client proved, and asks for.
type grant struct {
	client    string // client id
	acr       string
	principal directory.Principal
	resource  resource
	scopes    []string // delegated
	federated bool     // proved with a federated credential
	lifetime  time.Duration
}

// issue makes the access token for a grant.
func (a *Authority) issue(t *directory.Tx, g grant) (Token, error) {
	now := a.now()
	c := wireClaims{
		Audience: g.resource.audience, Issuer: a.resourceIssuer(), Version: "1.0", TenantID: a.directory.TenantID(),
		IssuedAt: now.Unix(), NotBefore: now.Unix(), Expires: now.Add(g.lifetime).Unix(), UTI: newUTI(),
		AppID: g.client, AppIDACR: g.acr, IDP: a.resourceIssuer(), ObjectID: g.principal.ID, Subject: g.principal.ID,
	}
	if g.resource.exchange {
		c.Issuer, c.Version, c.AppID, c.AZP, c.IDP = a.Issuer(), "2.0", "", g.client, ""
	}
	if g.federated {
		c.Federated = "fic"
	}
	roles, err := t.DirectoryRoles(g.principal.ID)
	if err != nil {
		return Token{}, err
	}
	for _, r := range roles {
		c.WIDs = append(c.WIDs, r.TemplateID)
	}
	if g.principal.Type == "User" {
		c.describeUser(g)
	} else if err := c.describeApp(t, g); err != nil {
		return Token{}, err
	}
	return a.seal(c)
}

func (c *wireClaims) describeUser(g grant) {
	c.IDType, c.IDRelation = "user", "1"
	c.Name, c.UPN, c.UniqueName = g.principal.DisplayName, g.principal.UPN, g.principal.UPN
	c.Scope = strings.Join(g.scopes, " ")
}

func (c *wireClaims) describeApp(t *directory.Tx, g grant) error {
	c.IDType, c.IDRelation = "app", "7"
	c.ARMID = g.principal.ARMID
	if g.principal.Agent() {
		c.ParentApp = g.principal.BlueprintAppID
		c.ActorFacets, c.Facets = "3 9 "+facetAgent, "9 3 "+facetAgent
	}
	var err error
	if !g.resource.exchange {
		c.Roles, err = t.Permissions(g.principal.ID, g.resource.appID)
	}
	return err
}

func (a *Authority) seal(c wireClaims) (Token, error) {
	raw, err := a.keys.sign(c)
	if err != nil {
		return Token{}, err
	}
	return Token{
		AccessToken: raw, Resource: c.Audience,
		NotBefore: time.Unix(c.NotBefore, 0), Expires: time.Unix(c.Expires, 0),
	}, nil
}

// IssueManagedIdentity issues the access token that the instance metadata
// service hands out for a managed identity. An unknown resource is [ErrAudience].
func (a *Authority) IssueManagedIdentity(_ context.Context, p directory.Principal, resourceName string) (Token, error) {
	var token Token
	err := a.directory.View(func(t *directory.Tx) error {
		r, known, err := findResource(t, resourceName)
		if err != nil {
			return err
		}
		if !known {
			return ErrAudience
		}
		token, err = a.issue(t, grant{
			client: p.AppID, acr: "2", principal: p, resource: r, lifetime: managedLifetime,
		})
		return err
	})
	return token, err
}

func newUTI() string {
	raw := make([]byte, 16)
	_, _ = rand.Read(raw) // never fails
	return base64.RawURLEncoding.EncodeToString(raw)
}
