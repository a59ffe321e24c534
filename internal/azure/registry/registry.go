// Package registry is the door to container registries' own API, as far as a
// caller needs it to see which images are there.
package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/kars-dev/kars/internal/acr"
)

// Client asks registries as the caller. It is safe for concurrent use.
type Client struct {
	credential azcore.TokenCredential
	scope      string
	transport  http.RoundTripper
	requests   atomic.Int64

	mu     sync.Mutex
	tokens map[string]string // refresh tokens by login server
}

// New returns a client whose tokens are for resourceManager, a scope such as
// https://management.azure.com/.default, which registries take too.
// learn.microsoft.com/azure/container-registry/container-registry-disable-authentication-as-arm
func New(c azcore.TokenCredential, resourceManager string, rt http.RoundTripper) *Client {
	out := &Client{credential: c, scope: resourceManager, tokens: map[string]string{}}
	out.transport = counting{rt, &out.requests}
	return out
}

// Counts returns how many requests went out; none of them writes.
func (c *Client) Counts() (reads, writes int) { return int(c.requests.Load()), 0 }

// tries is how often a question is put whose answer is cut off.
const tries = 3

// Has says whether the registry holds the image with this digest. That the
// caller may not look is a [RefusedError].
func (c *Client) Has(ctx context.Context, loginServer, repository, digest string) (has bool, err error) {
	ref, err := name.NewDigest(loginServer + "/" + repository + "@" + digest)
	if err != nil {
		return false, err
	}
	// The library asks again after a connection that breaks before the answer,
	// not after one that breaks within it.
	for range tries {
		has, err = c.has(ctx, ref, loginServer)
		if !errors.Is(err, io.ErrUnexpectedEOF) || ctx.Err() != nil {
			break
		}
	}
	return has, err
}

func (c *Client) has(ctx context.Context, ref name.Digest, loginServer string) (bool, error) {
	token, err := c.refreshToken(ctx, loginServer)
	if err != nil {
		return false, err
	}
	_, err = remote.Head(ref, remote.WithContext(ctx), remote.WithTransport(c.transport),
		remote.WithAuth(&authn.Basic{Username: acr.NullUser, Password: token}))
	var answer *transport.Error
	if errors.As(err, &answer) && answer.StatusCode == http.StatusNotFound {
		return false, nil
	}
	return err == nil, refused(loginServer, err)
}

// refreshToken exchanges the caller's token once for each registry.
func (c *Client) refreshToken(ctx context.Context, loginServer string) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t, ok := c.tokens[loginServer]; ok {
		return t, nil
	}
	entra, err := c.credential.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{c.scope}})
	if err != nil {
		return "", fmt.Errorf("getting a token for %s: %w", loginServer, err)
	}
	t, err := acr.New(acr.Options{Transport: c.transport}).Exchange(ctx, loginServer, entra.Token)
	if err != nil {
		return "", fmt.Errorf("signing in to %s: %w", loginServer, refused(loginServer, err))
	}
	c.tokens[loginServer] = t
	return t, nil
}

type counting struct {
	next  http.RoundTripper
	count *atomic.Int64
}

func (c counting) RoundTrip(r *http.Request) (*http.Response, error) {
	c.count.Add(1)
	return c.next.RoundTrip(r)
}
