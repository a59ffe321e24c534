package cognitiveservices

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/kars-dev/kars/localazure/arm"
	"github.com/kars-dev/kars/localazure/armid"
	"github.com/kars-dev/kars/localazure/resource"
	"github.com/kars-dev/kars/localazure/store"
)

const (
	// deletedAccounts holds, by id, the accounts that can still be recovered.
	deletedAccounts = "cognitiveservices.deleted"
	// retention is how long; learn.microsoft.com/azure/ai-services/recover-purge-resources.
	retention = 48 * time.Hour
)

type deletedAccount struct {
	Account store.Tree `json:"account"`
	Deleted time.Time  `json:"deleted"`
	// Deployments are those that the account was deleted with: they keep their
	// quota as long as it keeps its name.
	Deployments []store.Tree `json:"deployments,omitempty"`
}

func (p *Provider) softDelete(_ context.Context, w *arm.Write) error {
	if err := w.Tx.Delete(keys, w.ID.String()); err != nil {
		return err
	}
	d := deletedAccount{Account: w.Old, Deleted: p.service.Now().UTC()}
	err := resource.OfType(w.Tx, w.ID.String(), deploymentType, func(r resource.Resource) error {
		d.Deployments = append(d.Deployments, r.Tree)
		return nil
	})
	if err != nil {
		return err
	}
	return w.Tx.Put(deletedAccounts, w.ID.String(), d)
}

// reclaim refuses the id of a deleted account, unless it is to be restored: then
// the account gets the properties it had.
func (p *Provider) reclaim(w *arm.Write, properties store.Tree) error {
	d, err := p.restored(w)
	delete(properties, "restore")
	if err != nil || d == nil {
		return err
	}
	for key, value := range resource.Properties(d.Account) {
		resource.Default(properties, key, value)
	}
	return w.Tx.Delete(deletedAccounts, w.ID.String())
}

// restored returns the deleted account that a write restores, or nil. It is an
// error when there is one and the write does not, or the other way round.
func (p *Provider) restored(w *arm.Write) (*deletedAccount, error) {
	if !w.Created() {
		return nil, nil
	}
	restore, _ := resource.Value(w.New, "properties", "restore").(bool)
	d, held, err := p.deleted(w.Tx, w.ID.String())
	switch {
	case err != nil:
		return nil, err
	case held && !restore:
		return nil, arm.Errorf(http.StatusConflict, "FlagMustBeSetForRestore",
			"An existing resource with ID '%s' has been soft-deleted. To restore the resource, you must specify 'restore' to be 'true' in the property. If you don't want to restore existing resource, please purge it first.", w.ID)
	case !held && restore:
		return nil, arm.Errorf(http.StatusBadRequest, "CanNotRestoreANonExistingResource", "There is no soft-deleted resource with ID '%s' to restore.", w.ID)
	case !held:
		return nil, nil
	}
	return &d, nil
}

// validateAccount checks an account's name before the template that it is in is
// deployed.
func (p *Provider) validateAccount(_ context.Context, w *arm.Write) error {
	d, err := p.restored(w)
	domain := strings.ToLower(resource.Text(w.New, "properties", "customSubDomainName"))
	if err != nil || d != nil || domain == "" || !w.Created() {
		return err
	}
	return p.checkFree(w.Tx, domain)
}

func (p *Provider) deleted(tx *store.Tx, id string) (deletedAccount, bool, error) {
	var d deletedAccount
	found, err := tx.Get(deletedAccounts, id, &d)
	return d, found && p.held(d), err
}

func (p *Provider) held(d deletedAccount) bool {
	return p.service.Now().Before(d.Deleted.Add(retention))
}

// domainHeld says whether a deleted account keeps a subdomain.
func (p *Provider) domainHeld(tx *store.Tx, domain string) (held bool, err error) {
	err = p.eachDeleted(tx, func(d deletedAccount) {
		held = held || strings.EqualFold(resource.Text(d.Account, "properties", "customSubDomainName"), domain)
	})
	return held, err
}

func (p *Provider) eachDeleted(tx *store.Tx, fn func(deletedAccount)) error {
	return tx.Each(deletedAccounts, "", func(_ string, raw json.RawMessage) error {
		var d deletedAccount
		if err := json.Unmarshal(raw, &d); err != nil {
			return err
		}
		if p.held(d) {
			fn(d)
		}
		return nil
	})
}

func describe(d deletedAccount) (store.Tree, error) {
	id, err := armid.Parse(resource.Text(d.Account, "id"))
	if err != nil {
		return nil, err
	}
	location := resource.Text(d.Account, "location")
	return store.Tree{
		"id": "/subscriptions/" + id.Subscription + "/providers/Microsoft.CognitiveServices/locations/" + location +
			"/resourceGroups/" + id.ResourceGroup + "/deletedAccounts/" + id.Name(),
		"name": id.Name(), "type": "Microsoft.CognitiveServices/deletedAccounts", "location": location,
		"kind": d.Account["kind"], "sku": d.Account["sku"], "tags": d.Account["tags"],
		"properties": store.Tree{
			"provisioningState": "Deleted", "deletionDate": d.Deleted.Format(time.RFC3339),
			"scheduledPurgeDate": d.Deleted.Add(retention).Format(time.RFC3339),
			"endpoint":           resource.Value(d.Account, "properties", "endpoint"),
		},
	}, nil
}

func (p *Provider) listDeleted(_ context.Context, r *arm.Request) (*arm.Response, error) {
	var all []deletedAccount
	err := p.service.Store.View(func(tx *store.Tx) error {
		return p.eachDeleted(tx, func(d deletedAccount) { all = append(all, d) })
	})
	if err != nil {
		return nil, err
	}
	var trees []store.Tree
	for _, d := range all {
		tree, err := describe(d)
		if err != nil {
			return nil, err
		}
		trees = append(trees, tree)
	}
	page, err := arm.Paged(r, trees)
	if err != nil {
		return nil, err
	}
	return arm.OK(page), nil
}

// original is the id that a deleted account had.
func original(r *arm.Request) string {
	return "/subscriptions/" + r.ID.Subscription + "/resourceGroups/" + r.Params["group"] + "/providers/" + AccountType + "/" + r.Params["name"]
}

func (p *Provider) getDeleted(_ context.Context, r *arm.Request) (*arm.Response, error) {
	var found deletedAccount
	err := p.service.Store.View(func(tx *store.Tx) (err error) {
		found, err = p.find(tx, r)
		return err
	})
	if err != nil {
		return nil, err
	}
	tree, err := describe(found)
	if err != nil {
		return nil, err
	}
	return arm.OK(tree), nil
}

func (p *Provider) find(tx *store.Tx, r *arm.Request) (deletedAccount, error) {
	d, held, err := p.deleted(tx, original(r))
	if err != nil {
		return d, err
	}
	if !held || !strings.EqualFold(resource.Text(d.Account, "location"), r.Params["location"]) {
		return d, arm.Errorf(http.StatusNotFound, "ResourceNotFound", "The deleted account '%s' could not be found.", r.Params["name"])
	}
	return d, nil
}

func (p *Provider) purge(_ context.Context, r *arm.Request) (*arm.Response, error) {
	err := p.service.Store.Update(func(tx *store.Tx) error {
		if _, err := p.find(tx, r); err != nil {
			return err
		}
		return tx.Delete(deletedAccounts, original(r))
	})
	if err != nil {
		return nil, err
	}
	return &arm.Response{Status: http.StatusOK}, nil
}
