// Package resources is the local Azure's Microsoft.Resources: tenants,
// subscriptions, regions, resource groups, the registration of providers, and
// deployments.
package resources

import (
	"net/http"

	"github.com/kars-dev/kars/localazure/arm"
)

// Resource types of this provider.
const (
	SubscriptionType = "Microsoft.Resources/subscriptions"
	GroupType        = "Microsoft.Resources/subscriptions/resourceGroups"
	deploymentType   = "Microsoft.Resources/deployments"
)

// Provider is Microsoft.Resources.
type Provider struct {
	service *arm.Service
}

// New returns the provider for a Resource Manager.
func New(s *arm.Service) arm.Provider {
	p := &Provider{service: s}
	s.Handle(kindDeployment, p.runDeployment)
	s.Handle(kindStack, p.runStack)
	s.Handle(kindStackDelete, p.runStackDelete)
	const subscription = "/subscriptions/{subscription}"
	const stack = "/providers/Microsoft.Resources/deploymentStacks/{name}"
	const deployment = "{scope...}/providers/Microsoft.Resources/deployments/{name}"
	return arm.Provider{
		Namespace: "Microsoft.Resources",
		Types: []arm.Type{
			{Name: SubscriptionType, APIVersions: []string{"2022-12-01"}, ReadOnly: true},
			p.groups(),
			p.deployments(),
			p.stacks(),
		},
		Routes: append(s.PollingRoutes("Microsoft.Resources"), []arm.Route{
			{Method: http.MethodGet, Pattern: "/tenants", Open: true, Handle: p.listTenants},
			{Method: http.MethodGet, Pattern: "/subscriptions", Open: true, Handle: p.listSubscriptions},
			{Method: http.MethodGet, Pattern: subscription + "/locations", Handle: p.listLocations},
			{Method: http.MethodGet, Pattern: subscription + "/resources", Handle: p.listResources},
			{Method: http.MethodGet, Pattern: subscription + "/resourceGroups/{group}/resources", Handle: p.listResources},
			{Method: http.MethodGet, Pattern: subscription + "/operationresults/{operation}", Open: true, Handle: p.groupResult},
			{Method: http.MethodGet, Pattern: subscription + "/providers", Handle: p.listProviders},
			{Method: http.MethodGet, Pattern: subscription + "/providers/{namespace}", Handle: p.getProvider},
			{Method: http.MethodPost, Pattern: subscription + "/providers/{namespace}/register", Handle: p.register},
			{Method: http.MethodPost, Pattern: subscription + "/providers/{namespace}/unregister", Handle: p.unregister},
			{Method: http.MethodGet, Pattern: deployment + "/operations", Handle: p.listOperations},
			{Method: http.MethodGet, Pattern: deployment + "/operationStatuses/{operation}", Handle: p.deploymentStatus},
			{Method: http.MethodDelete, Pattern: subscription + stack, Handle: p.deleteStack},
			{Method: http.MethodDelete, Pattern: subscription + "/resourceGroups/{group}" + stack, Handle: p.deleteStack},
		}...),
	}
}
