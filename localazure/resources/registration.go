package resources

import (
	"context"
	"net/http"
	"sort"
	"strings"

	"github.com/kars-dev/kars/localazure/arm"
	"github.com/kars-dev/kars/localazure/region"
	"github.com/kars-dev/kars/localazure/store"
)

// unserved are namespaces that exist, and can be registered, although the local
// Azure serves no type of theirs.
func unserved() []string {
	return []string{
		"Microsoft.Insights", "Microsoft.MachineLearningServices",
		"Microsoft.OperationsManagement", "Microsoft.Search", "Microsoft.Storage",
	}
}

func (p *Provider) namespaces() []string {
	names := unserved()
	for _, served := range p.service.Providers() {
		names = append(names, served.Namespace)
	}
	sort.Strings(names)
	return names
}

func (p *Provider) listProviders(_ context.Context, r *arm.Request) (*arm.Response, error) {
	var trees []store.Tree
	err := p.service.Store.View(func(tx *store.Tx) error {
		for _, namespace := range p.namespaces() {
			tree, err := p.describe(tx, r.ID.Subscription, namespace)
			if err != nil {
				return err
			}
			trees = append(trees, tree)
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

func (p *Provider) getProvider(_ context.Context, r *arm.Request) (*arm.Response, error) {
	namespace, err := p.namespace(r.Params["namespace"])
	if err != nil {
		return nil, err
	}
	var tree store.Tree
	err = p.service.Store.View(func(tx *store.Tx) error {
		tree, err = p.describe(tx, r.ID.Subscription, namespace)
		return err
	})
	if err != nil {
		return nil, err
	}
	return arm.OK(tree), nil
}

func (p *Provider) register(_ context.Context, r *arm.Request) (*arm.Response, error) {
	return p.setState(r, arm.Registered)
}

func (p *Provider) unregister(_ context.Context, r *arm.Request) (*arm.Response, error) {
	return p.setState(r, arm.NotRegistered)
}

func (p *Provider) setState(r *arm.Request, state string) (*arm.Response, error) {
	namespace, err := p.namespace(r.Params["namespace"])
	if err != nil {
		return nil, err
	}
	var tree store.Tree
	err = p.service.Store.Update(func(tx *store.Tx) error {
		if err := arm.SetRegistrationState(tx, r.ID.Subscription, namespace, state); err != nil {
			return err
		}
		if state == arm.Registered {
			if err := arm.Refresh(tx, r.ID.Subscription, namespace, p.service.Now().UTC()); err != nil {
				return err
			}
		}
		tree, err = p.describe(tx, r.ID.Subscription, namespace)
		return err
	})
	if err != nil {
		return nil, err
	}
	return arm.OK(tree), nil
}

func (p *Provider) namespace(name string) (string, error) {
	for _, namespace := range p.namespaces() {
		if strings.EqualFold(namespace, name) {
			return namespace, nil
		}
	}
	return "", arm.Errorf(http.StatusNotFound, "InvalidResourceNamespace", "The resource namespace '%s' is invalid.", name)
}

// describe returns a provider as ARM lists it;
// learn.microsoft.com/rest/api/resources/providers.
func (p *Provider) describe(tx *store.Tx, subscription, namespace string) (store.Tree, error) {
	state, err := arm.RegistrationState(tx, subscription, namespace)
	if err != nil {
		return nil, err
	}
	policy := "RegistrationRequired"
	if namespace == "Microsoft.Resources" || namespace == "Microsoft.Authorization" {
		policy = "RegistrationFree"
	}
	return store.Tree{
		"id": "/subscriptions/" + subscription + "/providers/" + namespace, "namespace": namespace,
		"registrationState": state, "registrationPolicy": policy, "resourceTypes": p.resourceTypes(namespace),
	}, nil
}

func (p *Provider) resourceTypes(namespace string) []store.Tree {
	types := []store.Tree{}
	for _, served := range p.service.Providers() {
		if served.Namespace != namespace {
			continue
		}
		for _, t := range served.Types {
			_, short, _ := strings.Cut(t.Name, "/")
			locations := []string{}
			if t.Regional {
				for _, l := range region.Public() {
					if t.OfferedIn(l.Name) {
						locations = append(locations, l.DisplayName)
					}
				}
			}
			types = append(types, store.Tree{"resourceType": short, "locations": locations, "apiVersions": t.APIVersions, "capabilities": "None"})
		}
	}
	return types
}
