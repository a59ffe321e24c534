package localazure

import (
	"errors"
	"fmt"

	"github.com/kars-dev/kars/localazure/cognitiveservices"
	"github.com/kars-dev/kars/localazure/compute"
	"github.com/kars-dev/kars/localazure/containerregistry"
	"github.com/kars-dev/kars/localazure/features"
	"github.com/kars-dev/kars/localazure/globalname"
	"github.com/kars-dev/kars/localazure/keyvault"
	"github.com/kars-dev/kars/localazure/quota"
	"github.com/kars-dev/kars/localazure/region"
	"github.com/kars-dev/kars/localazure/store"
)

// What a subscription can have is set through Azure's own APIs where Azure has
// one: quotas of virtual machines by Microsoft.Quota/quotas, preview features by
// Microsoft.Features. The methods of this file set what in Azure support, free
// capacity or other tenants decide.

// capacity is what managed clusters ask about.
type capacity struct {
	*compute.Provider
	features *features.Provider
}

// EncryptionAtHost says whether the subscription has the feature.
func (c capacity) EncryptionAtHost(tx *store.Tx, subscription string) (bool, error) {
	return c.features.Enabled(tx, subscription, compute.Namespace, "EncryptionAtHost")
}

var errCapacity = errors.New("localazure: no such capacity")

// RestrictSize keeps the subscription from a size of virtual machines in zones
// of a region, or without zones in all of it. It replaces a restriction that was
// there.
func (s *Server) RestrictSize(location, size string, zones ...string) error {
	return s.restrict(location, size, &compute.Restriction{Zones: zones})
}

// AllowSize lifts the restriction of a size in a region.
func (s *Server) AllowSize(location, size string) error { return s.restrict(location, size, nil) }

func (s *Server) restrict(location, size string, r *compute.Restriction) error {
	l, known := region.Find(location)
	found, ok := compute.Find(size)
	if !known || !ok {
		return fmt.Errorf("%w: size %s in %s", errCapacity, size, location)
	}
	return s.store.Update(func(tx *store.Tx) error {
		return compute.Restrict(tx, s.home.SubscriptionID, l.Name, found.Name, r)
	})
}

// SetModelQuota sets how many thousands of tokens a minute the subscription may
// have of a kind of model deployment in a region; name is that of the usage, as
// OpenAI.GlobalStandard.gpt4.1.
func (s *Server) SetModelQuota(location, name string, limit int64) error {
	l, known := region.Find(location)
	return s.store.Update(func(tx *store.Tx) error {
		all, err := s.models.Quotas(tx, s.home.SubscriptionID, l.Name)
		if err != nil {
			return err
		}
		for _, q := range all {
			if known && q.Name == name {
				return quota.SetLimit(tx, s.home.SubscriptionID, cognitiveservices.Namespace, l.Name, name, limit)
			}
		}
		return fmt.Errorf("%w: quota %s in %s", errCapacity, name, location)
	})
}

// ReserveName makes a name somebody else's in the cloud: of a registry, a vault,
// or the subdomain of an account of Cognitive Services, by resource type.
func (s *Server) ReserveName(resourceType, name string) error {
	return s.reserve(resourceType, name, true)
}

// ReleaseName makes a name free that was reserved.
func (s *Server) ReleaseName(resourceType, name string) error {
	return s.reserve(resourceType, name, false)
}

func (s *Server) reserve(resourceType, name string, taken bool) error {
	switch resourceType {
	case containerregistry.Type, keyvault.Type, cognitiveservices.AccountType:
	default:
		return fmt.Errorf("%w: names of %s are not one in the cloud", errCapacity, resourceType)
	}
	return s.store.Update(func(tx *store.Tx) error { return globalname.Reserve(tx, resourceType, name, taken) })
}
