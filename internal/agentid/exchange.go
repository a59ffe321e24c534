// Package agentid obtains tokens of Entra agent identities, and keeps those
// identities in the directory.
//
// [Exchange] turns a proof that the caller may act as an agent identity
// blueprint into tokens: the blueprint's own, for Microsoft Graph, and, in two
// hops, an agent identity's. [Directory] finds, creates, renames and deletes
// agent identities, keyed by the UID of the KarsSandbox in a tag and never by
// a name. Only the broker holds such a proof.
//
// Tokens and assertions never appear in an error.
package agentid

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
)

const (
	// maxTokenReply bounds what is read of a token endpoint's answer.
	maxTokenReply = 64 << 10
	// margin is how long before its expiry a cached token is given up.
	margin = 10 * time.Minute
	// maxLife, in seconds, is the longest that Entra lets a token live: that of
	// a managed identity; longer ones are asked for anew all the same.
	maxLife = 24 * 60 * 60
	// jwtBearer is the type of every assertion: RFC 7523.
	jwtBearer = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
)

// ExchangeOptions describe the blueprint and the way to its tenant.
type ExchangeOptions struct {
	// AuthorityHost is https://login.microsoftonline.com or another cloud's.
	AuthorityHost string
	// TenantID is the tenant of blueprint and agent identities.
	TenantID string
	// BlueprintID is the blueprint's application (client) id.
	BlueprintID string
	// FederationAudience is the cloud's token exchange resource,
	// api://AzureADTokenExchange in the public cloud (the default).
	FederationAudience string
	// Assertion proves that the caller may act as the blueprint.
	Assertion Assertion
	// Client carries transport and retry options.
	Client policy.ClientOptions
	// Now is the clock; time.Now when nil.
	Now func() time.Time
}

// Exchange obtains tokens for a blueprint and its agent identities. It caches
// them, and concurrent callers for the same token wait for one request. It is
// safe for concurrent use.
type Exchange struct {
	o        ExchangeOptions
	endpoint string
	pipeline runtime.Pipeline
	tokens   *cache
}

// Token is an access token and when it ends.
type Token struct {
	Value     string
	ExpiresOn time.Time
}

// NewExchange returns an Exchange; it sends nothing.
func NewExchange(o ExchangeOptions) (*Exchange, error) {
	if o.TenantID == "" || o.BlueprintID == "" || o.Assertion == nil {
		return nil, errors.New("token exchange: tenant, blueprint and assertion are needed")
	}
	host, err := url.Parse(o.AuthorityHost)
	if err != nil || host.Scheme != "https" || host.Host == "" {
		return nil, fmt.Errorf("token exchange: authority host %q is not an https URL", o.AuthorityHost)
	}
	if o.FederationAudience == "" {
		o.FederationAudience = "api://AzureADTokenExchange"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Exchange{
		o:        o,
		endpoint: strings.TrimSuffix(o.AuthorityHost, "/") + "/" + url.PathEscape(o.TenantID) + "/oauth2/v2.0/token",
		pipeline: runtime.NewPipeline("kars", "v1", runtime.PipelineOptions{}, &o.Client),
		tokens:   newCache(o.Now),
	}, nil
}

// BlueprintToken returns a token of the blueprint itself for a resource; its
// roles include AgentIdentity.CreateAsManager at Microsoft Graph.
func (e *Exchange) BlueprintToken(ctx context.Context, resource string) (Token, error) {
	return e.tokens.get(ctx, "blueprint "+resource, func(ctx context.Context) (Token, error) {
		t, err := e.asBlueprint(ctx, resource, "")
		if err != nil {
			return Token{}, fmt.Errorf("blueprint %s: token for %s: %w", e.o.BlueprintID, resource, err)
		}
		return t, nil
	})
}

// AgentToken returns a token of the agent identity for a resource. The first
// hop proves the blueprint and names the agent in fmi_path; its answer is the
// second hop's assertion, where the agent itself is the client. Source:
// learn.microsoft.com/entra/agent-id/identity-platform/agent-autonomous-app-oauth-flow
func (e *Exchange) AgentToken(ctx context.Context, agentID, resource string) (Token, error) {
	if agentID == "" || resource == "" {
		return Token{}, errors.New("token exchange: agent identity and resource are needed")
	}
	return e.tokens.get(ctx, "agent "+agentID+" "+resource, func(ctx context.Context) (Token, error) {
		proof, err := e.proof(ctx, agentID)
		if err != nil {
			return Token{}, err
		}
		t, err := e.post(ctx, agentID, resource, proof.Value, "")
		if err != nil {
			return Token{}, fmt.Errorf("agent identity %s: token for %s: %w", agentID, resource, err)
		}
		return t, nil
	})
}

// Forget drops every cached token of the agent identity, so that none is
// issued after the identity was deleted or its sandbox is gone.
func (e *Exchange) Forget(agentID string) {
	e.tokens.forget("proof " + agentID)
	e.tokens.forget("agent " + agentID + " ")
}

// proof is the first hop's answer: the blueprint's word for one agent.
func (e *Exchange) proof(ctx context.Context, agentID string) (Token, error) {
	return e.tokens.get(ctx, "proof "+agentID, func(ctx context.Context) (Token, error) {
		t, err := e.asBlueprint(ctx, e.o.FederationAudience, agentID)
		if err != nil {
			return Token{}, fmt.Errorf("blueprint %s: exchange for agent identity %s: %w", e.o.BlueprintID, agentID, err)
		}
		return t, nil
	})
}

func (e *Exchange) asBlueprint(ctx context.Context, resource, fmiPath string) (Token, error) {
	assertion, err := e.o.Assertion(ctx)
	if err != nil {
		return Token{}, err
	}
	return e.post(ctx, e.o.BlueprintID, resource, assertion, fmiPath)
}

func (e *Exchange) post(ctx context.Context, clientID, resource, assertion, fmiPath string) (Token, error) {
	form := url.Values{
		"grant_type":            {"client_credentials"},
		"client_id":             {clientID},
		"client_assertion_type": {jwtBearer},
		"client_assertion":      {assertion},
		"scope":                 {strings.TrimSuffix(resource, "/") + "/.default"},
	}
	if fmiPath != "" {
		form.Set("fmi_path", fmiPath)
	}
	req, err := runtime.NewRequest(ctx, http.MethodPost, e.endpoint)
	if err != nil {
		return Token{}, err
	}
	if err := req.SetBody(streaming.NopCloser(strings.NewReader(form.Encode())), "application/x-www-form-urlencoded"); err != nil {
		return Token{}, err
	}
	// azcore would otherwise read the whole body, however long.
	runtime.SkipBodyDownload(req)
	started := e.o.Now()
	res, err := e.pipeline.Do(req)
	if err != nil {
		return Token{}, &EntraError{Cause: ErrUnreachable, Description: "the token endpoint cannot be reached: " + transportCause(err)}
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxTokenReply))
	if err != nil {
		return Token{}, &EntraError{Cause: ErrUnreachable, Description: "the token endpoint's answer broke off"}
	}
	if res.StatusCode != http.StatusOK {
		return Token{}, parseTokenError(res.StatusCode, raw)
	}
	return parseToken(raw, started)
}

func parseToken(raw []byte, started time.Time) (Token, error) {
	var reply struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int64  `json:"expires_in"`
	}
	if err := json.Unmarshal(raw, &reply); err != nil || reply.AccessToken == "" || reply.ExpiresIn <= 0 {
		return Token{}, &EntraError{Status: http.StatusOK, Description: "the token endpoint's answer holds no token"}
	}
	life := time.Duration(min(reply.ExpiresIn, maxLife)) * time.Second
	return Token{Value: reply.AccessToken, ExpiresOn: started.Add(life)}, nil
}

// transportCause keeps the innermost reason: the outer ones quote the request.
func transportCause(err error) string {
	var ue *url.Error
	if errors.As(err, &ue) {
		err = ue.Err
	}
	return err.Error()
}
