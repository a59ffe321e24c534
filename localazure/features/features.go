// Package features is the local Azure's Microsoft.Features: the preview features
// that a subscription has, or asked for;
// learn.microsoft.com/rest/api/resources/features.
package features

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/kars-dev/kars/localazure/arm"
	"github.com/kars-dev/kars/localazure/store"
)

// Feature is a preview feature of a resource provider.
type Feature struct {
	Namespace, Name string
	State           string // in a new subscription
}

// all are the features that the local Azure knows. Encryption at host is there
// in a new subscription, for a cluster that asks for it to be made without a
// wait; the others are not.
//   - learn.microsoft.com/azure/virtual-machines/disks-enable-host-based-encryption-portal
//   - learn.microsoft.com/azure/aks/use-pod-sandboxing
//   - learn.microsoft.com/azure/aks/node-autoprovision
func all() []Feature {
	const not = "NotRegistered"
	return []Feature{
		{"Microsoft.Compute", "EncryptionAtHost", Registered},
		{"Microsoft.Compute", "UltraSSD", not},
		{"Microsoft.ContainerService", "KataCcIsolationPreview", not},
		{"Microsoft.ContainerService", "KataVMIsolationPreview", not},
		{"Microsoft.ContainerService", "NodeAutoProvisioningPreview", not},
	}
}

func find(namespace, name string) (Feature, bool) {
	for _, f := range all() {
		if strings.EqualFold(f.Namespace, namespace) && strings.EqualFold(f.Name, name) {
			return f, true
		}
	}
	return Feature{}, false
}

// Provider is Microsoft.Features.
type Provider struct {
	service *arm.Service
	delay   time.Duration
}

// New returns the provider for a Resource Manager. A feature is Registering for
// the delay; in Azure that is minutes.
func New(s *arm.Service, delay time.Duration) *Provider { return &Provider{service: s, delay: delay} }

// Provider returns what the Resource Manager serves.
func (p *Provider) Provider() arm.Provider {
	const namespace = "/subscriptions/{subscription}/providers/Microsoft.Features/"
	const of = namespace + "providers/{namespace}/features"
	const registration = namespace + "featureProviders/{namespace}/subscriptionFeatureRegistrations/{name}"
	return arm.Provider{
		Namespace: "Microsoft.Features",
		Routes: []arm.Route{
			{Method: http.MethodGet, Pattern: namespace + "features", Handle: p.list},
			{Method: http.MethodGet, Pattern: of, Handle: p.list},
			{Method: http.MethodGet, Pattern: of + "/{name}", Handle: p.get},
			{Method: http.MethodPost, Pattern: of + "/{name}/register", Handle: p.change(true, describe)},
			{Method: http.MethodPost, Pattern: of + "/{name}/unregister", Handle: p.change(false, describe)},
			{Method: http.MethodPut, Pattern: registration, Handle: p.change(true, describeRegistration)},
			{Method: http.MethodDelete, Pattern: registration, Handle: p.change(false, describeRegistration)},
		},
	}
}

func (p *Provider) list(_ context.Context, r *arm.Request) (*arm.Response, error) {
	var trees []store.Tree
	err := p.service.Store.View(func(tx *store.Tx) error {
		for _, f := range all() {
			if of := r.Params["namespace"]; of != "" && !strings.EqualFold(of, f.Namespace) {
				continue
			}
			state, _, err := p.state(tx, r.ID.Subscription, f)
			if err != nil {
				return err
			}
			trees = append(trees, describe(r.ID.Subscription, f, state))
		}
		return nil
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

func asked(r *arm.Request) (Feature, error) {
	f, ok := find(r.Params["namespace"], r.Params["name"])
	if !ok {
		return f, arm.Errorf(http.StatusNotFound, "FeatureNotFound", "The feature '%s' could not be found.", r.Params["name"])
	}
	return f, nil
}

func (p *Provider) get(_ context.Context, r *arm.Request) (*arm.Response, error) {
	f, err := asked(r)
	if err != nil {
		return nil, err
	}
	var state string
	err = p.service.Store.View(func(tx *store.Tx) error {
		state, _, err = p.state(tx, r.ID.Subscription, f)
		return err
	})
	if err != nil {
		return nil, err
	}
	return arm.OK(describe(r.ID.Subscription, f, state)), nil
}

// change registers or unregisters a feature and says how it then stands.
func (p *Provider) change(register bool, shown func(subscription string, f Feature, state string) store.Tree) arm.Handler {
	return func(_ context.Context, r *arm.Request) (*arm.Response, error) {
		f, err := asked(r)
		if err != nil {
			return nil, err
		}
		var state string
		err = p.service.Store.Update(func(tx *store.Tx) error {
			if err := p.set(tx, r.ID.Subscription, f, register); err != nil {
				return err
			}
			state, _, err = p.state(tx, r.ID.Subscription, f)
			return err
		})
		if err != nil {
			return nil, err
		}
		return arm.OK(shown(r.ID.Subscription, f, state)), nil
	}
}

func describe(subscription string, f Feature, state string) store.Tree {
	return store.Tree{
		"id":   "/subscriptions/" + subscription + "/providers/Microsoft.Features/providers/" + f.Namespace + "/features/" + f.Name,
		"name": f.Namespace + "/" + f.Name, "type": "Microsoft.Features/providers/features",
		"properties": store.Tree{"state": state},
	}
}

func describeRegistration(subscription string, f Feature, state string) store.Tree {
	return store.Tree{
		"id": "/subscriptions/" + subscription + "/providers/Microsoft.Features/featureProviders/" + f.Namespace +
			"/subscriptionFeatureRegistrations/" + f.Name,
		"name": f.Name, "type": "Microsoft.Features/featureProviders/subscriptionFeatureRegistrations",
		"properties": store.Tree{
			"state": state, "subscriptionId": subscription, "providerNamespace": f.Namespace, "featureName": f.Name,
			"approvalType": "AutoApproval",
		},
	}
}
