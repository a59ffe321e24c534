package trust

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/kars-dev/kars/api/v1alpha1"
)

// Federated credentials of the blueprint. Entra allows an application 20;
// learn.microsoft.com/entra/workload-id/workload-identity-federation-considerations
const (
	credentialBroker   = "kars-broker"
	credentialIdentity = "kars-controller-mi"

	// brokerSubject is the broker's service account, as the cluster's issuer
	// names it.
	brokerSubject = "system:serviceaccount:kars-system:kars-broker"
)

// federatedCredential is one as Graph answers it.
type federatedCredential struct {
	ID          string   `json:"id,omitempty"`
	Name        string   `json:"name,omitempty"`
	Issuer      string   `json:"issuer"`
	Subject     string   `json:"subject"`
	Audiences   []string `json:"audiences"`
	Description string   `json:"description,omitempty"`
}

func (c federatedCredential) same(o federatedCredential) bool {
	// Entra compares all three as they are written, case included.
	return c.Issuer == o.Issuer && c.Subject == o.Subject && slices.Equal(c.Audiences, o.Audiences)
}

// wanted is the credential that the mode asks for.
func (s setup) wanted() federatedCredential {
	c := federatedCredential{
		Name:        credentialBroker,
		Issuer:      s.r.Issuer,
		Subject:     brokerSubject,
		Audiences:   []string{s.r.Cloud.TokenExchangeAudience},
		Description: "The broker of the kars cluster",
	}
	if s.r.Controller.CredentialMode == v1alpha1.CredentialManagedIdentity {
		// A managed identity's own token may prove a federated credential,
		// where a federated one may not (AADSTS700231).
		c.Name = credentialIdentity
		c.Issuer = s.r.Cloud.Authority() + s.r.TenantID + "/v2.0"
		c.Subject = s.r.Controller.ManagedIdentityPrincipalID
	}
	if s.r.Cluster == "" || s.r.BlueprintAppID != "" {
		// Several clusters may meet on one blueprint.
		c.Name += "-" + clusterTag(c.Issuer + c.Subject)[len(tagCluster):][:12]
	}
	return c
}

// federate makes or repairs the credential. One with the same content under
// another name is as good; one of the same name with other content is brought
// to what is wanted, since a cluster that was made anew has another issuer.
func (s setup) federate(ctx context.Context, app application) (string, Status, error) {
	want := s.wanted()
	path := blueprintPath(app.ID) + "/federatedIdentityCredentials"
	var existing []federatedCredential
	err := s.replicated(ctx, "the new blueprint is known everywhere", func(ctx context.Context) (err error) {
		existing, err = list[federatedCredential](ctx, s, path)
		return err
	})
	if err != nil {
		return "", "", err
	}
	if found, status, done := match(existing, want); done {
		return found.ID, status, nil
	} else if found.ID != "" {
		change := want
		change.Name = "" // immutable
		return found.ID, Updated, s.do(ctx, http.MethodPatch, path+"/"+url.PathEscape(found.ID), change, nil)
	}
	var created federatedCredential
	err = s.do(ctx, http.MethodPost, path, want, &created)
	if conflict(err) {
		// Another run was faster, or a write had not reached this replica:
		// what counts is what is there.
		return s.reread(ctx, path, want, err)
	}
	return created.ID, Created, err
}

// match returns the credential with the wanted content (done), or the one with
// the wanted name.
func match(existing []federatedCredential, want federatedCredential) (federatedCredential, Status, bool) {
	for _, c := range existing {
		if c.same(want) {
			return c, Unchanged, true
		}
	}
	for _, c := range existing {
		if c.Name == want.Name {
			return c, Updated, false
		}
	}
	return federatedCredential{}, "", false
}

func (s setup) reread(ctx context.Context, path string, want federatedCredential, cause error) (string, Status, error) {
	existing, err := list[federatedCredential](ctx, s, path)
	if err != nil {
		return "", "", err
	}
	if found, status, done := match(existing, want); done {
		return found.ID, status, nil
	}
	return "", "", fmt.Errorf("the credential %s: %w", want.Name, cause)
}
