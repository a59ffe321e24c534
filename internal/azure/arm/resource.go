package arm

import (
	"context"
	"net/http"
	"net/url"
)

// Get reads the resource with this id. That there is none, or no group to hold
// it, is no error.
func (c *Client) Get(ctx context.Context, id, version string) (resource Tree, found bool, err error) {
	status, err := c.do(ctx, call{method: http.MethodGet, path: id, version: version, accept: []int{http.StatusNotFound}}, &resource)
	if err != nil || status == http.StatusNotFound {
		return nil, false, err
	}
	return resource, true, nil
}

// Put writes the resource with this id.
func (c *Client) Put(ctx context.Context, id, version string, resource any) (*Operation, error) {
	return c.begin(ctx, call{method: http.MethodPut, path: id, version: version, body: resource})
}

// Patch changes the resource with this id.
func (c *Client) Patch(ctx context.Context, id, version string, change any) (*Operation, error) {
	return c.begin(ctx, call{method: http.MethodPatch, path: id, version: version, body: change})
}

// Delete removes the resource with this id. That there is none is no error.
func (c *Client) Delete(ctx context.Context, id, version string) (*Operation, error) {
	return c.begin(ctx, call{method: http.MethodDelete, path: id, version: version, accept: []int{http.StatusNotFound}})
}

// Post performs an action of a resource that may go on after its answer; path
// is the resource's id and the action's name. body may be nil.
func (c *Client) Post(ctx context.Context, path, version string, body any) (*Operation, error) {
	return c.begin(ctx, call{method: http.MethodPost, path: path, version: version, body: body})
}

// Ask performs an action that answers at once, as a name check, and decodes the
// answer into out, which may be nil.
func (c *Client) Ask(ctx context.Context, path, version string, body, out any) error {
	_, err := c.do(ctx, call{method: http.MethodPost, path: path, version: version, body: body}, out)
	return err
}

// List reads all pages of the list at path.
func (c *Client) List(ctx context.Context, path, version string, query url.Values) ([]Tree, error) {
	return list[Tree](ctx, c, call{path: path, version: version, query: query})
}
