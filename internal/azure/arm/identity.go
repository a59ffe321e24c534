package arm

import (
	"context"
	"net/http"
)

const identityVersion = "2023-01-31"

// FederatedCredential lets tokens of an issuer stand for a user-assigned
// identity. An identity has at most 20.
// learn.microsoft.com/entra/workload-id/workload-identity-federation-considerations
type FederatedCredential struct {
	Name      string
	Issuer    string
	Subject   string
	Audiences []string
}

type federatedCredential struct {
	Name       string `json:"name,omitempty"`
	Properties struct {
		Issuer    string   `json:"issuer"`
		Subject   string   `json:"subject"`
		Audiences []string `json:"audiences"`
	} `json:"properties"`
}

// FederatedCredentials lists those of the user-assigned identity with this ARM
// id.
func (c *Client) FederatedCredentials(ctx context.Context, identityID string) ([]FederatedCredential, error) {
	found, err := list[federatedCredential](ctx, c, call{
		path: identityID + "/federatedIdentityCredentials", version: identityVersion,
	})
	all := make([]FederatedCredential, 0, len(found))
	for _, w := range found {
		all = append(all, FederatedCredential{
			Name: w.Name, Issuer: w.Properties.Issuer, Subject: w.Properties.Subject, Audiences: w.Properties.Audiences,
		})
	}
	return all, err
}

// PutFederatedCredential makes or replaces one. Azure refuses two at the same
// time on one identity (ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity).
func (c *Client) PutFederatedCredential(ctx context.Context, identityID string, f FederatedCredential) (created bool, err error) {
	var w federatedCredential
	w.Properties.Issuer, w.Properties.Subject, w.Properties.Audiences = f.Issuer, f.Subject, f.Audiences
	status, err := c.do(ctx, call{
		method: http.MethodPut, path: identityID + "/federatedIdentityCredentials/" + f.Name, version: identityVersion, body: w,
	}, nil)
	return status == http.StatusCreated, err
}

// DeleteFederatedCredential removes one; deleted is false if there was none.
func (c *Client) DeleteFederatedCredential(ctx context.Context, identityID, name string) (deleted bool, err error) {
	status, err := c.do(ctx, call{
		method: http.MethodDelete, path: identityID + "/federatedIdentityCredentials/" + name,
		version: identityVersion, accept: []int{http.StatusNotFound},
	}, nil)
	return status == http.StatusOK, err
}
