package resources

import (
	"context"
	"strings"

	"github.com/kars-dev/kars/localazure/action"
	"github.com/kars-dev/kars/localazure/arm"
	"github.com/kars-dev/kars/localazure/armid"
	"github.com/kars-dev/kars/localazure/region"
	"github.com/kars-dev/kars/localazure/resource"
	"github.com/kars-dev/kars/localazure/store"
)

// PutSubscription stores a subscription.
func PutSubscription(tx *store.Tx, tenantID, subscriptionID, name string) error {
	id := armid.ID{Subscription: subscriptionID}
	return resource.Put(tx, id, store.Tree{
		"id": id.String(), "subscriptionId": subscriptionID, "tenantId": tenantID, "displayName": name, "state": "Enabled",
		"subscriptionPolicies": store.Tree{"locationPlacementId": "Public_2014-09-01", "quotaId": "PayAsYouGo_2014-09-01", "spendingLimit": "Off"},
		"authorizationSource":  "RoleBased", "managedByTenants": []any{},
	})
}

func (p *Provider) listTenants(_ context.Context, r *arm.Request) (*arm.Response, error) {
	tenant := p.service.TenantID
	page, err := arm.Paged(r, []store.Tree{{
		"id": "/tenants/" + tenant, "tenantId": tenant, "displayName": "kars local Azure", "tenantCategory": "Home", "tenantType": "AAD",
		"defaultDomain": directoryDomain, "domains": []string{directoryDomain},
	}})
	if err != nil {
		return nil, err
	}
	return arm.OK(page), nil
}

// directoryDomain is the initial domain of the local tenant.
const directoryDomain = "local.onmicrosoft.com"

// listSubscriptions lists the subscriptions that the caller may read.
func (p *Provider) listSubscriptions(ctx context.Context, r *arm.Request) (*arm.Response, error) {
	var all []resource.Resource
	err := p.service.Store.View(func(tx *store.Tx) error {
		return resource.OfType(tx, "", SubscriptionType, func(s resource.Resource) error {
			all = append(all, s)
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	var visible []store.Tree
	for _, s := range all {
		need := action.Need{Action: "Microsoft.Resources/subscriptions/read", Scope: s.ID.String()}
		err := p.service.Authorize(ctx, r.Caller, need, nil)
		switch {
		case err == nil:
			visible = append(visible, s.Tree)
		case arm.AsError(err).Code != "AuthorizationFailed":
			return nil, err
		}
	}
	page, err := arm.Paged(r, visible)
	if err != nil {
		return nil, err
	}
	return arm.OK(page), nil
}

func (p *Provider) listLocations(_ context.Context, r *arm.Request) (*arm.Response, error) {
	var trees []store.Tree
	for _, l := range region.Public() {
		trees = append(trees, store.Tree{
			"id": "/subscriptions/" + r.ID.Subscription + "/locations/" + l.Name, "name": l.Name, "type": "Region",
			"displayName": l.DisplayName, "regionalDisplayName": "(" + l.Geography + ") " + l.DisplayName,
			"metadata": store.Tree{"regionType": "Physical", "regionCategory": "Recommended", "geographyGroup": l.Geography},
		})
	}
	page, err := arm.Paged(r, trees)
	if err != nil {
		return nil, err
	}
	return arm.OK(page), nil
}

// listResources lists the resources of a subscription or group, without
// children and extensions, and of each only what is the same for all types.
func (p *Provider) listResources(_ context.Context, r *arm.Request) (*arm.Response, error) {
	kind, err := resourceFilter(r.URL.Query().Get("$filter"))
	if err != nil {
		return nil, err
	}
	var trees []store.Tree
	err = p.service.Store.View(func(tx *store.Tx) error {
		return resource.Each(tx, r.ID.Target().String(), func(found resource.Resource) error {
			id := found.ID
			if len(id.Providers) != 1 || id.IsChild() || strings.EqualFold(id.Namespace(), "Microsoft.Resources") || strings.EqualFold(id.Namespace(), "Microsoft.Authorization") {
				return nil
			}
			if kind == "" || strings.EqualFold(kind, id.Type()) {
				trees = append(trees, summary(found.Tree))
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

func summary(tree store.Tree) store.Tree {
	short := store.Tree{}
	for _, key := range []string{"id", "name", "type", "location", "tags", "kind", "sku", "identity", "managedBy"} {
		if tree[key] != nil {
			short[key] = tree[key]
		}
	}
	return short
}
