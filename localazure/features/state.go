package features

import (
	"strings"
	"time"

	"github.com/kars-dev/kars/localazure/arm"
	"github.com/kars-dev/kars/localazure/store"
)

// States of a feature in a subscription;
// learn.microsoft.com/azure/azure-resource-manager/management/preview-features#registration-states.
const (
	Registered    = "Registered"
	registering   = "Registering"
	unregistered  = "Unregistered"
	unregistering = "Unregistering"
)

const bucket = "features"

// change is what a subscription last asked for about a feature.
type change struct {
	Register bool      `json:"register"`
	Done     time.Time `json:"done"` // when it is, or was, brought about
}

func key(subscription string, f Feature) string {
	return strings.Join([]string{subscription, f.Namespace, f.Name}, "/")
}

// state returns a feature's state, and since when it is registered: the zero
// time when it always was.
func (p *Provider) state(tx *store.Tx, subscription string, f Feature) (state string, since time.Time, err error) {
	var c change
	found, err := tx.Get(bucket, key(subscription, f), &c)
	done := !p.service.Now().Before(c.Done)
	switch {
	case err != nil || !found:
		return f.State, time.Time{}, err
	case c.Register && done:
		return Registered, c.Done, nil
	case c.Register:
		return registering, time.Time{}, nil
	case done:
		return unregistered, time.Time{}, nil
	}
	return unregistering, time.Time{}, nil
}

// Enabled says whether a subscription has a feature: it is registered, and its
// resource provider was registered again since, by which it learns of it.
// learn.microsoft.com/azure/aks/enable-host-encryption has both steps.
func (p *Provider) Enabled(tx *store.Tx, subscription, namespace, name string) (bool, error) {
	f, ok := find(namespace, name)
	if !ok {
		return false, nil
	}
	state, since, err := p.state(tx, subscription, f)
	if err != nil || state != Registered || since.IsZero() {
		return state == Registered, err
	}
	refreshed, err := arm.LastRegistered(tx, subscription, f.Namespace)
	return !refreshed.Before(since), err
}

func (p *Provider) set(tx *store.Tx, subscription string, f Feature, register bool) error {
	state, _, err := p.state(tx, subscription, f)
	if err != nil {
		return err
	}
	if register && (state == Registered || state == registering) || !register && state != Registered && state != registering {
		return nil // asking twice is asking once
	}
	return tx.Put(bucket, key(subscription, f), change{Register: register, Done: p.service.Now().UTC().Add(p.delay)})
}
