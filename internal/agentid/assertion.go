package agentid

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// Assertion returns what proves that the caller may act as the blueprint: a
// signed JWT that one of the blueprint's federated credentials names. It is
// asked anew for every exchange, because the proofs are short-lived.
type Assertion func(ctx context.Context) (string, error)

// AssertionFromFile reads a projected service-account token. The blueprint's
// federated credential names the cluster's issuer and the service account
// (credential mode WorkloadIdentity).
func AssertionFromFile(path string) Assertion {
	return func(context.Context) (string, error) {
		raw, err := os.ReadFile(path)
		if err != nil {
			return "", fmt.Errorf("reading the projected token: %w", err)
		}
		return strings.TrimSpace(string(raw)), nil
	}
}

// imdsTimeout is what the instance metadata service is given: it answers from
// the node within milliseconds, or the node has none.
const imdsTimeout = 5 * time.Second

// ManagedIdentity describes a user-assigned identity that the node carries.
type ManagedIdentity struct {
	// ClientID of the identity; a node may carry several.
	ClientID string
	// Audience of the token, the federation audience of the cloud.
	Audience string
	// Endpoint is http://169.254.169.254 when empty.
	Endpoint string
	// Client sends the request; no proxy may stand between.
	Client *http.Client
}

// AssertionFromManagedIdentity asks the instance metadata service for a token
// of the identity (credential mode ManagedIdentityImds). It is the only kind
// of Entra token that may itself prove a federated credential: others end in
// AADSTS700231. Source: learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token
func AssertionFromManagedIdentity(m ManagedIdentity) Assertion {
	endpoint := m.Endpoint
	if endpoint == "" {
		endpoint = "http://169.254.169.254"
	}
	address := endpoint + "/metadata/identity/oauth2/token?" + url.Values{
		"api-version": {"2018-02-01"},
		"resource":    {m.Audience},
		"client_id":   {m.ClientID},
	}.Encode()
	return func(ctx context.Context) (string, error) {
		ctx, cancel := context.WithTimeout(ctx, imdsTimeout)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err != nil {
			return "", err
		}
		req.Header.Set("Metadata", "true")
		res, err := m.Client.Do(req)
		if err != nil {
			return "", fmt.Errorf("asking the instance metadata service for identity %s: %w", m.ClientID, err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(io.LimitReader(res.Body, maxTokenReply))
		if err != nil {
			return "", fmt.Errorf("reading the instance metadata service's answer: %w", err)
		}
		if res.StatusCode != http.StatusOK {
			return "", fmt.Errorf("instance metadata service, identity %s: %w", m.ClientID, parseTokenError(res.StatusCode, body))
		}
		var reply struct {
			AccessToken string `json:"access_token"`
		}
		if err := json.Unmarshal(body, &reply); err != nil || reply.AccessToken == "" {
			return "", fmt.Errorf("instance metadata service, identity %s: the answer holds no token", m.ClientID)
		}
		return reply.AccessToken, nil
	}
}
