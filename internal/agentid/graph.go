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

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
)

const (
	// castSegment narrows service principals to agent identities;
	// learn.microsoft.com/graph/api/agentidentity-post
	castSegment  = "/microsoft.graph.agentIdentity"
	selectFields = "$select=id,appId,displayName,agentIdentityBlueprintId,tags,createdDateTime,accountEnabled"

	maxGraphReply = 4 << 20
	maxPages      = 100
)

// GraphError is a refusal by Microsoft Graph.
type GraphError struct {
	Status  int
	Code    string
	Message string
}

func (e *GraphError) Error() string {
	return fmt.Sprintf("%s: %s (HTTP status %d)", e.Code, e.Message, e.Status)
}

// IsNotFound reports whether Graph said that the object does not exist.
func IsNotFound(err error) bool {
	e, ok := errors.AsType[*GraphError](err)
	return ok && e.Status == http.StatusNotFound
}

// GraphClient is a [Graph] that acts as the blueprint.
type GraphClient struct {
	endpoint string
	pipeline runtime.Pipeline
}

// NewGraphClient returns a client of the Graph at the endpoint, such as
// https://graph.microsoft.com, that acts as the exchange's blueprint.
func NewGraphClient(endpoint string, e *Exchange, o policy.ClientOptions) *GraphClient {
	endpoint = strings.TrimSuffix(endpoint, "/")
	auth := runtime.NewBearerTokenPolicy(blueprintCredential{e, endpoint}, []string{endpoint + "/.default"}, nil)
	return &GraphClient{
		endpoint: endpoint,
		pipeline: runtime.NewPipeline("kars", "v1", runtime.PipelineOptions{PerRetry: []policy.Policy{auth}}, &o),
	}
}

// blueprintCredential lets azcore ask an Exchange.
type blueprintCredential struct {
	exchange *Exchange
	resource string
}

func (c blueprintCredential) GetToken(ctx context.Context, _ policy.TokenRequestOptions) (azcore.AccessToken, error) {
	t, err := c.exchange.BlueprintToken(ctx, c.resource)
	return azcore.AccessToken{Token: t.Value, ExpiresOn: t.ExpiresOn}, err
}

// Do implements [Graph].
func (g *GraphClient) Do(ctx context.Context, method, path string, in, out any) error {
	req, err := runtime.NewRequest(ctx, method, g.endpoint+path)
	if err != nil {
		return err
	}
	req.Raw().Header.Set("OData-Version", "4.0")
	if in != nil {
		if err := runtime.MarshalAsJSON(req, in); err != nil {
			return err
		}
	}
	runtime.SkipBodyDownload(req)
	res, err := g.pipeline.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxGraphReply))
	if err != nil {
		return fmt.Errorf("reading the answer of Microsoft Graph: %w", err)
	}
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return parseGraphError(res.StatusCode, raw)
	}
	if out == nil || len(raw) == 0 {
		return nil
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return fmt.Errorf("reading the answer of Microsoft Graph: %w", err)
	}
	return nil
}

func parseGraphError(status int, raw []byte) error {
	var reply struct {
		Error struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
	}
	_ = json.Unmarshal(raw, &reply)
	e := &GraphError{Status: status, Code: reply.Error.Code, Message: oneLine(reply.Error.Message)}
	if e.Code == "" {
		e.Code, e.Message = http.StatusText(status), "the answer names no error"
	}
	return e
}

// do asks the v1.0 API and, where that does not know agent identities, beta.
func (d *Directory) do(ctx context.Context, method, path string, in, out any) error {
	err := d.o.Graph.Do(ctx, method, "/v1.0"+path, in, out)
	if unknownType(err) {
		return d.o.Graph.Do(ctx, method, "/beta"+path, in, out)
	}
	return err
}

// unknownType reports whether the API version does not know the type or its
// cast segment, in contrast to an object that does not exist.
func unknownType(err error) bool {
	e, ok := errors.AsType[*GraphError](err)
	if !ok || (e.Status != http.StatusBadRequest && e.Status != http.StatusNotFound) {
		return false
	}
	message := strings.ToLower(e.Message)
	for _, hint := range []string{"segment", "unsupported type", "cannot be resolved to a type", "invalid type", "is not supported"} {
		if strings.Contains(message, hint) {
			return true
		}
	}
	return false
}

// list reads all pages.
func (d *Directory) list(ctx context.Context, path string) ([]Identity, error) {
	var all []Identity
	for range maxPages {
		var page struct {
			Value []Identity `json:"value"`
			Next  string     `json:"@odata.nextLink"`
		}
		if err := d.do(ctx, http.MethodGet, path, nil, &page); err != nil {
			return nil, err
		}
		for _, id := range page.Value {
			id.complete()
			all = append(all, id)
		}
		if page.Next == "" {
			return all, nil
		}
		next, err := nextPath(page.Next)
		if err != nil {
			return nil, err
		}
		path = next
	}
	return nil, fmt.Errorf("the list of agent identities has more than %d pages", maxPages)
}

// nextPath is the path of a next link without host and API version: a link to
// another host must not receive the token.
func nextPath(link string) (string, error) {
	u, err := url.Parse(link)
	if err != nil {
		return "", fmt.Errorf("next page of agent identities: %w", err)
	}
	_, rest, ok := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
	if !ok {
		return "", fmt.Errorf("next page of agent identities: the link has no path")
	}
	return "/" + rest + "?" + u.RawQuery, nil
}
