package keyvault

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/kars-dev/kars/localazure/arm"
	"github.com/kars-dev/kars/localazure/resource"
	"github.com/kars-dev/kars/localazure/store"
)

const (
	// deletedVaults holds, by name, the vaults that can still be recovered.
	deletedVaults    = "keyvault.deleted"
	defaultRetention = 90 // days
)

// deletedVault is a vault that was deleted and keeps its name.
type deletedVault struct {
	Vault   store.Tree `json:"vault"`
	Deleted time.Time  `json:"deleted"`
	Purge   time.Time  `json:"purge"` // when it goes by itself
}

// softDelete keeps a vault that is deleted, alone or with its group.
func (p *Provider) softDelete(_ context.Context, w *arm.Write) error {
	days, ok := resource.Value(w.Old, "properties", "softDeleteRetentionInDays").(float64)
	if !ok {
		days = defaultRetention
	}
	now := p.service.Now().UTC()
	return w.Tx.Put(deletedVaults, w.ID.Name(), deletedVault{
		Vault: w.Old, Deleted: now, Purge: now.Add(time.Duration(days) * 24 * time.Hour),
	})
}

// deleted returns the deleted vault of a name, unless its time is over.
func (p *Provider) deleted(tx *store.Tx, name string) (deletedVault, bool, error) {
	var d deletedVault
	found, err := tx.Get(deletedVaults, name, &d)
	return d, found && p.service.Now().Before(d.Purge), err
}

func (p *Provider) describe(d deletedVault, subscription string) store.Tree {
	const form = "2006-01-02T15:04:05Z"
	name, location := resource.Text(d.Vault, "name"), resource.Text(d.Vault, "location")
	return store.Tree{
		"id":   "/subscriptions/" + subscription + "/providers/Microsoft.KeyVault/locations/" + location + "/deletedVaults/" + name,
		"name": name, "type": "Microsoft.KeyVault/deletedVaults",
		"properties": store.Tree{
			"vaultId": d.Vault["id"], "location": location, "tags": d.Vault["tags"],
			"deletionDate": d.Deleted.Format(form), "scheduledPurgeDate": d.Purge.Format(form),
			"purgeProtectionEnabled": resource.Value(d.Vault, "properties", "enablePurgeProtection") == true,
		},
	}
}

func (p *Provider) listDeleted(_ context.Context, r *arm.Request) (*arm.Response, error) {
	var trees []store.Tree
	err := p.service.Store.View(func(tx *store.Tx) error {
		return tx.Each(deletedVaults, "", func(_ string, raw json.RawMessage) error {
			var d deletedVault
			if err := json.Unmarshal(raw, &d); err != nil {
				return err
			}
			if p.service.Now().Before(d.Purge) {
				trees = append(trees, p.describe(d, r.ID.Subscription))
			}
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	page, err := arm.Paged(r, trees)
	if err != nil {
		return nil, err
	}
	return arm.OK(page), nil
}

func (p *Provider) getDeleted(_ context.Context, r *arm.Request) (*arm.Response, error) {
	var found deletedVault
	err := p.service.Store.View(func(tx *store.Tx) (err error) {
		found, err = p.find(tx, r)
		return err
	})
	if err != nil {
		return nil, err
	}
	return arm.OK(p.describe(found, r.ID.Subscription)), nil
}

func (p *Provider) find(tx *store.Tx, r *arm.Request) (deletedVault, error) {
	d, ok, err := p.deleted(tx, r.Params["name"])
	if err != nil {
		return d, err
	}
	if !ok || !strings.EqualFold(resource.Text(d.Vault, "location"), r.Params["location"]) {
		return d, arm.Errorf(http.StatusNotFound, "DeletedVaultNotFound", "The deleted vault '%s' could not be found in location '%s'.", r.Params["name"], r.Params["location"])
	}
	return d, nil
}

// purge ends a deleted vault before its time, unless it is protected;
// learn.microsoft.com/azure/key-vault/general/soft-delete-overview#purge-protection.
func (p *Provider) purge(_ context.Context, r *arm.Request) (*arm.Response, error) {
	err := p.service.Store.Update(func(tx *store.Tx) error {
		d, err := p.find(tx, r)
		if err != nil {
			return err
		}
		if resource.Value(d.Vault, "properties", "enablePurgeProtection") == true {
			return arm.Errorf(http.StatusBadRequest, "MethodNotAllowed",
				"Operation 'DeletedVaultPurge' is not allowed because purge protection is enabled for the vault '%s'.", r.Params["name"])
		}
		return tx.Delete(deletedVaults, r.Params["name"])
	})
	if err != nil {
		return nil, err
	}
	return &arm.Response{Status: http.StatusOK}, nil
}
