package acr_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/kars-dev/kars/images"
	"github.com/kars-dev/kars/internal/acr"
	"github.com/kars-dev/kars/internal/rbac"
	"github.com/kars-dev/kars/localazure/directory"
	"github.com/kars-dev/kars/localazure/entra"
	"github.com/kars-dev/kars/localazure/imds"
	"github.com/kars-dev/kars/localazure/registry"
	"github.com/kars-dev/kars/localazure/store"
)

const (
	login      = "contoso.azurecr.io"
	registryID = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.ContainerRegistry/registries/contoso"
	identityID = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/kubelet"
	tenant     = "11111111-2222-4333-8444-555555555555"
	acrPull    = "7f951dda-4ed3-4680-a7ca-43fe172d538d"
)

type oneRegistry struct{}

func (oneRegistry) Registry(_ context.Context, host string) (registry.Registry, bool, error) {
	return registry.Registry{ID: registryID, LoginServer: login, TenantID: tenant}, host == login, nil
}

// grants are the principals that have AcrPull.
type grants map[string]bool

func (g grants) Authorize(_ context.Context, c entra.Claims, r rbac.Request) (rbac.Decision, error) {
	in := rbac.Input{Definitions: []rbac.RoleDefinition{{
		ID: acrPull, Permissions: []rbac.Permission{{Actions: []string{"Microsoft.ContainerRegistry/registries/pull/read"}}},
	}}}
	for principal := range g {
		in.Assignments = append(in.Assignments, rbac.Assignment{
			ID: principal, PrincipalID: principal, RoleDefinitionID: acrPull, Scope: registryID,
		})
	}
	return rbac.Compile(in).Decide([]string{c.ObjectID}, r), nil
}

// azure is a node's surroundings: its metadata service, and the registry.
type azure struct {
	kubelet   directory.Principal
	grants    grants
	registry  *registry.Service
	layout    *images.Layout
	imds      string
	transport http.RoundTripper
}

func newAzure(t *testing.T) *azure {
	t.Helper()
	st, err := store.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	dir := directory.New(st, time.Now, tenant)
	if err := dir.Found(); err != nil {
		t.Fatal(err)
	}
	a := &azure{grants: grants{}, layout: images.Open(filepath.Join(t.TempDir(), "images"))}
	if a.kubelet, err = dir.CreateManagedIdentity(identityID, "kubelet"); err != nil {
		t.Fatal(err)
	}
	authority, err := entra.New(entra.Options{Store: st, Directory: dir, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	a.registry, err = registry.New(registry.Options{
		Dir: t.TempDir(), Store: st, Registries: oneRegistry{}, Entra: authority, Authorizer: a.grants, Images: a.layout,
	})
	if err != nil {
		t.Fatal(err)
	}
	metadata := httptest.NewServer(imds.New(imds.Options{
		Issuer: authority, Now: time.Now, Principal: dir.ManagedIdentity,
		Identities: func(context.Context) ([]string, error) { return []string{identityID}, nil },
	}))
	t.Cleanup(metadata.Close)
	a.imds = metadata.URL
	server := httptest.NewTLSServer(a.registry)
	t.Cleanup(server.Close)
	config := server.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	config.ServerName = "example.com" // of the test server's certificate
	a.transport = &http.Transport{DialTLSContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		d := tls.Dialer{Config: config}
		return d.DialContext(ctx, network, server.Listener.Addr().String())
	}}
	return a
}

func (a *azure) provider() *acr.Provider {
	return acr.New(acr.Options{IMDS: a.imds, Transport: a.transport})
}

func TestM35TheKubeletIdentityPullsWithAcrPullAndNotWithout(t *testing.T) {
	a := newAzure(t)
	image, err := random.Image(1024, 2)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.layout.Put(t.Context(), "ghcr.io/kars-dev/kars-router:1", image); err != nil {
		t.Fatal(err)
	}
	err = a.registry.Import(t.Context(), login, registry.ImportRequest{
		SourceRegistry: "ghcr.io", SourceImage: "kars-dev/kars-router:1", TargetTags: []string{"kars-router:1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	var refusal *acr.Refusal
	if _, err := a.provider().Credentials(t.Context(), login+"/kars-router:1"); !errors.As(err, &refusal) || refusal.Status != http.StatusUnauthorized {
		t.Fatalf("without AcrPull: %v, want status 401", err)
	}
	a.grants[a.kubelet.ID] = true
	got, err := a.provider().Credentials(t.Context(), login+"/kars-router:1")
	if err != nil {
		t.Fatal(err)
	}
	ref, err := name.ParseReference(login + "/kars-router:1")
	if err != nil {
		t.Fatal(err)
	}
	auth := authn.FromConfig(authn.AuthConfig{Username: got.Username, Password: got.Password})
	pulled, err := remote.Image(ref, remote.WithTransport(a.transport), remote.WithAuth(auth), remote.WithContext(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Image(pulled); err != nil {
		t.Error(err)
	}
}
