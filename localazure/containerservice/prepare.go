package containerservice

import (
	"context"
	"net/http"
	"strings"

	"github.com/kars-dev/kars/localazure/arm"
	"github.com/kars-dev/kars/localazure/armid"
	"github.com/kars-dev/kars/localazure/resource"
	"github.com/kars-dev/kars/localazure/store"
)

// prepare completes a cluster;
// learn.microsoft.com/rest/api/aks/managed-clusters/create-or-update.
func (p *Provider) prepare(ctx context.Context, w *arm.Write) error {
	properties := resource.Properties(w.New)
	if err := checkAccess(properties); err != nil {
		return err
	}
	version, err := resolveVersion(w.ID.Name(), resource.Text(properties, "kubernetesVersion"))
	if err != nil {
		return err
	}
	resource.Default(properties, "kubernetesVersion", version)
	properties["currentKubernetesVersion"] = version
	p.name(w, properties)
	if err := preparePools(w, properties, version); err != nil {
		return err
	}
	if err := p.checkCapacity(w, resource.Text(w.New, "location")); err != nil {
		return err
	}
	if err := p.prepareNodeGroup(w, properties); err != nil {
		return err
	}
	if err := p.prepareIdentities(ctx, w, properties); err != nil {
		return err
	}
	completeNetwork(properties)
	properties["powerState"] = store.Tree{"code": "Running"}
	resource.Default(properties, "enableRBAC", true)
	resource.Default(properties, "supportPlan", "KubernetesOfficial")
	resource.Default(w.New, "sku", store.Tree{"name": "Base", "tier": "Free"})
	properties["maxAgentPools"] = 100
	return nil
}

// checkAccess refuses clusters whose users sign in through Entra: those of the
// local Azure have certificates.
func checkAccess(properties store.Tree) error {
	if properties["aadProfile"] != nil {
		return arm.Errorf(http.StatusBadRequest, "AADProfileNotSupported", "The local Azure's clusters are not integrated with Microsoft Entra ID. Leave 'aadProfile' out.")
	}
	if disabled, _ := properties["disableLocalAccounts"].(bool); disabled {
		return arm.Errorf(http.StatusBadRequest, "BadRequest", "Disabling local accounts is only allowed for clusters that are integrated with Microsoft Entra ID.")
	}
	properties["disableLocalAccounts"] = false
	return nil
}

// name gives a new cluster the names that it keeps.
func (p *Provider) name(w *arm.Write, properties store.Tree) {
	location := resource.Text(w.New, "location")
	oidc, _ := properties["oidcIssuerProfile"].(store.Tree)
	if w.Created() {
		resource.Default(properties, "dnsPrefix", w.ID.Name()+"-dns")
		suffix := p.service.NewID()[:8]
		properties["fqdn"] = strings.ToLower(resource.Text(properties, "dnsPrefix")) + "-" + suffix + ".hcp." + location + ".azmk8s.io"
		properties["internalId"] = p.service.NewID()
	} else {
		was := resource.Properties(w.Old)
		for _, key := range []string{"dnsPrefix", "fqdn", "internalId", "nodeResourceGroup"} {
			properties[key] = was[key]
		}
	}
	if enabled, _ := oidc["enabled"].(bool); enabled {
		oidc["issuerURL"] = p.issuer(location, resource.Text(properties, "internalId"))
	}
}

// issuer is the issuer of a cluster's service-account tokens;
// learn.microsoft.com/azure/aks/use-oidc-issuer.
func (p *Provider) issuer(location, id string) string {
	return "https://" + location + ".oic.prod-aks.azure.com/" + p.service.TenantID + "/" + id + "/"
}

func completeNetwork(properties store.Tree) {
	profile, _ := properties["networkProfile"].(store.Tree)
	if profile == nil {
		profile = store.Tree{}
		properties["networkProfile"] = profile
	}
	for key, value := range map[string]any{
		"networkPlugin": "azure", "networkPluginMode": "overlay", "podCidr": "10.244.0.0/16",
		"serviceCidr": "10.0.0.0/16", "dnsServiceIP": "10.0.0.10", "loadBalancerSku": "standard", "outboundType": "loadBalancer",
	} {
		resource.Default(profile, key, value)
	}
}

// prepareNodeGroup makes the group that holds the cluster's nodes;
// learn.microsoft.com/azure/aks/faq#why-are-two-resource-groups-created-with-aks.
func (p *Provider) prepareNodeGroup(w *arm.Write, properties store.Tree) error {
	// The name is cut at the 80 characters that AKS allows.
	name := "MC_" + w.ID.ResourceGroup + "_" + w.ID.Name() + "_" + resource.Text(w.New, "location")
	resource.Default(properties, "nodeResourceGroup", name[:min(len(name), 80)])
	id := nodeGroup(w.ID, w.New)
	group, found, err := resource.Get(w.Tx, id.String())
	if err != nil {
		return err
	}
	if !found {
		return resource.Put(w.Tx, id, store.Tree{
			"id": id.String(), "name": id.Name(), "type": "Microsoft.Resources/resourceGroups",
			"location": w.New["location"], "managedBy": w.ID.String(),
			"properties": store.Tree{"provisioningState": arm.Succeeded},
		})
	}
	if !armid.Equal(resource.Text(group, "managedBy"), w.ID.String()) {
		return arm.Errorf(http.StatusConflict, "NodeResourceGroupAlreadyExists", "The node resource group '%s' exists already.", id.Name())
	}
	return nil
}

func nodeGroup(cluster armid.ID, tree store.Tree) armid.ID {
	return armid.ID{Subscription: cluster.Subscription, ResourceGroup: resource.Text(tree, "properties", "nodeResourceGroup")}
}
