package plan

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"strings"
)

// Names are the names of everything a plan makes, fixed before anything is
// created, so that a run can die anywhere and the next one finds what is there.
type Names struct {
	ResourceGroup string
	Cluster       string // the managed cluster, <cluster>-aks
	VNet          string
	SecurityGroup string
	ControlPlane  string // identities
	Kubelet       string
	Controller    string
	Registry      string
	Vault         string
	Workspace     string
	Foundry       string
	Project       string
	Blueprint     string // display name in Entra
}

// Subnets of the virtual network.
const (
	SystemSubnet  = "system"
	SandboxSubnet = "sandbox"
)

func newNames(o Options) Names {
	c, six := o.ClusterName, sixOf(o.SubscriptionID, o.ResourceGroup)
	return Names{
		ResourceGroup: o.ResourceGroup,
		Cluster:       c + "-aks",
		VNet:          c + "-vnet",
		SecurityGroup: c + "-sandbox-nsg",
		ControlPlane:  c + "-controlplane",
		Kubelet:       c + "-kubelet",
		Controller:    c + "-controller",
		Registry:      strings.ReplaceAll(c, "-", "") + six,
		Vault:         c + "-kv-" + six,
		Workspace:     c + "-law",
		Foundry:       c + "-ai-" + six,
		Project:       "kars",
		Blueprint:     "kars-blueprint-" + c,
	}
}

// sixOf makes globally unique names of a subscription and a group: the first
// six characters of the lower-case base32 of their SHA-256.
func sixOf(subscription, group string) string {
	sum := sha256.Sum256([]byte(strings.ToLower(subscription) + "\n" + strings.ToLower(group)))
	return strings.ToLower(base32.StdEncoding.EncodeToString(sum[:])[:6])
}

func (p *Plan) subscriptionScope() string { return "/subscriptions/" + p.SubscriptionID }

func (p *Plan) groupScope() string {
	return p.subscriptionScope() + "/resourceGroups/" + p.Names.ResourceGroup
}

// id is the ARM id of a resource in the plan's group, of a type such as
// Microsoft.Network/virtualNetworks/subnets with a name for each segment.
func (p *Plan) id(resourceType string, names ...string) string {
	namespace, types, _ := strings.Cut(resourceType, "/")
	var b strings.Builder
	fmt.Fprintf(&b, "%s/providers/%s", p.groupScope(), namespace)
	for _, name := range names {
		var t string
		t, types, _ = strings.Cut(types, "/")
		fmt.Fprintf(&b, "/%s/%s", t, name)
	}
	return b.String()
}
