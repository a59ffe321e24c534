package compute

import (
	"slices"
	"strings"

	"github.com/kars-dev/kars/localazure/store"
)

// restrictions holds, by subscription, region and size, the restrictions that
// were set. No API of Azure's sets one: its support and its capacity do.
const restrictions = "compute.restrictions"

// Restriction keeps a subscription from a size;
// learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-sku-not-available.
type Restriction struct {
	// Zones that are closed; none means the whole region.
	Zones []string `json:"zones,omitempty"`
}

func restrictionKey(subscription, location, size string) string {
	return strings.Join([]string{subscription, location, size}, "/")
}

// Restrict sets the restriction of a size in a region, or with nil lifts it.
func Restrict(tx *store.Tx, subscription, location, size string, r *Restriction) error {
	key := restrictionKey(subscription, location, size)
	if r == nil {
		return tx.Delete(restrictions, key)
	}
	return tx.Put(restrictions, key, r)
}

// Restricted returns the restriction of a size in a region, or nil.
func Restricted(tx *store.Tx, subscription, location, size string) (*Restriction, error) {
	var r Restriction
	found, err := tx.Get(restrictions, restrictionKey(subscription, location, size), &r)
	if err != nil || !found {
		return nil, err
	}
	return &r, nil
}

// Closes says whether the restriction closes all of the zones, or with none
// given the region.
func (r *Restriction) Closes(zones []string) bool {
	if r == nil {
		return false
	}
	if len(r.Zones) == 0 {
		return true
	}
	return len(zones) > 0 && !slices.ContainsFunc(zones, func(z string) bool { return !slices.Contains(r.Zones, z) })
}
