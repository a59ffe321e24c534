package arm

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

const (
	subscriptionVersion = "2022-12-01"
	resourcesVersion    = "2021-04-01"
	featuresVersion     = "2021-07-01"
)

// SubscriptionID is the ARM id of a subscription.
func SubscriptionID(subscription string) string { return "/subscriptions/" + subscription }

// GroupID is the ARM id of a resource group.
func GroupID(subscription, group string) string {
	return SubscriptionID(subscription) + "/resourceGroups/" + group
}

// Subscription is a subscription that the caller can see.
type Subscription struct {
	ID       string `json:"subscriptionId"`
	Name     string `json:"displayName"`
	TenantID string `json:"tenantId"`
	State    string `json:"state"` // Enabled, Warned, PastDue, Disabled, Deleted
	// ManagedBy are the tenants that Azure Lighthouse lets manage it.
	ManagedBy []TenantID `json:"managedByTenants,omitempty"`
}

// TenantID names a directory.
type TenantID struct {
	ID string `json:"tenantId"`
}

// Subscription reads one subscription.
func (c *Client) Subscription(ctx context.Context, id string) (Subscription, error) {
	var s Subscription
	_, err := c.do(ctx, call{method: http.MethodGet, path: SubscriptionID(id), version: subscriptionVersion}, &s)
	return s, err
}

// Subscriptions lists what subscriptions the caller can see.
func (c *Client) Subscriptions(ctx context.Context) ([]Subscription, error) {
	return list[Subscription](ctx, c, call{path: "/subscriptions", version: subscriptionVersion})
}

// Tenant is a directory that the caller belongs to.
type Tenant struct {
	ID            string `json:"tenantId"`
	Name          string `json:"displayName"`
	DefaultDomain string `json:"defaultDomain"`
}

// Tenants lists the directories that the caller belongs to, also as a guest.
func (c *Client) Tenants(ctx context.Context) ([]Tenant, error) {
	return list[Tenant](ctx, c, call{path: "/tenants", version: subscriptionVersion})
}

// Provider is a resource provider and whether the subscription may use it.
type Provider struct {
	Namespace     string         `json:"namespace"`
	State         string         `json:"registrationState"` // NotRegistered, Registering, Registered, Unregistering
	ResourceTypes []ResourceType `json:"resourceTypes"`
}

// ResourceType is a type of a provider and where it can be.
type ResourceType struct {
	Name        string   `json:"resourceType"`
	Locations   []string `json:"locations"` // by display name, as "East US 2"
	APIVersions []string `json:"apiVersions"`
}

// In reports whether the type can be in a region. A type that lists none lies in
// no region, as a role assignment does, and can be used from all.
func (t ResourceType) In(region string) bool {
	fold := func(name string) string { return strings.ToLower(strings.ReplaceAll(name, " ", "")) }
	return len(t.Locations) == 0 || slices.ContainsFunc(t.Locations, func(l string) bool {
		return fold(l) == fold(region) || strings.EqualFold(l, "global")
	})
}

// Type returns a type of the provider by its name, as "managedClusters".
func (p Provider) Type(name string) (ResourceType, bool) {
	i := slices.IndexFunc(p.ResourceTypes, func(t ResourceType) bool { return strings.EqualFold(t.Name, name) })
	if i < 0 {
		return ResourceType{}, false
	}
	return p.ResourceTypes[i], true
}

// Providers lists all resource providers of a subscription.
func (c *Client) Providers(ctx context.Context, subscription string) ([]Provider, error) {
	return list[Provider](ctx, c, call{path: SubscriptionID(subscription) + "/providers", version: resourcesVersion})
}

// Provider reads one resource provider of a subscription.
func (c *Client) Provider(ctx context.Context, subscription, namespace string) (Provider, error) {
	var p Provider
	path := SubscriptionID(subscription) + "/providers/" + namespace
	_, err := c.do(ctx, call{method: http.MethodGet, path: path, version: resourcesVersion}, &p)
	return p, err
}

// RegisterProvider asks that a subscription may use a resource provider. It
// returns while the provider is still Registering.
func (c *Client) RegisterProvider(ctx context.Context, subscription, namespace string) (Provider, error) {
	var p Provider
	path := SubscriptionID(subscription) + "/providers/" + namespace + "/register"
	return p, c.Ask(ctx, path, resourcesVersion, nil, &p)
}

// FeatureState reads whether a subscription has a preview feature: NotRegistered,
// Pending, Registering or Registered. found is false for a feature that Azure
// does not know.
func (c *Client) FeatureState(ctx context.Context, subscription, namespace, feature string) (state string, found bool, err error) {
	t, found, err := c.Get(ctx, featurePath(subscription, namespace, feature), featuresVersion)
	if err != nil || !found {
		return "", false, err
	}
	properties, _ := t["properties"].(map[string]any)
	state, _ = properties["state"].(string)
	return state, true, nil
}

// RegisterFeature asks that a subscription gets a preview feature.
func (c *Client) RegisterFeature(ctx context.Context, subscription, namespace, feature string) error {
	return c.Ask(ctx, featurePath(subscription, namespace, feature)+"/register", featuresVersion, nil, nil)
}

func featurePath(subscription, namespace, feature string) string {
	return SubscriptionID(subscription) + "/providers/Microsoft.Features/providers/" + namespace + "/features/" + feature
}

// GetGroup reads a resource group.
func (c *Client) GetGroup(ctx context.Context, subscription, group string) (resource Tree, found bool, err error) {
	return c.Get(ctx, GroupID(subscription, group), resourcesVersion)
}

// PutGroup makes a resource group, or changes the tags of one. created is false
// if it was there.
func (c *Client) PutGroup(ctx context.Context, subscription, group, location string, tags map[string]string) (created bool, err error) {
	body := map[string]any{"location": location}
	if len(tags) > 0 {
		body["tags"] = tags
	}
	o, err := c.Put(ctx, GroupID(subscription, group), resourcesVersion, body)
	if err != nil {
		return false, err
	}
	_, err = o.Wait(ctx)
	return o.Status() == http.StatusCreated, err
}

// DeleteGroup removes a resource group and all that is in it.
func (c *Client) DeleteGroup(ctx context.Context, subscription, group string) (*Operation, error) {
	return c.Delete(ctx, GroupID(subscription, group), resourcesVersion)
}

// Resource is a resource in a list.
type Resource struct {
	ID       string            `json:"id"`
	Name     string            `json:"name"`
	Type     string            `json:"type"`
	Location string            `json:"location"`
	Tags     map[string]string `json:"tags"`
}

// Resources lists what is in a resource group, or with an empty group in the
// subscription.
func (c *Client) Resources(ctx context.Context, subscription, group string) ([]Resource, error) {
	scope := SubscriptionID(subscription)
	if group != "" {
		scope = GroupID(subscription, group)
	}
	return list[Resource](ctx, c, call{path: scope + "/resources", version: resourcesVersion, query: url.Values{}})
}
