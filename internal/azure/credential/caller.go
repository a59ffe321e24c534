package credential

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/kars-dev/kars/internal/azure/cloud"
)

// The types of a caller, as Azure RBAC's principalType would have them, save
// for the first letter.
const (
	User             = "user"
	ServicePrincipal = "servicePrincipal"
)

// Caller is who the credential's tokens say it is.
type Caller struct {
	ObjectID    string   `json:"objectId,omitempty"`
	Type        string   `json:"type,omitempty"` // User or ServicePrincipal
	TenantID    string   `json:"tenantId,omitempty"`
	DisplayName string   `json:"displayName,omitempty"` // the user's name, or the application's; the object id if the token says neither
	AppID       string   `json:"appId,omitempty"`       // of the client that got the token
	HomeTenant  bool     `json:"homeTenant,omitempty"`  // false for a guest: an account of another directory
	Groups      []string `json:"groups,omitempty"`

	ManagedIdentity bool `json:"managedIdentity,omitempty"` // the token is of a managed identity
	// Assertion is true for an application that proved itself by an assertion: a
	// certificate's or a federated one.
	Assertion bool `json:"assertion,omitempty"`
}

// Identify gets a token for Azure Resource Manager and reads the caller from
// it. The claims are not verified: they are the caller's own and decide nothing.
func Identify(ctx context.Context, c azcore.TokenCredential, in cloud.Cloud) (Caller, error) {
	t, err := c.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{in.ResourceManagerScope()}})
	if err != nil {
		return Caller{}, fmt.Errorf("getting a token for %s: %w", in.ResourceManager, err)
	}
	return decode(t.Token)
}

// decode reads the claims of an access token.
// learn.microsoft.com/entra/identity-platform/access-token-claims-reference
func decode(token string) (Caller, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return Caller{}, errors.New("reading an access token: it is not a JSON web token")
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		// The decoder's own error quotes the token's length, never its text.
		return Caller{}, fmt.Errorf("reading an access token: %w", err)
	}
	var claims struct {
		ObjectID         string   `json:"oid"`
		TenantID         string   `json:"tid"`
		AppID            string   `json:"appid"`
		AuthorizedParty  string   `json:"azp"`
		IdentityType     string   `json:"idtyp"`
		IdentityProvider string   `json:"idp"`
		Issuer           string   `json:"iss"`
		Name             string   `json:"name"`
		UPN              string   `json:"upn"`
		UniqueName       string   `json:"unique_name"`
		Preferred        string   `json:"preferred_username"`
		AppName          string   `json:"app_displayname"`
		Scopes           string   `json:"scp"`
		Groups           []string `json:"groups"`
		ManagedIdentity  string   `json:"xms_mirid"` // its ARM id
		ProvedBy         string   `json:"appidacr"`  // 0 by nothing, 1 by a secret, 2 by an assertion
		ProvedByV2       string   `json:"azpacr"`
	}
	if err := json.Unmarshal(raw, &claims); err != nil {
		return Caller{}, errors.New("reading an access token: its claims are not JSON of the expected shape")
	}
	if claims.ObjectID == "" || claims.TenantID == "" {
		return Caller{}, errors.New("reading an access token: it names no object (oid) or tenant (tid)")
	}
	caller := Caller{
		ObjectID:   claims.ObjectID,
		TenantID:   claims.TenantID,
		Type:       ServicePrincipal,
		AppID:      first(claims.AppID, claims.AuthorizedParty),
		HomeTenant: claims.IdentityProvider == "" || claims.IdentityProvider == claims.Issuer,
		Groups:     claims.Groups,

		ManagedIdentity: claims.ManagedIdentity != "",
		Assertion:       first(claims.ProvedBy, claims.ProvedByV2) == "2",
	}
	// idtyp is optional for users' tokens; scp is there in all of them and in
	// no application's.
	if claims.IdentityType == "user" || claims.IdentityType == "" && claims.Scopes != "" {
		caller.Type = User
	}
	if caller.Type == User {
		caller.DisplayName = first(claims.UPN, claims.Preferred, claims.UniqueName, claims.Name, claims.ObjectID)
	} else {
		caller.DisplayName = first(claims.AppName, claims.ObjectID)
	}
	return caller, nil
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}
