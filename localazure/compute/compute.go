// Package compute is the local Azure's Microsoft.Compute as far as it says what
// a subscription can have: the sizes of virtual machines, the restrictions on
// them, and quotas. Machines themselves are those of clusters' agent pools.
package compute

import (
	"net/http"

	"github.com/kars-dev/kars/localazure/arm"
	"github.com/kars-dev/kars/localazure/store"
)

// Namespace is the resource provider's.
const Namespace = "Microsoft.Compute"

// ScaleSet is a number of machines of one size.
type ScaleSet struct {
	Size  string
	Count int
	Spot  bool // counts against its own quota
}

// Provider is Microsoft.Compute.
type Provider struct {
	service  *arm.Service
	machines func(tx *store.Tx, subscription, location string) ([]ScaleSet, error)
}

// New returns the provider for a Resource Manager; machines lists the scale sets
// that a subscription has in a region.
func New(s *arm.Service, machines func(tx *store.Tx, subscription, location string) ([]ScaleSet, error)) *Provider {
	return &Provider{service: s, machines: machines}
}

// Provider returns what the Resource Manager serves.
func (p *Provider) Provider() arm.Provider {
	const namespace = "/subscriptions/{subscription}/providers/Microsoft.Compute/"
	return arm.Provider{
		Namespace: Namespace,
		Routes: []arm.Route{
			{Method: http.MethodGet, Pattern: namespace + "locations/{location}/usages", Registered: true, Handle: p.listUsages},
			{Method: http.MethodGet, Pattern: namespace + "skus", Registered: true, Handle: p.listSKUs},
		},
	}
}
