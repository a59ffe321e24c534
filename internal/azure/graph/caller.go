package graph

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// Principal is a user or a service principal.
type Principal struct {
	ID          string `json:"id"` // the object id
	DisplayName string `json:"displayName"`
	UPN         string `json:"userPrincipalName,omitempty"` // of a user
	AppID       string `json:"appId,omitempty"`             // of a service principal
	UserType    string `json:"userType,omitempty"`          // Member or Guest
}

// Me reads the signed-in user; a service principal has no "me".
func (c *Client) Me(ctx context.Context) (Principal, error) {
	var p Principal
	err := c.Do(ctx, http.MethodGet, "/v1.0/me?$select=id,displayName,userPrincipalName,userType", nil, &p)
	return p, err
}

// ServicePrincipal reads a service principal by its object id.
func (c *Client) ServicePrincipal(ctx context.Context, id string) (Principal, error) {
	var p Principal
	err := c.Do(ctx, http.MethodGet, "/v1.0/servicePrincipals/"+url.PathEscape(id)+"?$select=id,displayName,appId", nil, &p)
	return p, err
}

// Role is a directory role that is active for a principal.
type Role struct {
	ID         string `json:"id"`
	TemplateID string `json:"roleTemplateId"` // the same in every tenant
	Name       string `json:"displayName"`
}

const rolesPath = "/transitiveMemberOf/microsoft.graph.directoryRole?$count=true&$select=id,displayName,roleTemplateId"

// MyDirectoryRoles lists the signed-in user's directory roles, those through
// groups too. A role that the user is only eligible for is not among them.
// learn.microsoft.com/graph/api/user-list-transitivememberof
func (c *Client) MyDirectoryRoles(ctx context.Context) ([]Role, error) {
	return List[Role](ctx, c, "/v1.0/me"+rolesPath)
}

// ServicePrincipalDirectoryRoles lists a service principal's, by its object id.
// learn.microsoft.com/graph/api/serviceprincipal-list-transitivememberof
func (c *Client) ServicePrincipalDirectoryRoles(ctx context.Context, id string) ([]Role, error) {
	return List[Role](ctx, c, "/v1.0/servicePrincipals/"+url.PathEscape(id)+rolesPath)
}

// Permissions are what the client's token lets it ask of Graph.
type Permissions struct {
	Delegated   []string // scp: on behalf of the user, within what the user may
	Application []string // roles: of an application by itself
}

// Permissions reads them from the client's own token. The claims are not
// verified: they are the caller's own and decide nothing.
// learn.microsoft.com/entra/identity-platform/access-token-claims-reference
func (c *Client) Permissions(ctx context.Context) (Permissions, error) {
	t, err := c.credential.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{c.scope}})
	if err != nil {
		return Permissions{}, fmt.Errorf("getting a token for %s: %w", c.host, err)
	}
	return permissions(t.Token)
}

func permissions(token string) (Permissions, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return Permissions{}, errors.New("reading a Graph token: it is not a JSON web token")
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return Permissions{}, fmt.Errorf("reading a Graph token: %w", err)
	}
	var claims struct {
		Scopes string   `json:"scp"`
		Roles  []string `json:"roles"`
	}
	if json.Unmarshal(raw, &claims) != nil {
		return Permissions{}, errors.New("reading a Graph token: its claims are not JSON of the expected shape")
	}
	return Permissions{Delegated: strings.Fields(claims.Scopes), Application: claims.Roles}, nil
}
