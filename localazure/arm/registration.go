package arm

import (
	"net/http"
	"strings"
	"time"

	"github.com/kars-dev/kars/localazure/armid"
	"github.com/kars-dev/kars/localazure/store"
)

const (
	registrations = "registrations"
	refreshes     = "registrations.last"
)

// Registration states of a resource provider in a subscription.
const (
	Registered    = "Registered"
	NotRegistered = "NotRegistered"
)

// RegistrationState returns a provider's state in a subscription. Providers are
// registered unless somebody unregistered them.
func RegistrationState(tx *store.Tx, subscription, namespace string) (string, error) {
	state := Registered
	_, err := tx.Get(registrations, subscription+"/"+namespace, &state)
	return state, err
}

// SetRegistrationState sets it.
func SetRegistrationState(tx *store.Tx, subscription, namespace, state string) error {
	return tx.Put(registrations, subscription+"/"+namespace, state)
}

// Refresh notes that a subscription asked to be registered with a provider. One
// that is registered already thereby learns of features that were registered
// since; learn.microsoft.com/azure/azure-resource-manager/management/preview-features.
func Refresh(tx *store.Tx, subscription, namespace string, at time.Time) error {
	return tx.Put(refreshes, subscription+"/"+namespace, at)
}

// LastRegistered returns when a subscription last asked to be registered with a
// provider: the zero time if it never did.
func LastRegistered(tx *store.Tx, subscription, namespace string) (at time.Time, err error) {
	_, err = tx.Get(refreshes, subscription+"/"+namespace, &at)
	return at, err
}

// registered refuses resources of a provider that is not registered. Microsoft.
// Authorization and Microsoft.Resources are in every subscription;
// learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-register-resource-provider.
func (s *Service) registered(tx *store.Tx, id armid.ID) error {
	namespace := id.Namespace()
	if id.Subscription == "" || strings.EqualFold(namespace, "Microsoft.Authorization") || strings.EqualFold(namespace, "Microsoft.Resources") {
		return nil
	}
	state, err := RegistrationState(tx, id.Subscription, namespace)
	if err != nil || state == Registered {
		return err
	}
	return Errorf(http.StatusConflict, "MissingSubscriptionRegistration",
		"The subscription is not registered to use namespace '%s'. See https://aka.ms/rps-not-found for how to register subscriptions.", namespace)
}
