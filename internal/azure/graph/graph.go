// Package graph is the door to Microsoft Graph: requests and answers are the
// caller's own types, refusals are [Error] values, and requests are counted.
package graph

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"github.com/kars-dev/kars/internal/azure/cloud"
	"github.com/kars-dev/kars/internal/azure/wire"
)

// Options configure a [Client].
type Options struct {
	Cloud     cloud.Cloud       // cloud.Public if zero
	Transport http.RoundTripper // http.DefaultTransport if nil
	Version   string            // of kars, for the user agent
	Retry     wire.Retry
}

// Client asks Microsoft Graph. It is safe for concurrent use.
type Client struct {
	host       string
	scope      string
	credential azcore.TokenCredential
	pipeline   runtime.Pipeline
	counter    *wire.Counter
	retry      wire.Retry
}

// New returns a client that asks with c's tokens.
func New(c azcore.TokenCredential, o Options) (*Client, error) {
	if o.Cloud.Name == "" {
		o.Cloud = cloud.Public
	}
	if o.Transport == nil {
		o.Transport = http.DefaultTransport
	}
	counter := &wire.Counter{}
	scope := o.Cloud.GraphScope()
	pipeline := runtime.NewPipeline("kars", o.Version, runtime.PipelineOptions{
		PerCall: []policy.Policy{wire.UserAgent(o.Version)},
		PerRetry: []policy.Policy{
			counter.Policy(changesNothing),
			runtime.NewBearerTokenPolicy(c, []string{scope}, nil),
		},
	}, &policy.ClientOptions{
		Transport: cloud.NewDoer(o.Transport),
		Telemetry: policy.TelemetryOptions{Disabled: true},
	})
	return &Client{host: o.Cloud.Graph, scope: scope, credential: c, pipeline: pipeline, counter: counter, retry: o.Retry}, nil
}

// Counts returns how many requests went out; a POST that only asks, as
// getMemberObjects, is a read.
func (c *Client) Counts() (reads, writes int) { return c.counter.Counts() }

// changesNothing reports whether a POST only asks.
func changesNothing(r *http.Request) bool {
	if r.Method != http.MethodPost {
		return false
	}
	action := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	action = strings.TrimPrefix(action, "microsoft.graph.")
	return strings.HasPrefix(action, "get") || strings.HasPrefix(action, "check")
}

// Do sends a request and decodes the answer into out. path begins with the
// version of the API, as "/v1.0/me?$select=id"; in and out may be nil. A
// request with $count=true is an advanced query, which Graph answers from an
// index that may lag.
// learn.microsoft.com/graph/aad-advanced-queries
//
// A POST is sent again only where the answer says that nothing was done, for a
// repeated one would make a second object.
func (c *Client) Do(ctx context.Context, method, path string, in, out any) error {
	return c.send(ctx, method, "https://"+c.host+path, in, out)
}

func (c *Client) send(ctx context.Context, method, endpoint string, in, out any) error {
	u, err := url.Parse(endpoint)
	if err != nil {
		return fmt.Errorf("asking Microsoft Graph: %w", err)
	}
	// Filters are written with spaces and quotes, and a plus means a plus.
	u.RawQuery = strings.ReplaceAll(u.RawQuery, " ", "%20")
	what := method + " " + u.Path
	ctx = policy.WithRetryOptions(ctx, c.retry.Options(ctx, method != http.MethodPost))
	req, err := runtime.NewRequest(ctx, method, u.String())
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	header := req.Raw().Header
	header.Set("Accept", "application/json")
	header.Set("OData-Version", "4.0") // without it a typed blueprint is refused
	if strings.Contains(u.RawQuery, "$count=true") {
		header.Set("ConsistencyLevel", "eventual")
	}
	if in != nil {
		if err := runtime.MarshalAsJSON(req, in); err != nil {
			return fmt.Errorf("encoding the body of %s: %w", what, err)
		}
	}
	resp, err := c.pipeline.Do(req)
	if err != nil {
		return fmt.Errorf("%s: %w", what, wire.Lost(err))
	}
	raw, err := runtime.Payload(resp)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if resp.StatusCode/100 != 2 {
		return newError(method, u.Path, resp, raw)
	}
	if out == nil || len(raw) == 0 {
		return nil
	}
	if err := wire.Decode(raw, out); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// List reads all pages of the collection at path.
func List[T any](ctx context.Context, c *Client, path string) ([]T, error) {
	var all []T
	for endpoint := "https://" + c.host + path; endpoint != ""; {
		var page struct {
			Value    []T    `json:"value"`
			NextLink string `json:"@odata.nextLink"`
		}
		if err := c.send(ctx, http.MethodGet, endpoint, nil, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Value...)
		// The next request carries a token: it goes to the same host or nowhere.
		if next, err := url.Parse(page.NextLink); page.NextLink != "" &&
			(err != nil || next.Scheme != "https" || !strings.EqualFold(next.Host, c.host)) {
			return nil, fmt.Errorf("GET %s: the next page is not at %s", path, c.host)
		}
		endpoint = page.NextLink
	}
	return all, nil
}
