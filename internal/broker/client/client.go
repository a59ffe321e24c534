// Package client speaks to the kars broker, the one service that acts as the
// agent identity blueprint. The controller uses [Client.EnsureIdentity] and
// [Client.DeleteIdentity]; the token sidecar of a sandbox uses [Client.Token].
//
// The caller proves who it is with a projected service-account token, read
// from its file for every request because the kubelet replaces it. The
// broker's certificate is checked against the CA file alone, which is read
// again whenever its content changes, so that a rotated CA needs no restart.
package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"
)

// maxReply bounds what is read of an answer. The largest is an access token,
// which Entra keeps below 16 KiB.
const maxReply = 64 << 10

// Options say where the broker is and how the caller proves itself.
type Options struct {
	// BaseURL is the broker's address, https://kars-broker.kars-system.svc.
	BaseURL string
	// TokenFile holds the caller's projected service-account token.
	TokenFile string
	// CAFile holds the PEM certificates that may sign the broker's own.
	CAFile string
	// Timeout bounds one call; 30 seconds when zero.
	Timeout time.Duration
}

// Client calls the broker. It is safe for concurrent use.
type Client struct {
	base      string
	tokenFile string
	caFile    string
	timeout   time.Duration

	mu        sync.Mutex
	ca        []byte
	transport *http.Transport
}

// Identity is an Entra agent identity. Entra gives an agent identity one id
// that serves as both its application id and its object id.
type Identity struct {
	AppID       string `json:"appId"`
	ObjectID    string `json:"objectId"`
	DisplayName string `json:"displayName"`
}

// Token is an access token of the calling sandbox's agent identity.
type Token struct {
	AccessToken string
	ExpiresOn   time.Time
}

// New returns a client. It touches neither files nor network: a pod may start
// before its CA is published, and then only its calls fail.
func New(o Options) (*Client, error) {
	u, err := url.Parse(o.BaseURL)
	if err != nil {
		return nil, fmt.Errorf("broker address: %w", err)
	}
	if u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("broker address %q: an https URL is needed", o.BaseURL)
	}
	if o.TokenFile == "" || o.CAFile == "" {
		return nil, errors.New("broker client: a token file and a CA file are needed")
	}
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	return &Client{
		base:      strings.TrimSuffix(o.BaseURL, "/"),
		tokenFile: o.TokenFile,
		caFile:    o.CAFile,
		timeout:   o.Timeout,
	}, nil
}

// EnsureIdentity finds the agent identity of the KarsSandbox with this UID, or
// creates it, and gives it the display name. Only the controller may call it.
func (c *Client) EnsureIdentity(ctx context.Context, namespace, name, uid, displayName string) (Identity, error) {
	var id Identity
	err := c.do(ctx, http.MethodPut, identityPath(namespace, name), EnsureRequest{UID: uid, DisplayName: displayName}, &id)
	if err != nil {
		return Identity{}, fmt.Errorf("ensuring the agent identity of %s/%s: %w", namespace, name, err)
	}
	return id, nil
}

// DeleteIdentity deletes the agent identities of the KarsSandbox with this
// UID. That there are none is no error. Only the controller may call it.
func (c *Client) DeleteIdentity(ctx context.Context, namespace, name, uid string) error {
	path := identityPath(namespace, name) + "?uid=" + url.QueryEscape(uid)
	if err := c.do(ctx, http.MethodDelete, path, nil, nil); err != nil {
		return fmt.Errorf("deleting the agent identity of %s/%s: %w", namespace, name, err)
	}
	return nil
}

// Token returns an access token for the resource (an audience without
// /.default, such as https://cognitiveservices.azure.com) of the agent
// identity that belongs to the calling pod.
func (c *Client) Token(ctx context.Context, resource string) (Token, error) {
	var reply TokenReply
	if err := c.do(ctx, http.MethodPost, "/v1/token", TokenRequest{Resource: resource}, &reply); err != nil {
		return Token{}, fmt.Errorf("getting an agent token for %s: %w", resource, err)
	}
	return Token{AccessToken: reply.AccessToken, ExpiresOn: time.Unix(reply.ExpiresOn, 0)}, nil
}

func identityPath(namespace, name string) string {
	return "/v1/identities/" + url.PathEscape(namespace) + "/" + url.PathEscape(name)
}

func (c *Client) do(ctx context.Context, method, path string, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	req, err := c.request(ctx, method, path, in)
	if err != nil {
		return err
	}
	rt, err := c.roundTripper()
	if err != nil {
		return err
	}
	// The transport is used without http.Client: the broker never redirects,
	// and a token must not follow anyone who does.
	res, err := rt.RoundTrip(req)
	if err != nil {
		return fmt.Errorf("calling the broker: %w", err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxReply+1))
	if err != nil {
		return fmt.Errorf("reading the broker's answer: %w", err)
	}
	if len(body) > maxReply {
		return fmt.Errorf("the broker's answer is longer than %d bytes", maxReply)
	}
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return parseError(res.StatusCode, body)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(body, out); err != nil {
		// The body may hold a token: the error must not quote it.
		return errors.New("the broker's answer is not the JSON that was expected")
	}
	return nil
}

func (c *Client) request(ctx context.Context, method, path string, in any) (*http.Request, error) {
	token, err := os.ReadFile(c.tokenFile)
	if err != nil {
		return nil, fmt.Errorf("reading the service-account token: %w", err)
	}
	var body io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}

// roundTripper returns a transport that trusts what the CA file holds now.
func (c *Client) roundTripper() (http.RoundTripper, error) {
	ca, err := os.ReadFile(c.caFile)
	if err != nil {
		return nil, fmt.Errorf("reading the broker's CA: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.transport != nil && bytes.Equal(ca, c.ca) {
		return c.transport, nil
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		return nil, fmt.Errorf("reading the broker's CA: %s holds no certificate", c.caFile)
	}
	if c.transport != nil {
		c.transport.CloseIdleConnections()
	}
	c.ca = ca
	c.transport = &http.Transport{
		TLSClientConfig:     &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13},
		ForceAttemptHTTP2:   true,
		MaxIdleConnsPerHost: 2,
		IdleConnTimeout:     90 * time.Second,
		TLSHandshakeTimeout: 10 * time.Second,
	}
	return c.transport, nil
}
