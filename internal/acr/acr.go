// Package acr gets a node's credentials for pulling from Azure Container
// Registry: the node's managed identity becomes a token of the registry.
//
// [New] makes a provider and [Provider.Credentials] asks for an image;
// [Serve] speaks kubelet's credential provider protocol around it. The package
// has no dependency but the standard library, because its program runs for
// every pull, and it writes no token anywhere but into the answer.
package acr

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// NullUser is the user name that marks a password as a refresh token of the
// registry; github.com/Azure/acr/blob/main/docs/AAD-OAuth.md.
const NullUser = "00000000-0000-0000-0000-000000000000"

// Options configure a [Provider].
type Options struct {
	// ClientID picks one of several identities of the node; empty: its only one.
	ClientID string
	// IMDS is the base address of the instance metadata service; empty: the
	// one that every Azure machine has. Tests set it, nothing else may.
	IMDS string
	// Transport reaches the registry; nil: http.DefaultTransport. The metadata
	// service is always reached directly.
	Transport http.RoundTripper
	// Wait sits out a pause between attempts; nil: a timer.
	Wait func(context.Context, time.Duration) error
}

// Provider gets credentials.
type Provider struct {
	clientID string
	imds     string
	metadata *http.Client
	registry *http.Client
	wait     func(context.Context, time.Duration) error
}

// imdsAddress is the same on every Azure machine;
// learn.microsoft.com/azure/virtual-machines/instance-metadata-service.
const imdsAddress = "http://169.254.169.254"

// New returns a provider.
func New(o Options) *Provider {
	p := &Provider{clientID: o.ClientID, imds: o.IMDS, wait: o.Wait}
	if p.imds == "" {
		p.imds = imdsAddress
	}
	if p.wait == nil {
		p.wait = wait
	}
	// A metadata service must never be asked through a proxy, and neither of
	// the two ever redirects: whoever does is not what we think it is.
	noRedirect := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	p.metadata = &http.Client{Transport: &http.Transport{}, CheckRedirect: noRedirect}
	p.registry = &http.Client{Transport: o.Transport, CheckRedirect: noRedirect}
	return p
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// Credentials are what a registry's token service takes.
type Credentials struct {
	LoginServer string // "contoso.azurecr.io"
	Username    string
	Password    string
}

// ErrNotAzure says that an image is not on an Azure registry. Nothing was sent
// anywhere.
var ErrNotAzure = errors.New("not an image of an Azure Container Registry")

// Credentials gets credentials for the registry of an image, given as
// "contoso.azurecr.io/app@sha256:…".
func (p *Provider) Credentials(ctx context.Context, image string) (Credentials, error) {
	host, err := LoginServer(image)
	if err != nil {
		return Credentials{}, err
	}
	token, err := p.identityToken(ctx)
	if err != nil {
		return Credentials{}, fmt.Errorf("getting the node's token: %w", err)
	}
	refresh, err := p.Exchange(ctx, host, token)
	if err != nil {
		return Credentials{}, fmt.Errorf("exchanging the node's token at %s: %w", host, err)
	}
	return Credentials{LoginServer: host, Username: NullUser, Password: refresh}, nil
}

// loginServer is a registry's name, 5 to 50 letters and digits, where newer
// registries append a hyphen and a hash;
// learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules#microsoftcontainerregistry.
var loginServer = regexp.MustCompile(`^[a-z0-9]{5,50}(-[a-z0-9]{1,16})?\.azurecr\.io$`)

// LoginServer returns the registry's host of an image, or [ErrNotAzure]. The
// node's token is sent to that host, so nothing else may pass.
func LoginServer(image string) (string, error) {
	host, _, _ := strings.Cut(image, "/")
	host = strings.ToLower(host)
	if !loginServer.MatchString(host) {
		return "", fmt.Errorf("%q: %w", image, ErrNotAzure)
	}
	return host, nil
}

// resource is what the node's token is for: registries and nothing else.
const resource = "https://containerregistry.azure.net"

// identityToken asks the metadata service for a token of the node's identity;
// learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token#get-a-token-using-http.
func (p *Provider) identityToken(ctx context.Context) (string, error) {
	query := url.Values{"api-version": {"2018-02-01"}, "resource": {resource}}
	if p.clientID != "" {
		query.Set("client_id", p.clientID)
	}
	var body struct {
		AccessToken string `json:"access_token"`
	}
	err := p.retry(ctx, func() error {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.imds+"/metadata/identity/oauth2/token?"+query.Encode(), nil)
		if err != nil {
			return err
		}
		r.Header.Set("Metadata", "true")
		return do(p.metadata, r, &body)
	})
	if err == nil && body.AccessToken == "" {
		return "", errors.New("the answer has no access_token")
	}
	return body.AccessToken, err
}

// Exchange turns an Entra token into a refresh token of the registry.
func (p *Provider) Exchange(ctx context.Context, host, token string) (string, error) {
	form := url.Values{"grant_type": {"access_token"}, "service": {host}, "access_token": {token}}
	var body struct {
		RefreshToken string `json:"refresh_token"`
	}
	err := p.retry(ctx, func() error {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+host+"/oauth2/exchange", strings.NewReader(form.Encode()))
		if err != nil {
			return err
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		return do(p.registry, r, &body)
	})
	if err == nil && body.RefreshToken == "" {
		return "", errors.New("the answer has no refresh_token")
	}
	return body.RefreshToken, err
}

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 1 << 20

func do(client *http.Client, r *http.Request, into any) error {
	resp, err := client.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return newRefusal(resp.StatusCode, raw)
	}
	return decode(raw, into)
}
