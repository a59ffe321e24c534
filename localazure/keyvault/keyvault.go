// Package keyvault is the local Azure's Microsoft.KeyVault: vaults as
// resources, and what becomes of deleted ones.
package keyvault

import (
	"context"
	"net/http"
	"regexp"
	"strings"

	"github.com/kars-dev/kars/localazure/arm"
	"github.com/kars-dev/kars/localazure/globalname"
	"github.com/kars-dev/kars/localazure/resource"
	"github.com/kars-dev/kars/localazure/store"
)

// Type is the resource type of vaults.
const Type = "Microsoft.KeyVault/vaults"

// Provider is Microsoft.KeyVault.
type Provider struct {
	service *arm.Service
}

// New returns the provider for a Resource Manager.
func New(s *arm.Service) arm.Provider {
	p := &Provider{service: s}
	const namespace = "/subscriptions/{subscription}/providers/Microsoft.KeyVault/"
	const deleted = namespace + "locations/{location}/deletedVaults/{name}"
	return arm.Provider{
		Namespace: "Microsoft.KeyVault",
		Types: []arm.Type{{
			Name: Type, APIVersions: []string{"2024-11-01", "2023-07-01"}, Regional: true,
			NameRule: nameRule(), NameError: nameError,
			Prepare: p.prepare, Remove: p.softDelete,
		}},
		Routes: append(s.PollingRoutes("Microsoft.KeyVault"),
			arm.Route{Method: http.MethodPost, Pattern: namespace + "checkNameAvailability", Read: true, Registered: true, Handle: p.checkName},
			arm.Route{Method: http.MethodGet, Pattern: namespace + "deletedVaults", Handle: p.listDeleted},
			arm.Route{Method: http.MethodGet, Pattern: deleted, Handle: p.getDeleted},
			arm.Route{Method: http.MethodPost, Pattern: deleted + "/purge", Handle: p.purge},
		),
	}
}

func nameRule() *regexp.Regexp {
	return regexp.MustCompile(`^[A-Za-z](?:[A-Za-z0-9]|-[A-Za-z0-9]){1,22}[A-Za-z0-9]?$`)
}

func nameError(name string) *arm.Error {
	return arm.Errorf(http.StatusBadRequest, "VaultNameNotValid",
		"The vault name '%s' is invalid. A vault's name must be between 3-24 alphanumeric characters. The name must begin with a letter, end with a letter or digit, and not contain consecutive hyphens. Follow this link for more information: https://go.microsoft.com/fwlink/?linkid=2147742", name)
}

// The texts of a name that is taken, by a vault and by a deleted one.
const (
	takenText = "The vault name '%s' is already in use. Vault names are globally unique so it is possible that the name is already taken. If you are sure that the vault name was not taken then it is possible that a vault with the same name was recently deleted but not purged after being placed in a recoverable state. If the vault is in a recoverable state then the vault will need to be purged before reusing the name. For more information about VaultAlreadyExists, soft delete and purging a vault follow this link https://go.microsoft.com/fwlink/?linkid=2147740."
	heldText  = "A vault with the same name already exists in deleted state. You need to either recover or purge existing key vault. Follow this link https://go.microsoft.com/fwlink/?linkid=2149745 for more information on soft delete."
)

// prepare completes a vault; learn.microsoft.com/rest/api/keyvault/keyvault/vaults/create-or-update.
func (p *Provider) prepare(_ context.Context, w *arm.Write) error {
	properties := resource.Properties(w.New)
	recovered, err := p.claimName(w, strings.EqualFold(resource.Text(properties, "createMode"), "recover"))
	if err != nil {
		return err
	}
	delete(properties, "createMode")
	if recovered != nil {
		was := resource.Properties(recovered)
		for key, value := range was {
			resource.Default(properties, key, value)
		}
		w.New["properties"] = properties
	}
	if err := p.check(properties); err != nil {
		return err
	}
	// Without a retention a vault keeps what was deleted for 90 days, and soft
	// deletion cannot be turned off; learn.microsoft.com/azure/key-vault/general/soft-delete-overview.
	resource.Default(properties, "softDeleteRetentionInDays", float64(defaultRetention))
	properties["enableSoftDelete"] = true
	resource.Default(properties, "enableRbacAuthorization", false)
	resource.Default(properties, "accessPolicies", []any{})
	resource.Default(properties, "publicNetworkAccess", "Enabled")
	properties["vaultUri"] = "https://" + strings.ToLower(w.ID.Name()) + ".vault.azure.net/"
	return nil
}

func (p *Provider) check(properties store.Tree) error {
	if tenant := resource.Text(properties, "tenantId"); !strings.EqualFold(tenant, p.service.TenantID) {
		return arm.Errorf(http.StatusBadRequest, "BadRequest", "An invalid value was provided for 'tenantId': '%s' is not the subscription's tenant.", tenant)
	}
	if family, name := resource.Text(properties, "sku", "family"), resource.Text(properties, "sku", "name"); family != "A" || !strings.EqualFold(name, "standard") && !strings.EqualFold(name, "premium") {
		return arm.Errorf(http.StatusBadRequest, "BadRequest", "An invalid value was provided for 'sku': family '%s', name '%s'.", family, name)
	}
	if protected, set := properties["enablePurgeProtection"].(bool); set && !protected {
		return arm.Errorf(http.StatusBadRequest, "BadRequest",
			"The property \"enablePurgeProtection\" cannot be set to false. Enabling the purge protection for a vault is an irreversible action.")
	}
	if access, set := properties["accessPolicies"]; set && access == nil {
		delete(properties, "accessPolicies")
	}
	return nil
}

// claimName refuses a name that is taken, and returns the deleted vault that a
// creation recovers.
func (p *Provider) claimName(w *arm.Write, recovering bool) (store.Tree, error) {
	if !w.Created() {
		return nil, nil
	}
	taken, err := holder(w.Tx, w.ID.Name())
	if err != nil {
		return nil, err
	}
	if taken {
		return nil, arm.Errorf(http.StatusConflict, "VaultAlreadyExists", takenText, w.ID.Name())
	}
	d, held, err := p.deleted(w.Tx, w.ID.Name())
	switch {
	case err != nil:
		return nil, err
	case held && !recovering:
		return nil, arm.Errorf(http.StatusConflict, "ConflictError", heldText)
	case !held && recovering:
		return nil, arm.Errorf(http.StatusNotFound, "NotFound", "No deleted vault '%s' was found to recover.", w.ID.Name())
	case !held:
		return nil, nil
	}
	return d.Vault, w.Tx.Delete(deletedVaults, w.ID.Name())
}

// holder says whether somebody has a vault of this name.
func holder(tx *store.Tx, name string) (taken bool, err error) {
	err = resource.OfType(tx, "", Type, func(r resource.Resource) error {
		taken = taken || strings.EqualFold(r.ID.Name(), name)
		return nil
	})
	if err != nil || taken {
		return taken, err
	}
	return globalname.Taken(tx, Type, name)
}

func (p *Provider) checkName(_ context.Context, r *arm.Request) (*arm.Response, error) {
	name := resource.Text(r.Body, "name")
	if !nameRule().MatchString(name) {
		return arm.OK(store.Tree{"nameAvailable": false, "reason": "AccountNameInvalid", "message": nameError(name).Message}), nil
	}
	var taken, held bool
	err := p.service.Store.View(func(tx *store.Tx) (err error) {
		if taken, err = holder(tx, name); err != nil {
			return err
		}
		_, held, err = p.deleted(tx, name)
		return err
	})
	if err != nil {
		return nil, err
	}
	if taken || held {
		return arm.OK(store.Tree{"nameAvailable": false, "reason": "AlreadyExists", "message": arm.Errorf(0, "", takenText, name).Message}), nil
	}
	return arm.OK(store.Tree{"nameAvailable": true}), nil
}
