package directory

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
)

// FederatedCredentialLimit is how many federated identity credentials an
// application or a user-assigned identity can have;
// learn.microsoft.com/entra/workload-id/workload-identity-federation-considerations.
const FederatedCredentialLimit = 20

// FederatedCredential is the trust of an application or a user-assigned
// identity in the tokens of an issuer about a subject.
type FederatedCredential struct {
	ID          string   `json:"id"`
	Name        string   `json:"name"`
	Issuer      string   `json:"issuer"`
	Subject     string   `json:"subject"`
	Audiences   []string `json:"audiences"` // exactly one
	Description string   `json:"description,omitempty"`
}

var federatedName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{2,119}$`)

// PutFederatedCredential creates or replaces a federated credential, see
// [Tx.PutFederatedCredential].
func (d *Directory) PutFederatedCredential(objectID string, c FederatedCredential) (FederatedCredential, error) {
	return update(d, func(t *Tx) (FederatedCredential, error) { return t.PutFederatedCredential(objectID, c) })
}

// FederatedCredentials lists the federated credentials of an object by name.
func (d *Directory) FederatedCredentials(objectID string) ([]FederatedCredential, error) {
	return view(d, func(t *Tx) ([]FederatedCredential, error) { return t.FederatedCredentials(objectID) })
}

// DeleteFederatedCredential removes a federated credential by name.
func (d *Directory) DeleteFederatedCredential(objectID, name string) error {
	return d.Update(func(t *Tx) error { return t.DeleteFederatedCredential(objectID, name) })
}

// PutFederatedCredential creates the federated credential of this name or
// replaces it. objectID is the object id of an application, a blueprint for
// instance, or of a user-assigned identity's service principal. A second
// credential with the same issuer and subject is [ErrConflict], a 21st is
// [ErrLimit].
func (t *Tx) PutFederatedCredential(objectID string, c FederatedCredential) (FederatedCredential, error) {
	o, found, err := t.Object(objectID)
	if err != nil {
		return c, err
	}
	if !found {
		return c, notFound(objectID)
	}
	if o.Kind != Application && o.Text("servicePrincipalType") != "ManagedIdentity" {
		return c, invalid("Federated identity credentials can be added only to applications and user-assigned identities.")
	}
	if err := c.validate(); err != nil {
		return c, err
	}
	existing, err := t.FederatedCredentials(objectID)
	if err != nil {
		return c, err
	}
	c.ID = newID()
	replaces := false
	for _, e := range existing {
		switch {
		case e.Name == c.Name:
			c.ID, replaces = e.ID, true
		case e.Issuer == c.Issuer && e.Subject == c.Subject:
			return c, &Error{
				Kind: ErrConflict, Code: "Request_MultipleObjectsWithSameKeyValue",
				Message: "FederatedIdentityCredential with same issuer and subject already exists: issuer and subject combination must be unique.",
			}
		}
	}
	if !replaces && len(existing) >= FederatedCredentialLimit {
		return c, &Error{
			Kind: ErrLimit, Code: "Directory_QuotaExceeded",
			Message: fmt.Sprintf("Too many federated identity credentials; the maximum is %d.", FederatedCredentialLimit),
		}
	}
	return c, t.tx.Put(bucketFederated, objectID+"/"+c.Name, c)
}

func (c FederatedCredential) validate() error {
	bad := func(why string) error {
		return &Error{Kind: ErrInvalid, Code: "InvalidFederatedIdentityCredentialValue", Message: why}
	}
	switch {
	case !federatedName.MatchString(c.Name):
		return bad("The name must be 3 to 120 letters, digits, hyphens and underscores, and start with a letter or digit.")
	case c.Issuer == "" || len(c.Issuer) > 600:
		return bad("The issuer must be a URL of at most 600 characters.")
	case c.Subject == "" || len(c.Subject) > 600:
		return bad("The subject must have at most 600 characters and not be empty.")
	case len(c.Audiences) != 1 || c.Audiences[0] == "":
		return bad("Exactly one audience must be given.")
	}
	return nil
}

// FederatedCredentials lists the federated credentials of an object by name.
func (t *Tx) FederatedCredentials(objectID string) ([]FederatedCredential, error) {
	var out []FederatedCredential
	err := t.tx.Each(bucketFederated, objectID+"/", func(_ string, raw json.RawMessage) error {
		var c FederatedCredential
		if err := json.Unmarshal(raw, &c); err != nil {
			return err
		}
		out = append(out, c)
		return nil
	})
	return out, err
}

// FederatedCredential returns a federated credential by its name or id.
func (t *Tx) FederatedCredential(objectID, nameOrID string) (FederatedCredential, bool, error) {
	all, err := t.FederatedCredentials(objectID)
	i := slices.IndexFunc(all, func(c FederatedCredential) bool { return c.Name == nameOrID || c.ID == nameOrID })
	if err != nil || i < 0 {
		return FederatedCredential{}, false, err
	}
	return all[i], true, nil
}

// DeleteFederatedCredential removes a federated credential by name; one that is
// not there is [ErrNotFound].
func (t *Tx) DeleteFederatedCredential(objectID, name string) error {
	c, found, err := t.FederatedCredential(objectID, name)
	if err != nil {
		return err
	}
	if !found {
		return notFound(name)
	}
	return t.tx.Delete(bucketFederated, objectID+"/"+c.Name)
}
