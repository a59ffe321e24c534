// Package managedidentity is the local Azure's Microsoft.ManagedIdentity:
// user-assigned identities and their federated credentials.
package managedidentity

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"sync"

	"github.com/kars-dev/kars/localazure/arm"
	"github.com/kars-dev/kars/localazure/armid"
	"github.com/kars-dev/kars/localazure/directory"
	"github.com/kars-dev/kars/localazure/resource"
)

// Type is the resource type of user-assigned identities.
const Type = "Microsoft.ManagedIdentity/userAssignedIdentities"

const (
	credentialType = Type + "/federatedIdentityCredentials"
	// concurrent is the code for two writes at once below one identity;
	// learn.microsoft.com/entra/workload-id/workload-identity-federation-considerations#concurrent-updates-arent-supported-user-assigned-managed-identities.
	concurrent = "ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity"
)

// Provider is Microsoft.ManagedIdentity.
type Provider struct {
	directory *directory.Directory
	tenantID  string

	mu      sync.Mutex
	writing map[string]bool // ids of identities below which a credential is being written
}

// New returns the provider for a Resource Manager.
func New(s *arm.Service, d *directory.Directory) arm.Provider {
	p := &Provider{directory: d, tenantID: s.TenantID, writing: map[string]bool{}}
	return arm.Provider{
		Namespace: "Microsoft.ManagedIdentity",
		Types: []arm.Type{
			{
				Name: Type, APIVersions: []string{"2024-11-30", "2023-01-31"}, Regional: true,
				NameRule: regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{2,127}$`),
				Prepare:  p.prepareIdentity, Remove: p.removeIdentity,
			},
			{
				Name: credentialType, APIVersions: []string{"2024-11-30", "2023-01-31"},
				NameRule:  regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{2,119}$`),
				Exclusive: p.exclusive,
				Prepare:   p.prepareCredential, Remove: p.removeCredential,
			},
		},
		Routes: s.PollingRoutes("Microsoft.ManagedIdentity"),
	}
}

// prepareIdentity makes the identity's service principal;
// learn.microsoft.com/rest/api/managedidentity/user-assigned-identities.
func (p *Provider) prepareIdentity(_ context.Context, w *arm.Write) error {
	principal, err := p.directory.In(w.Tx).CreateManagedIdentity(w.ID.String(), w.ID.Name())
	if err != nil {
		return err
	}
	properties := resource.Properties(w.New)
	properties["tenantId"], properties["principalId"], properties["clientId"] = p.tenantID, principal.ID, principal.AppID
	return nil
}

func (p *Provider) removeIdentity(_ context.Context, w *arm.Write) error {
	return p.directory.In(w.Tx).DeleteManagedIdentity(w.ID.String())
}

// exclusive admits one write at a time below an identity, as Azure does.
func (p *Provider) exclusive(id armid.ID) (release func(), err error) {
	identity := strings.ToLower(id.Parent().String())
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.writing[identity] {
		return nil, arm.Errorf(http.StatusConflict, concurrent,
			"Too many Federated Identity Credentials are written concurrently for the managed identity '%s'. Concurrent Federated Identity Credentials writes under the same managed identity are not supported.", id.Parent())
	}
	p.writing[identity] = true
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.writing, identity)
	}, nil
}

func (p *Provider) prepareCredential(_ context.Context, w *arm.Write) error {
	properties := resource.Properties(w.New)
	c := directory.FederatedCredential{
		Name:   w.ID.Name(),
		Issuer: resource.Text(properties, "issuer"), Subject: resource.Text(properties, "subject"),
	}
	audiences, _ := properties["audiences"].([]any)
	for _, a := range audiences {
		if s, ok := a.(string); ok {
			c.Audiences = append(c.Audiences, s)
		}
	}
	tx := p.directory.In(w.Tx)
	principal, found, err := tx.ManagedIdentity(w.ID.Parent().String())
	if err != nil {
		return err
	}
	if !found {
		return arm.Errorf(http.StatusNotFound, "ParentResourceNotFound", "The identity '%s' could not be found.", w.ID.Parent())
	}
	if _, err := tx.PutFederatedCredential(principal.ID, c); err != nil {
		return refusal(err)
	}
	return nil
}

// refusal turns the directory's refusal into the Resource Manager's.
func refusal(err error) error {
	var e *directory.Error
	if !errors.As(err, &e) {
		return err
	}
	switch {
	case errors.Is(err, directory.ErrLimit):
		return arm.Errorf(http.StatusBadRequest, "BadRequest",
			"Too many federated identity credentials: an identity can have at most %d.", directory.FederatedCredentialLimit)
	case errors.Is(err, directory.ErrConflict):
		return arm.Errorf(http.StatusConflict, "Conflict", "Issuer and subject combination already exists for this Managed Identity.")
	}
	return arm.Errorf(http.StatusBadRequest, "BadRequest", "%s", e.Message)
}

func (p *Provider) removeCredential(_ context.Context, w *arm.Write) error {
	tx := p.directory.In(w.Tx)
	principal, found, err := tx.ManagedIdentity(w.ID.Parent().String())
	if err != nil || !found {
		return err
	}
	err = tx.DeleteFederatedCredential(principal.ID, w.ID.Name())
	if errors.Is(err, directory.ErrNotFound) {
		return nil
	}
	return err
}
