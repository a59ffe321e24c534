// Package network is the local Azure's Microsoft.Network: virtual networks with
// their subnets, and network security groups.
package network

import (
	"context"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/kars-dev/kars/localazure/arm"
	"github.com/kars-dev/kars/localazure/armid"
	"github.com/kars-dev/kars/localazure/resource"
	"github.com/kars-dev/kars/localazure/store"
)

// SubnetType is the resource type of subnets.
const SubnetType = networkType + "/subnets"

const (
	networkType       = "Microsoft.Network/virtualNetworks"
	securityGroupType = "Microsoft.Network/networkSecurityGroups"
)

// New returns the provider for a Resource Manager.
func New(s *arm.Service) arm.Provider {
	versions := []string{"2024-05-01", "2023-11-01"}
	name := regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,78}[A-Za-z0-9_])?$`)
	return arm.Provider{
		Namespace: "Microsoft.Network",
		Types: []arm.Type{
			{Name: networkType, APIVersions: versions, Regional: true, NameRule: name, Prepare: prepareNetwork, Provision: arm.Immediately},
			{Name: SubnetType, APIVersions: versions, NameRule: name, Prepare: prepareSubnet, Remove: removeSubnet, Provision: arm.Immediately},
			{Name: securityGroupType, APIVersions: versions, Regional: true, NameRule: name, Prepare: prepareSecurityGroup, Provision: arm.Immediately},
		},
		Routes: s.PollingRoutes("Microsoft.Network"),
	}
}

// prepareNetwork checks address spaces and gives each subnet a resource of its
// own, which is where it can be read and joined;
// learn.microsoft.com/rest/api/virtualnetwork/virtual-networks.
func prepareNetwork(_ context.Context, w *arm.Write) error {
	properties := resource.Properties(w.New)
	prefixes, err := addressSpace(w.New)
	if err != nil {
		return err
	}
	list, _ := properties["subnets"].([]any)
	kept := map[string]bool{}
	subnets := []any{}
	for _, s := range list {
		sent, _ := s.(store.Tree)
		if resource.Text(sent, "name") == "" {
			return arm.Errorf(http.StatusBadRequest, "InvalidRequestFormat", "A subnet of the virtual network has no name.")
		}
		id := subnetID(w.ID, resource.Text(sent, "name"))
		tree := store.Tree{
			"id": id.String(), "name": id.Name(), "type": SubnetType,
			"properties": completeSubnet(resource.Properties(sent)),
		}
		if err := checkSubnet(tree, prefixes); err != nil {
			return err
		}
		if err := resource.Put(w.Tx, id, tree); err != nil {
			return err
		}
		kept[strings.ToLower(id.String())] = true
		subnets = append(subnets, tree)
	}
	if properties["subnets"] != nil {
		if err := dropSubnets(w, kept); err != nil {
			return err
		}
	} else if w.Old != nil {
		subnets, _ = resource.Properties(w.Old)["subnets"].([]any)
	}
	properties["subnets"] = subnets
	resource.Default(properties, "virtualNetworkPeerings", []any{})
	resource.Default(properties, "enableDdosProtection", false)
	return nil
}

func subnetID(network armid.ID, name string) armid.ID {
	providers := slices.Clone(network.Providers)
	last := providers[len(providers)-1]
	providers[len(providers)-1] = armid.Segment{
		Namespace: last.Namespace,
		Types:     append(slices.Clone(last.Types), "subnets"), Names: append(slices.Clone(last.Names), name),
	}
	network.Providers = providers
	return network
}

// dropSubnets removes the subnets that a network is written without.
func dropSubnets(w *arm.Write, kept map[string]bool) error {
	var gone []string
	err := resource.OfType(w.Tx, w.ID.String(), SubnetType, func(r resource.Resource) error {
		if !kept[strings.ToLower(r.ID.String())] {
			gone = append(gone, r.ID.String())
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, id := range gone {
		if err := resource.DeleteWithin(w.Tx, id); err != nil {
			return err
		}
	}
	return nil
}

func addressSpace(network store.Tree) ([]netip.Prefix, error) {
	list, _ := resource.Value(network, "properties", "addressSpace", "addressPrefixes").([]any)
	if len(list) == 0 {
		return nil, arm.Errorf(http.StatusBadRequest, "InvalidRequestFormat", "The virtual network has no address space: 'addressSpace.addressPrefixes' is empty.")
	}
	var prefixes []netip.Prefix
	for _, p := range list {
		text, _ := p.(string)
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, arm.Errorf(http.StatusBadRequest, "InvalidAddressPrefixFormat", "Address prefix %s is not formatted correctly: %v.", text, err)
		}
		prefixes = append(prefixes, prefix)
	}
	return prefixes, nil
}

func checkSubnet(subnet store.Tree, within []netip.Prefix) error {
	name := resource.Text(subnet, "name")
	text := resource.Text(subnet, "properties", "addressPrefix")
	if list, ok := resource.Value(subnet, "properties", "addressPrefixes").([]any); ok && text == "" && len(list) > 0 {
		text, _ = list[0].(string)
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return arm.Errorf(http.StatusBadRequest, "InvalidCIDRNotation", "The address prefix %s in resource %s has an invalid CIDR notation.", text, name)
	}
	for _, w := range within {
		if w.Contains(prefix.Addr()) && w.Bits() <= prefix.Bits() {
			return nil
		}
	}
	return arm.Errorf(http.StatusBadRequest, "NetcfgInvalidSubnet",
		"Subnet '%s' is not valid because its IP address range is outside the IP address range of virtual network.", name)
}

func completeSubnet(properties store.Tree) store.Tree {
	properties["provisioningState"] = arm.Succeeded
	resource.Default(properties, "delegations", []any{})
	resource.Default(properties, "privateEndpointNetworkPolicies", "Disabled")
	resource.Default(properties, "privateLinkServiceNetworkPolicies", "Enabled")
	return properties
}

// prepareSubnet keeps the list in the network's own tree the same.
func prepareSubnet(_ context.Context, w *arm.Write) error {
	network, _, err := resource.Get(w.Tx, w.ID.Parent().String())
	if err != nil {
		return err
	}
	prefixes, err := addressSpace(network)
	if err != nil {
		return err
	}
	completeSubnet(resource.Properties(w.New))
	w.New["id"], w.New["name"], w.New["type"] = w.ID.String(), w.ID.Name(), SubnetType
	if err := checkSubnet(w.New, prefixes); err != nil {
		return err
	}
	return relist(w, network, append(others(w, network), w.New))
}

func removeSubnet(_ context.Context, w *arm.Write) error {
	network, found, err := resource.Get(w.Tx, w.ID.Parent().String())
	if err != nil || !found {
		return err
	}
	return relist(w, network, others(w, network))
}

// others returns the subnets in a network's tree but the one being written.
func others(w *arm.Write, network store.Tree) []any {
	list, _ := resource.Properties(network)["subnets"].([]any)
	kept := []any{}
	for _, s := range list {
		if tree, _ := s.(store.Tree); !armid.Equal(resource.Text(tree, "id"), w.ID.String()) {
			kept = append(kept, s)
		}
	}
	return kept
}

func relist(w *arm.Write, network store.Tree, subnets []any) error {
	resource.Properties(network)["subnets"] = subnets
	return resource.Put(w.Tx, w.ID.Parent(), network)
}

func prepareSecurityGroup(_ context.Context, w *arm.Write) error {
	resource.Default(resource.Properties(w.New), "securityRules", []any{})
	return nil
}
