package token

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/kars-dev/kars/internal/broker/client"
)

// Client asks the token sidecar. It keeps no token: the sidecar does.
type Client struct {
	http *http.Client
}

// NewClient returns a client of the sidecar's socket.
func NewClient(socket string) *Client {
	var d net.Dialer
	return &Client{http: &http.Client{
		Timeout: fetchTimeout + 5*time.Second,
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return d.DialContext(ctx, "unix", socket)
			},
			MaxIdleConnsPerHost: 4,
			IdleConnTimeout:     time.Minute,
		},
	}}
}

// Token returns a token for the resource. A refusal is a [*client.Error].
func (c *Client) Token(ctx context.Context, resource string) (client.Token, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://token/token?resource="+url.QueryEscape(resource), nil)
	if err != nil {
		return client.Token{}, err
	}
	res, err := c.http.Do(req)
	if err != nil {
		return client.Token{}, fmt.Errorf("asking the token sidecar: %w", err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if err != nil {
		return client.Token{}, fmt.Errorf("reading the token sidecar's answer: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		var reply client.ErrorReply
		if err := json.Unmarshal(body, &reply); err != nil || reply.Error.Code == "" {
			return client.Token{}, fmt.Errorf("token sidecar: HTTP status %d", res.StatusCode)
		}
		reply.Error.Status = res.StatusCode
		return client.Token{}, &reply.Error
	}
	var reply client.TokenReply
	if err := json.Unmarshal(body, &reply); err != nil || reply.AccessToken == "" {
		return client.Token{}, errors.New("the token sidecar's answer holds no token")
	}
	return client.Token{AccessToken: reply.AccessToken, ExpiresOn: time.Unix(reply.ExpiresOn, 0)}, nil
}
