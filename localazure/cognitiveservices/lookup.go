package cognitiveservices

import (
	"context"
	"strings"
	"time"

	"github.com/kars-dev/kars/localazure/model"
	"github.com/kars-dev/kars/localazure/resource"
	"github.com/kars-dev/kars/localazure/store"
)

// Lookup finds accounts for their data plane.
type Lookup struct {
	Store *store.Store
}

// Account returns the account whose subdomain a host name begins with.
func (l Lookup) Account(_ context.Context, host string) (account model.Account, found bool, err error) {
	domain, _, _ := strings.Cut(host, ".")
	err = l.Store.View(func(tx *store.Tx) error {
		r, ok, err := accountByDomain(tx, domain)
		if err != nil || !ok {
			return err
		}
		found = true
		account, err = describeAccount(tx, r)
		return err
	})
	return account, found, err
}

func describeAccount(tx *store.Tx, r resource.Resource) (model.Account, error) {
	disabled, _ := resource.Value(r.Tree, "properties", "disableLocalAuth").(bool)
	account := model.Account{ID: r.ID.String(), DisableLocalAuth: disabled}
	if !disabled {
		pair, err := readKeys(tx, r.ID.String())
		if err != nil {
			return account, err
		}
		account.Keys = pair[:]
	}
	err := resource.OfType(tx, r.ID.String(), deploymentType, func(d resource.Resource) error {
		created, err := time.Parse(time.RFC3339Nano, resource.Text(d.Tree, "systemData", "createdAt"))
		if err != nil {
			return err
		}
		account.Deployments = append(account.Deployments, model.Deployment{
			Name:    d.ID.Name(),
			Model:   resource.Text(d.Tree, "properties", "model", "name"),
			Version: resource.Text(d.Tree, "properties", "model", "version"),
			Created: created,
		})
		return nil
	})
	return account, err
}
