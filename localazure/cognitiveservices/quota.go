package cognitiveservices

import (
	"context"
	"net/http"
	"strings"

	"github.com/kars-dev/kars/localazure/arm"
	"github.com/kars-dev/kars/localazure/quota"
	"github.com/kars-dev/kars/localazure/region"
	"github.com/kars-dev/kars/localazure/resource"
	"github.com/kars-dev/kars/localazure/store"
)

// Namespace is the resource provider's.
const Namespace = "Microsoft.CognitiveServices"

// Quotas lists the quotas of models in a region, in thousands of tokens a
// minute, and what is used of them.
func (p *Provider) Quotas(tx *store.Tx, subscription, location string) ([]quota.Quota, error) {
	used, err := p.used(tx, subscription, location)
	if err != nil {
		return nil, err
	}
	var all []quota.Quota
	seen := map[string]bool{} // versions of a model share its quotas
	for _, o := range offersIn(location) {
		for _, s := range o.skus {
			name := o.usageName(s.name)
			if seen[name] {
				continue
			}
			seen[name] = true
			limit, err := quota.Limit(tx, subscription, Namespace, location, name, s.standard)
			if err != nil {
				return nil, err
			}
			all = append(all, quota.Quota{Name: name, LocalizedName: o.localizedName(s.name), Current: used[name], Limit: limit})
		}
	}
	return all, nil
}

// used counts the capacity of the deployments in a region by the quota that it
// takes. That of an account that was deleted with its deployments stays taken
// while the account can be recovered;
// learn.microsoft.com/azure/ai-foundry/openai/how-to/quota#resource-deletion.
func (p *Provider) used(tx *store.Tx, subscription, location string) (map[string]int64, error) {
	used := map[string]int64{}
	scope := "/subscriptions/" + subscription
	err := resource.OfType(tx, scope, AccountType, func(account resource.Resource) error {
		if resource.Text(account.Tree, "location") != location {
			return nil
		}
		return resource.OfType(tx, account.ID.String(), deploymentType, func(d resource.Resource) error {
			used[takes(d.Tree)] += capacity(d.Tree)
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	err = p.eachDeleted(tx, func(d deletedAccount) {
		id := strings.ToLower(resource.Text(d.Account, "id"))
		if resource.Text(d.Account, "location") != location || !strings.HasPrefix(id, strings.ToLower(scope)+"/") {
			return
		}
		for _, tree := range d.Deployments {
			used[takes(tree)] += capacity(tree)
		}
	})
	return used, err
}

// takes is the name of the quota that a deployment takes from.
func takes(deployment store.Tree) string {
	name := resource.Text(deployment, "properties", "model", "name")
	for _, o := range offersOf() {
		if s, ok := o.sku(resource.Text(deployment, "sku", "name")); ok && strings.EqualFold(o.Name, name) {
			return o.usageName(s.name)
		}
	}
	return ""
}

func capacity(deployment store.Tree) int64 {
	n, ok := resource.Value(deployment, "sku", "capacity").(float64)
	if !ok {
		return 1
	}
	return int64(n)
}

// checkModel refuses a deployment of what the region does not offer, or of more
// than is left, and returns the model.
func (p *Provider) checkModel(w *arm.Write, location string) (offer, error) {
	sent := func(key string) string { return resource.Text(w.New, "properties", "model", key) }
	m, ok := findModel(location, sent("format"), sent("name"), sent("version"))
	if !ok {
		return m, arm.Errorf(http.StatusBadRequest, "DeploymentModelNotSupported",
			"The model 'Format:%s,Name:%s,Version:%s' of account deployment is not supported.", sent("format"), sent("name"), sent("version"))
	}
	kind, ok := m.sku(resource.Text(w.New, "sku", "name"))
	if !ok {
		return m, arm.Errorf(http.StatusBadRequest, "InvalidResourceProperties",
			"The specified SKU '%s' of account deployment is not supported by the model '%s'.", resource.Text(w.New, "sku", "name"), m.Name)
	}
	more := capacity(w.New)
	if w.Old != nil && takes(w.Old) == m.usageName(kind.name) {
		more -= capacity(w.Old)
	}
	all, err := p.Quotas(w.Tx, w.ID.Subscription, location)
	if err != nil {
		return m, err
	}
	for _, q := range all {
		if left := max(q.Limit-q.Current, 0); q.Name == m.usageName(kind.name) && more > 0 && more > left {
			return m, arm.Errorf(http.StatusBadRequest, "InsufficientQuota",
				"This operation require %d new capacity in quota %s, which is bigger than the current available capacity %d. The current quota usage is %d and the quota limit is %d for quota %s.",
				more, q.LocalizedName, left, q.Current, q.Limit, q.LocalizedName)
		}
	}
	return m, nil
}

// validateDeployment checks a deployment's model and quota before the template
// that it is in is deployed. Its account may be in the same template.
func (p *Provider) validateDeployment(_ context.Context, w *arm.Write) error {
	account, _, err := resource.Get(w.Tx, w.ID.Parent().String())
	if err != nil {
		return err
	}
	if account == nil {
		account = w.Beside(w.ID.Parent())
	}
	l, ok := region.Find(resource.Text(account, "location"))
	if !ok {
		return nil
	}
	_, err = p.checkModel(w, l.Name)
	return err
}

// listUsages lists quotas; learn.microsoft.com/rest/api/aiservices/accountmanagement/usages/list.
func (p *Provider) listUsages(_ context.Context, r *arm.Request) (*arm.Response, error) {
	in, err := location(r)
	if err != nil {
		return nil, err
	}
	var all []quota.Quota
	err = p.service.Store.View(func(tx *store.Tx) error {
		all, err = p.Quotas(tx, r.ID.Subscription, in)
		return err
	})
	if err != nil {
		return nil, err
	}
	return quota.Usages(r, all)
}
