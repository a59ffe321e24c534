package acr

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// The protocol is kubelet's, version 1: one request on standard input, one
// answer on standard output;
// kubernetes.io/docs/reference/config-api/kubelet-credentialprovider.v1.
const (
	apiVersion = "credentialprovider.kubelet.k8s.io/v1"
	// cacheDuration is how long kubelet uses an answer again. It is far below
	// the life of a refresh token, so that a role that was taken away is
	// noticed.
	cacheDuration = 10 * time.Minute
	maxRequest    = 1 << 20 // bytes
)

type request struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Image      string `json:"image"`
}

type response struct {
	APIVersion    string          `json:"apiVersion"`
	Kind          string          `json:"kind"`
	CacheKeyType  string          `json:"cacheKeyType"`
	CacheDuration string          `json:"cacheDuration"`
	Auth          map[string]auth `json:"auth"`
}

type auth struct {
	Username string `json:"username"`
	Password string `json:"password"`
}

// Serve answers one request of kubelet. For an image that is on no Azure
// registry the answer has no credentials.
func Serve(ctx context.Context, p *Provider, in io.Reader, out io.Writer) error {
	req, err := readRequest(in)
	if err != nil {
		return err
	}
	answer := response{
		APIVersion: apiVersion, Kind: "CredentialProviderResponse", CacheKeyType: "Registry",
		CacheDuration: cacheDuration.String(), Auth: map[string]auth{},
	}
	got, err := p.Credentials(ctx, req.Image)
	switch {
	case errors.Is(err, ErrNotAzure):
	case err != nil:
		return err
	default:
		answer.Auth[got.LoginServer] = auth{got.Username, got.Password}
	}
	return json.NewEncoder(out).Encode(answer)
}

func readRequest(in io.Reader) (request, error) {
	var req request
	if err := json.NewDecoder(io.LimitReader(in, maxRequest)).Decode(&req); err != nil {
		return request{}, fmt.Errorf("reading kubelet's request: %w", err)
	}
	switch {
	case req.APIVersion != apiVersion:
		return request{}, fmt.Errorf("the request's apiVersion is %q, not %s", req.APIVersion, apiVersion)
	case req.Kind != "CredentialProviderRequest":
		return request{}, fmt.Errorf("the request's kind is %q, not CredentialProviderRequest", req.Kind)
	case req.Image == "":
		return request{}, errors.New("the request names no image")
	}
	return req, nil
}
