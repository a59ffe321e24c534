package containerservice

import (
	"context"
	"net/http"

	"github.com/kars-dev/kars/localazure/arm"
	"github.com/kars-dev/kars/localazure/armid"
	"github.com/kars-dev/kars/localazure/resource"
	"github.com/kars-dev/kars/localazure/store"
)

// provision starts the cluster and waits until it answers.
func (p *Provider) provision(ctx context.Context, id armid.ID) error {
	tree, err := p.service.Stored(id)
	if err != nil {
		return err
	}
	if err := p.checkIdentities(ctx, id, tree); err != nil {
		return p.fail(id, err)
	}
	if _, err := p.Ensure(ctx, tree); err != nil {
		return p.fail(id, err)
	}
	return p.setPools(id, arm.Succeeded)
}

// fail notes on the agent pools that the cluster could not be made.
func (p *Provider) fail(id armid.ID, failure error) error {
	if err := p.setPools(id, arm.Failed); err != nil {
		return err
	}
	return failure
}

func (p *Provider) setPools(id armid.ID, state string) error {
	return p.service.Store.Update(func(tx *store.Tx) error {
		tree, found, err := resource.Get(tx, id.String())
		if err != nil || !found {
			return err
		}
		list, _ := resource.Value(tree, "properties", "agentPoolProfiles").([]any)
		for _, raw := range list {
			if pool, ok := raw.(store.Tree); ok {
				pool["provisioningState"] = state
			}
		}
		return resource.Put(tx, id, tree)
	})
}

// Ensure runs the cluster of a stored tree.
func (p *Provider) Ensure(ctx context.Context, tree store.Tree) (Running, error) {
	if p.runner == nil {
		return Running{}, arm.Errorf(http.StatusConflict, "ClustersUnavailable", "This local Azure was started without anything that runs Kubernetes clusters.")
	}
	running, err := p.runner.Ensure(ctx, p.spec(tree))
	if err != nil {
		return Running{}, arm.Errorf(http.StatusInternalServerError, "ClusterStartFailed", "The cluster could not be started: %v.", err)
	}
	return running, p.keepKeys(tree, running.JWKS)
}

func (p *Provider) spec(tree store.Tree) Spec {
	properties := resource.Properties(tree)
	return Spec{
		ID:          resource.Text(tree, "id"),
		Version:     resource.Text(properties, "currentKubernetesVersion"),
		FQDN:        resource.Text(properties, "fqdn"),
		Issuer:      p.issuer(resource.Text(tree, "location"), resource.Text(properties, "internalId")),
		ServiceCIDR: resource.Text(properties, "networkProfile", "serviceCidr"),
		DNSService:  resource.Text(properties, "networkProfile", "dnsServiceIP"),
		PodCIDR:     resource.Text(properties, "networkProfile", "podCidr"),
		Pools:       pools(tree),
	}
}

// Clusters returns the trees of all clusters that were provisioned.
func (p *Provider) Clusters() (trees []store.Tree, err error) {
	err = p.service.Store.View(func(tx *store.Tx) error {
		return resource.OfType(tx, "", Type, func(r resource.Resource) error {
			trees = append(trees, r.Tree)
			return nil
		})
	})
	return trees, err
}
