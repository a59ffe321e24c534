// Package credential gets the caller's tokens. Start with [ForLocal] for a
// principal of the local Azure and [Default] for everything else; [Identify]
// says who the caller is.
package credential

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/kars-dev/kars/internal/azure/cloud"
	"github.com/kars-dev/kars/internal/azure/wire"
)

// PublicClientID is kars' own client in Entra, for people who sign in. Every
// tenant of the local Azure has it with the consent that kars needs.
const PublicClientID = "7d3c2c8e-3f0b-4a63-9a53-6b5b7c1f0a55"

// Principal is a principal of the local Azure, as its file says it.
type Principal struct {
	Name     string `json:"name"`
	Type     string `json:"type"` // user or sp
	TenantID string `json:"tenantId"`
	ObjectID string `json:"objectId"`
	// ClientID is of a service principal, or the public client that a user
	// signs in with: [PublicClientID] if empty.
	ClientID string `json:"clientId,omitempty"`
	Username string `json:"username,omitempty"`
	Password string `json:"password,omitempty"`
	Secret   string `json:"secret,omitempty"`
}

// ReadPrincipal reads a principal's file.
func ReadPrincipal(path string) (Principal, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return Principal{}, fmt.Errorf("reading a local principal: %w", err)
	}
	var p Principal
	if err := json.Unmarshal(raw, &p); err != nil {
		return Principal{}, fmt.Errorf("reading the local principal %s: %w", path, err)
	}
	if err := p.validate(); err != nil {
		return Principal{}, fmt.Errorf("reading the local principal %s: %w", path, err)
	}
	return p, nil
}

func (p Principal) validate() error {
	switch {
	case p.TenantID == "":
		return errors.New("it has no tenantId")
	case p.Type == "user" && (p.Username == "" || p.Password == ""):
		return errors.New("a user needs username and password")
	case p.Type == "sp" && (p.ClientID == "" || p.Secret == ""):
		return errors.New("a service principal needs clientId and secret")
	case p.Type != "user" && p.Type != "sp":
		return fmt.Errorf("type %q is neither user nor sp", p.Type)
	}
	return nil
}

// Options say where tokens come from.
type Options struct {
	Cloud     cloud.Cloud       // cloud.Public if zero
	Transport http.RoundTripper // http.DefaultTransport if nil
	TenantID  string            // for Default: the tenant to sign in to, if not the credential's own
	Retry     wire.Retry        // of a token endpoint that cannot answer
}

func (o Options) client() policy.ClientOptions {
	c := o.Cloud
	if c.Name == "" {
		c = cloud.Public
	}
	rt := o.Transport
	if rt == nil {
		rt = http.DefaultTransport
	}
	return policy.ClientOptions{Cloud: c.Configuration(), Transport: cloud.NewDoer(rt), Retry: policy.RetryOptions{RetryDelay: o.Retry.Delay}}
}

// ForLocal signs in as the principal of the local Azure in the file. Tokens are
// kept in memory. A refusal is an [Error].
func ForLocal(file string, o Options) (azcore.TokenCredential, error) {
	p, err := ReadPrincipal(file)
	if err != nil {
		return nil, err
	}
	return newGrant(p, o.client()), nil
}

// Default signs in as azidentity's default chain does: AZURE_* variables,
// workload identity, managed identity, then the developer tools' sign-ins. A
// refusal is an [Error].
func Default(o Options) (azcore.TokenCredential, error) {
	c, err := azidentity.NewDefaultAzureCredential(&azidentity.DefaultAzureCredentialOptions{
		ClientOptions: o.client(),
		TenantID:      o.TenantID,
	})
	if err != nil {
		return nil, fmt.Errorf("preparing the credential chain: %w", err)
	}
	return typed{c}, nil
}

// typed turns azidentity's errors into values.
type typed struct{ inner azcore.TokenCredential }

func (t typed) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	token, err := t.inner.GetToken(ctx, o)
	if err != nil {
		// azidentity keeps of what ended its requests the text alone.
		if ended := ctx.Err(); ended != nil {
			return azcore.AccessToken{}, fmt.Errorf("asking Entra: %w", ended)
		}
		return azcore.AccessToken{}, convert(err)
	}
	return token, nil
}
