package rbac

import (
	"fmt"
	"strings"
)

// Root is the scope that contains every other.
const Root = "/"

// A ScopeKind says what a scope is.
type ScopeKind int

// The kinds of scope, from the widest to the narrowest.
const (
	RootScope ScopeKind = iota
	ManagementGroupScope
	SubscriptionScope
	ResourceGroupScope
	ResourceScope
)

// A Scope is an ARM id taken apart. The parts keep their case.
type Scope struct {
	Kind            ScopeKind
	ManagementGroup string
	Subscription    string
	ResourceGroup   string
	// Type and Name are of the innermost resource: for an id ending in
	// ".../providers/Microsoft.Network/virtualNetworks/v/subnets/s" they are
	// "Microsoft.Network/virtualNetworks/subnets" and "v/s".
	Type, Name string
}

const managementGroupPrefix = "/providers/microsoft.management/managementgroups/"

// ParseScope takes an ARM id apart. It accepts the root, management groups,
// subscriptions, resource groups and resources of any depth.
func ParseScope(id string) (Scope, error) {
	var s Scope
	if id == Root {
		return s, nil
	}
	if !strings.HasPrefix(id, "/") {
		return s, fmt.Errorf("scope %q does not begin with a slash", id)
	}
	parts := strings.Split(strings.TrimSuffix(id[1:], "/"), "/")
	for _, p := range parts {
		if p == "" {
			return s, fmt.Errorf("scope %q has an empty part", id)
		}
	}
	parts, err := s.takeContainers(id, parts)
	if err != nil {
		return Scope{}, err
	}
	if err := s.takeResource(id, parts); err != nil {
		return Scope{}, err
	}
	return s, nil
}

// takeContainers reads management group, subscription and resource group off
// the front of parts and returns the rest.
func (s *Scope) takeContainers(id string, parts []string) ([]string, error) {
	if strings.HasPrefix(fold(id), managementGroupPrefix) && len(parts) >= 4 {
		s.Kind, s.ManagementGroup = ManagementGroupScope, parts[3]
		return parts[4:], nil
	}
	if fold(parts[0]) == "subscriptions" {
		if len(parts) < 2 {
			return nil, fmt.Errorf("scope %q names no subscription", id)
		}
		s.Kind, s.Subscription = SubscriptionScope, parts[1]
		parts = parts[2:]
	}
	if len(parts) > 0 && fold(parts[0]) == "resourcegroups" {
		if len(parts) < 2 || s.Subscription == "" {
			return nil, fmt.Errorf("scope %q names no resource group of a subscription", id)
		}
		s.Kind, s.ResourceGroup = ResourceGroupScope, parts[1]
		parts = parts[2:]
	}
	return parts, nil
}

// takeResource reads "providers/<namespace>/<type>/<name>…", any number of
// times, and keeps the last.
func (s *Scope) takeResource(id string, parts []string) error {
	for len(parts) > 0 {
		if fold(parts[0]) != "providers" || len(parts) < 4 {
			return fmt.Errorf("scope %q goes on with %q, which names no resource", id, strings.Join(parts, "/"))
		}
		s.Kind, s.Type, s.Name = ResourceScope, parts[1], ""
		parts = parts[2:]
		for len(parts) > 0 && fold(parts[0]) != "providers" {
			if len(parts) < 2 {
				return fmt.Errorf("scope %q names no %s", id, parts[0])
			}
			s.Type += "/" + parts[0]
			s.Name = strings.TrimPrefix(s.Name+"/"+parts[1], "/")
			parts = parts[2:]
		}
	}
	return nil
}

// NormalizeScope gives the form under which scopes compare: lower case and
// without a slash at the end. The empty scope is the root.
func NormalizeScope(id string) string {
	id = strings.TrimRight(fold(id), "/")
	if id == "" {
		return Root
	}
	return id
}

// Contains reports whether inner is outer or lies below it by its path alone;
// which subscriptions a management group holds is for a Policy to know.
func Contains(outer, inner string) bool {
	outer, inner = NormalizeScope(outer), NormalizeScope(inner)
	return outer == Root || outer == inner ||
		strings.HasPrefix(inner, outer) && inner[len(outer)] == '/'
}

// ResourceGroupOf returns the resource group's id that an id lies in, or is.
func ResourceGroupOf(id string) (string, bool) {
	return front(id, 4, "resourcegroups")
}

// SubscriptionOf returns the id of the subscription that an id lies in, or is.
func SubscriptionOf(id string) (string, bool) {
	return front(id, 2, "subscriptions")
}

// front returns the first n parts of an ARM id if the one before the last of
// them is kind.
func front(id string, n int, kind string) (string, bool) {
	parts := strings.SplitN(strings.TrimPrefix(id, "/"), "/", n+1)
	if len(parts) < n || fold(parts[0]) != "subscriptions" || fold(parts[n-2]) != kind || parts[n-1] == "" {
		return "", false
	}
	return "/" + strings.Join(parts[:n], "/"), true
}
