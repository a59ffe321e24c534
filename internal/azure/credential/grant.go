package credential

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"

	"github.com/kars-dev/kars/internal/azure/wire"
)

// refreshBefore is how long before its end a token is no longer handed out.
const refreshBefore = 5 * time.Minute

// grant signs a local principal in: a user with the resource owner password
// grant, a service principal with its secret. azidentity deprecates the former,
// because people must not sign in so (users of the local Azure are no people),
// and keeps no transport's error for the latter.
// learn.microsoft.com/entra/identity-platform/v2-oauth-ropc
// learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
type grant struct {
	name     string
	form     url.Values
	endpoint string
	pipeline runtime.Pipeline
	now      func() time.Time

	mu     sync.Mutex
	tokens map[string]azcore.AccessToken // by scopes
}

func newGrant(p Principal, o policy.ClientOptions) *grant {
	form := url.Values{
		"grant_type": {"password"},
		"client_id":  {cmp.Or(p.ClientID, PublicClientID)},
		"username":   {p.Username},
		"password":   {p.Password},
	}
	if p.Type == "sp" {
		form = url.Values{
			"grant_type":    {"client_credentials"},
			"client_id":     {p.ClientID},
			"client_secret": {p.Secret},
		}
	}
	return &grant{
		name:     p.Name,
		form:     form,
		endpoint: runtime.JoinPaths(o.Cloud.ActiveDirectoryAuthorityHost, p.TenantID, "oauth2/v2.0/token"),
		pipeline: runtime.NewPipeline("kars", "", runtime.PipelineOptions{}, &o),
		now:      time.Now,
		tokens:   map[string]azcore.AccessToken{},
	}
}

func (c *grant) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	// The lock is held while asking, so that concurrent first requests ask once.
	c.mu.Lock()
	defer c.mu.Unlock()
	scope := strings.Join(o.Scopes, " ")
	// Claims are a server's answer to the token that is kept: it wants another.
	if t, ok := c.tokens[scope]; ok && o.Claims == "" && c.now().Add(refreshBefore).Before(t.ExpiresOn) {
		return t, nil
	}
	t, err := c.request(ctx, scope)
	if err != nil {
		return azcore.AccessToken{}, err
	}
	c.tokens[scope] = t
	return t, nil
}

func (c *grant) request(ctx context.Context, scope string) (azcore.AccessToken, error) {
	req, err := runtime.NewRequest(ctx, http.MethodPost, c.endpoint)
	if err != nil {
		return azcore.AccessToken{}, err
	}
	form := maps.Clone(c.form)
	form.Set("scope", scope)
	body := streaming.NopCloser(strings.NewReader(form.Encode()))
	if err := req.SetBody(body, "application/x-www-form-urlencoded"); err != nil {
		return azcore.AccessToken{}, err
	}
	resp, err := c.pipeline.Do(req)
	if err != nil {
		return azcore.AccessToken{}, fmt.Errorf("signing in as %s: %w", c.name, wire.Lost(err))
	}
	if resp.StatusCode != http.StatusOK {
		defer resp.Body.Close()
		raw, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
		return azcore.AccessToken{}, fmt.Errorf("signing in as %s: %w", c.name, parseError(resp.StatusCode, raw))
	}
	var answer struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int64  `json:"expires_in"` // seconds
	}
	if err := runtime.UnmarshalAsJSON(resp, &answer); err != nil {
		return azcore.AccessToken{}, fmt.Errorf("signing in as %s: %w", c.name, err)
	}
	expires := c.now().Add(time.Duration(answer.ExpiresIn) * time.Second)
	return azcore.AccessToken{Token: answer.AccessToken, ExpiresOn: expires}, nil
}
