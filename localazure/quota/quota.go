// Package quota is the local Azure's Microsoft.Quota: what a subscription may
// have at most of a resource provider in a region, and changes of it;
// learn.microsoft.com/rest/api/quota.
package quota

import (
	"context"
	"net/http"
	"strings"

	"github.com/kars-dev/kars/localazure/arm"
	"github.com/kars-dev/kars/localazure/region"
	"github.com/kars-dev/kars/localazure/resource"
	"github.com/kars-dev/kars/localazure/store"
)

// Quota is a limit of a resource provider in a region, and what is used of it.
type Quota struct {
	Name          string // as "standardDASv5Family"
	LocalizedName string // as "Standard DASv5 Family vCPUs"
	Current       int64
	Limit         int64
}

// Source lists the quotas of a resource provider in a region.
type Source func(tx *store.Tx, subscription, location string) ([]Quota, error)

// limits holds the limits that were set, by provider, region and name.
const limits = "quota.limits"

func key(subscription, namespace, location, name string) string {
	return strings.Join([]string{subscription, namespace, location, name}, "/")
}

// Limit returns the limit that was set, or else the standard one.
func Limit(tx *store.Tx, subscription, namespace, location, name string, standard int64) (int64, error) {
	limit := standard
	_, err := tx.Get(limits, key(subscription, namespace, location, name), &limit)
	return limit, err
}

// SetLimit sets a limit.
func SetLimit(tx *store.Tx, subscription, namespace, location, name string, limit int64) error {
	return tx.Put(limits, key(subscription, namespace, location, name), limit)
}

// Provider is Microsoft.Quota.
type Provider struct {
	service *arm.Service
	sources map[string]Source
}

// New returns the provider for a Resource Manager. The sources are by the
// namespace of their resource providers: those whose quotas the quota service
// changes.
func New(s *arm.Service, sources map[string]Source) arm.Provider {
	p := &Provider{service: s, sources: sources}
	const quotas = "{scope...}/providers/Microsoft.Quota/quotas"
	return arm.Provider{
		Namespace: "Microsoft.Quota",
		Routes: []arm.Route{
			{Method: http.MethodGet, Pattern: quotas, Registered: true, Handle: p.list},
			{Method: http.MethodGet, Pattern: quotas + "/{name}", Registered: true, Handle: p.get},
			{Method: http.MethodPut, Pattern: quotas + "/{name}", Registered: true, Handle: p.put},
			{Method: http.MethodPatch, Pattern: quotas + "/{name}", Registered: true, Handle: p.put},
		},
	}
}

// scope is what quotas are asked for: a provider in a region.
type scope struct{ subscription, namespace, location string }

func (p *Provider) scope(r *arm.Request) (scope, error) {
	target := r.ID.Providers[0]
	in := scope{subscription: r.ID.Subscription, namespace: target.Namespace}
	if len(target.Types) == 1 && strings.EqualFold(target.Types[0], "locations") {
		if l, ok := region.Find(target.Names[0]); ok {
			in.location = l.Name
		}
	}
	for namespace := range p.sources {
		if strings.EqualFold(namespace, in.namespace) && in.location != "" {
			in.namespace = namespace
			return in, nil
		}
	}
	return in, arm.Errorf(http.StatusBadRequest, "InvalidScope",
		"The scope '%s' is invalid. Quotas are those of a resource provider in a region: /subscriptions/{id}/providers/{namespace}/locations/{location}.", r.Params["scope"])
}

func (p *Provider) quotas(in scope) (all []Quota, err error) {
	err = p.service.Store.View(func(tx *store.Tx) error {
		all, err = p.sources[in.namespace](tx, in.subscription, in.location)
		return err
	})
	return all, err
}

func (p *Provider) list(_ context.Context, r *arm.Request) (*arm.Response, error) {
	in, err := p.scope(r)
	if err != nil {
		return nil, err
	}
	all, err := p.quotas(in)
	if err != nil {
		return nil, err
	}
	var trees []store.Tree
	for _, q := range all {
		trees = append(trees, describe(r, q))
	}
	page, err := arm.Paged(r, trees)
	if err != nil {
		return nil, err
	}
	return arm.OK(page), nil
}

func (p *Provider) find(r *arm.Request) (scope, Quota, error) {
	in, err := p.scope(r)
	if err != nil {
		return in, Quota{}, err
	}
	all, err := p.quotas(in)
	if err != nil {
		return in, Quota{}, err
	}
	for _, q := range all {
		if strings.EqualFold(q.Name, r.Params["name"]) {
			return in, q, nil
		}
	}
	return in, Quota{}, arm.Errorf(http.StatusNotFound, "InvalidResourceName", "The resource '%s' has no quota at the scope '%s'.", r.Params["name"], r.Params["scope"])
}

func (p *Provider) get(_ context.Context, r *arm.Request) (*arm.Response, error) {
	_, q, err := p.find(r)
	if err != nil {
		return nil, err
	}
	return arm.OK(describe(r, q)), nil
}

// put sets a limit. Azure decides on a request within minutes; here it is
// granted at once.
func (p *Provider) put(_ context.Context, r *arm.Request) (*arm.Response, error) {
	in, q, err := p.find(r)
	if err != nil {
		return nil, err
	}
	limit, ok := resource.Value(r.Body, "properties", "limit", "value").(float64)
	if !ok || limit < 0 || limit != float64(int64(limit)) {
		return nil, arm.Errorf(http.StatusBadRequest, "InvalidRequest", "The property 'properties.limit.value' must be a whole number, not negative.")
	}
	q.Limit = int64(limit)
	err = p.service.Store.Update(func(tx *store.Tx) error {
		return SetLimit(tx, in.subscription, in.namespace, in.location, q.Name, q.Limit)
	})
	if err != nil {
		return nil, err
	}
	return arm.OK(describe(r, q)), nil
}

func describe(r *arm.Request, q Quota) store.Tree {
	return store.Tree{
		"id": r.Params["scope"] + "/providers/Microsoft.Quota/quotas/" + q.Name, "name": q.Name, "type": "Microsoft.Quota/Quotas",
		"properties": store.Tree{
			"limit": store.Tree{"limitObjectType": "LimitValue", "value": q.Limit}, "unit": "Count", "isQuotaApplicable": true,
			"name": store.Tree{"value": q.Name, "localizedValue": q.LocalizedName}, "properties": store.Tree{},
		},
	}
}

// Usages lists quotas as the resource providers do themselves.
func Usages(r *arm.Request, all []Quota) (*arm.Response, error) {
	var trees []store.Tree
	for _, q := range all {
		trees = append(trees, store.Tree{
			"name": store.Tree{"value": q.Name, "localizedValue": q.LocalizedName},
			"unit": "Count", "currentValue": q.Current, "limit": q.Limit,
		})
	}
	page, err := arm.Paged(r, trees)
	if err != nil {
		return nil, err
	}
	return arm.OK(page), nil
}
