// Package arm is the door to Azure Resource Manager. A [Client] reads and writes
// resources as JSON trees at the API version its caller names, so that what a
// newer version sends is not lost, and has typed methods for what kars asks
// often. Refusals are [Error] values; long operations are [Operation] values
// whose token lets a later run wait for them.
package arm

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	azarm "github.com/Azure/azure-sdk-for-go/sdk/azcore/arm/policy"
	armruntime "github.com/Azure/azure-sdk-for-go/sdk/azcore/arm/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"github.com/kars-dev/kars/internal/azure/cloud"
	"github.com/kars-dev/kars/internal/azure/wire"
)

// Tree is a JSON object as Azure sends it.
type Tree map[string]any

// Options configure a [Client].
type Options struct {
	Cloud     cloud.Cloud       // cloud.Public if zero
	Transport http.RoundTripper // http.DefaultTransport if nil
	Version   string            // of kars, for the user agent
	Retry     wire.Retry
	// Sleep waits between the polls of a long operation; wire.Sleep if nil.
	Sleep func(context.Context, time.Duration) error
}

// Client asks Azure Resource Manager. It is safe for concurrent use.
type Client struct {
	host     string
	pipeline runtime.Pipeline
	counter  *wire.Counter
	retry    wire.Retry
	sleep    func(context.Context, time.Duration) error
}

// New returns a client that asks with c's tokens.
func New(c azcore.TokenCredential, o Options) (*Client, error) {
	if o.Cloud.Name == "" {
		o.Cloud = cloud.Public
	}
	if o.Transport == nil {
		o.Transport = http.DefaultTransport
	}
	if o.Sleep == nil {
		o.Sleep = wire.Sleep
	}
	counter := &wire.Counter{}
	plan := runtime.PipelineOptions{
		PerCall:  []policy.Policy{wire.UserAgent(o.Version)},
		PerRetry: []policy.Policy{counter.Policy(changesNothing)},
	}
	pipeline, err := armruntime.NewPipeline("kars", o.Version, c, plan, &azarm.ClientOptions{
		ClientOptions: policy.ClientOptions{
			Cloud:     o.Cloud.Configuration(),
			Transport: cloud.NewDoer(o.Transport),
			Telemetry: policy.TelemetryOptions{Disabled: true},
		},
		// Registering providers is a step of the run with a need of its own,
		// never a side effect.
		DisableRPRegistration: true,
	})
	if err != nil {
		return nil, fmt.Errorf("preparing the Azure Resource Manager client: %w", err)
	}
	return &Client{host: o.Cloud.ResourceManager, pipeline: pipeline, counter: counter, retry: o.Retry, sleep: o.Sleep}, nil
}

// Counts returns how many requests went out. A POST that changes nothing, as a
// validation, a name check or a list of credentials, is a read.
func (c *Client) Counts() (reads, writes int) { return c.counter.Counts() }

// changesNothing reports whether a POST only asks.
func changesNothing(r *http.Request) bool {
	return r.Method == http.MethodPost && asks(r.URL.Path)
}

// asks reports whether the action at the end of a path changes nothing.
func asks(path string) bool {
	path = strings.ToLower(path)
	action := path[strings.LastIndexByte(path, '/')+1:]
	for _, prefix := range []string{"list", "check", "validate", "whatif"} {
		if strings.HasPrefix(action, prefix) {
			return true
		}
	}
	return false
}

// call is one request.
type call struct {
	method  string
	path    string // begins with a slash
	version string // of the API
	query   url.Values
	body    any
	accept  []int // statuses that are no error beside 2xx
}

// send sends a call and returns its answer, whose body is buffered. An answer
// that is not accepted is an [Error].
func (c *Client) send(ctx context.Context, r call) (*http.Response, error) {
	query := url.Values{"api-version": {r.version}}
	for k, v := range r.query {
		query[k] = v
	}
	// Azure reads a plus in a filter as a plus.
	u := url.URL{Scheme: "https", Host: c.host, Path: r.path, RawQuery: strings.ReplaceAll(query.Encode(), "+", "%20")}
	return c.sendTo(ctx, u.String(), r)
}

func (c *Client) sendTo(ctx context.Context, endpoint string, r call) (*http.Response, error) {
	idempotent := r.method != http.MethodPost || asks(r.path)
	ctx = policy.WithRetryOptions(ctx, c.retry.Options(ctx, idempotent))
	req, err := runtime.NewRequest(ctx, r.method, endpoint)
	if err != nil {
		return nil, err
	}
	req.Raw().Header.Set("Accept", "application/json")
	if r.body != nil {
		if err := runtime.MarshalAsJSON(req, r.body); err != nil {
			return nil, fmt.Errorf("encoding the body of %s %s: %w", r.method, r.path, err)
		}
	}
	resp, err := c.pipeline.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", r.method, r.path, wire.Lost(err))
	}
	if resp.StatusCode/100 == 2 || runtime.HasStatusCode(resp, r.accept...) {
		return resp, nil
	}
	return nil, newError(resp)
}

// do sends a call and decodes its answer into out, unless out is nil.
func (c *Client) do(ctx context.Context, r call, out any) (status int, err error) {
	resp, err := c.send(ctx, r)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, decode(resp, r, out)
}

func decode(resp *http.Response, r call, out any) error {
	raw, err := runtime.Payload(resp)
	if err != nil {
		return fmt.Errorf("%s %s: %w", r.method, r.path, err)
	}
	if out == nil || len(raw) == 0 || resp.StatusCode == http.StatusNotFound {
		return nil
	}
	if err := wire.Decode(raw, out); err != nil {
		return fmt.Errorf("%s %s: %w", r.method, r.path, err)
	}
	return nil
}

// list reads all pages of a list.
func list[T any](ctx context.Context, c *Client, r call) ([]T, error) {
	r.method = http.MethodGet
	resp, err := c.send(ctx, r)
	var all []T
	for {
		if err != nil {
			return nil, err
		}
		var page struct {
			Value    []T    `json:"value"`
			NextLink string `json:"nextLink"`
		}
		if err := decode(resp, r, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Value...)
		if page.NextLink == "" {
			return all, nil
		}
		// The next request carries a token: it goes to the same host or nowhere.
		next, err := url.Parse(page.NextLink)
		if err != nil || next.Scheme != "https" || !strings.EqualFold(next.Host, c.host) {
			return nil, fmt.Errorf("GET %s: the next page is not at %s", r.path, c.host)
		}
		if resp, err = c.sendTo(ctx, page.NextLink, r); err != nil {
			return nil, err
		}
	}
}
