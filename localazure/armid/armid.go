// Package armid reads the ids of Azure Resource Manager.
//
// An id names a tenant ("/"), a subscription, a resource group, a resource, a
// child of one, or an extension of any of these; the same grammar without the
// last name is a collection, or an operation on what stands before it:
//
//	/subscriptions/{id}/resourceGroups/{group}/providers/{namespace}/{type}/{name}/{child type}/{name}/providers/…
//
// Ids are compared without regard to case; learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules.
package armid

import (
	"fmt"
	"strings"
)

// ID is a parsed id.
type ID struct {
	Subscription  string // empty: at the tenant
	ResourceGroup string
	Providers     []Segment // an extension resource has one for itself and one for each resource it extends
	// Rest is the last segment where it has no name: of "/…/virtualNetworks"
	// that is "virtualNetworks", a collection when read, an action when posted to.
	Rest string
}

// Segment is a resource below one "/providers/".
type Segment struct {
	Namespace string   // Microsoft.Network
	Types     []string // virtualNetworks, subnets
	Names     []string // one for each type; may be empty when ID.Rest is the only type
}

// Parse reads a path. Case is kept as it was written.
func Parse(path string) (ID, error) {
	var id ID
	segments := strings.Split(strings.Trim(path, "/"), "/")
	if segments[0] == "" {
		segments = nil
	}
	for _, s := range segments {
		if s == "" {
			return ID{}, fmt.Errorf("the id %q has an empty segment", path)
		}
	}
	var err error
	segments = id.container(segments)
	for len(segments) > 0 {
		if segments, err = id.provider(segments); err != nil {
			return ID{}, fmt.Errorf("the id %q %w", path, err)
		}
	}
	return id, nil
}

func (id *ID) container(s []string) []string {
	if len(s) > 0 && strings.EqualFold(s[0], "subscriptions") {
		if len(s) == 1 {
			id.Rest = s[0]
			return nil
		}
		id.Subscription, s = s[1], s[2:]
		if len(s) > 0 && strings.EqualFold(s[0], "resourceGroups") {
			if len(s) == 1 {
				id.Rest = s[0]
				return nil
			}
			id.ResourceGroup, s = s[1], s[2:]
		}
	}
	if len(s) == 1 && !strings.EqualFold(s[0], "providers") {
		id.Rest = s[0]
		return nil
	}
	return s
}

func (id *ID) provider(s []string) ([]string, error) {
	if !strings.EqualFold(s[0], "providers") {
		return nil, fmt.Errorf("has %q where \"providers\" belongs", s[0])
	}
	if len(s) == 1 {
		id.Rest = s[0]
		return nil, nil
	}
	p := Segment{Namespace: s[1]}
	s = s[2:]
	for len(s) > 0 && (len(p.Types) == 0 || !strings.EqualFold(s[0], "providers")) {
		if len(s) == 1 {
			id.Rest, s = s[0], nil
			break
		}
		p.Types, p.Names, s = append(p.Types, s[0]), append(p.Names, s[1]), s[2:]
	}
	id.Providers = append(id.Providers, p)
	return s, nil
}

// String returns the id in Azure's own writing.
func (id ID) String() string {
	var b strings.Builder
	b.WriteString(id.Container())
	for _, p := range id.Providers {
		b.WriteString("/providers/" + p.Namespace)
		for i := range p.Types {
			b.WriteString("/" + p.Types[i] + "/" + p.Names[i])
		}
	}
	if id.Rest != "" {
		b.WriteString("/" + id.Rest)
	}
	if b.Len() == 0 {
		return "/"
	}
	return b.String()
}

// Container returns the id of the resource group, or else the subscription, or
// else nothing.
func (id ID) Container() string {
	switch {
	case id.ResourceGroup != "":
		return "/subscriptions/" + id.Subscription + "/resourceGroups/" + id.ResourceGroup
	case id.Subscription != "":
		return "/subscriptions/" + id.Subscription
	}
	return ""
}

// IsResource says whether the id names a resource, not a group, a
// subscription, a collection or an operation.
func (id ID) IsResource() bool {
	return id.Rest == "" && len(id.Providers) > 0 && len(id.last().Types) > 0
}

// Namespace returns the resource provider's.
func (id ID) Namespace() string {
	if len(id.Providers) == 0 {
		return "Microsoft.Resources"
	}
	return id.last().Namespace
}

// Type returns the full resource type, as
// "Microsoft.Network/virtualNetworks/subnets"; without Rest.
func (id ID) Type() string {
	switch {
	case len(id.Providers) > 0:
		return strings.Join(append([]string{id.last().Namespace}, id.last().Types...), "/")
	case id.ResourceGroup != "":
		return "Microsoft.Resources/subscriptions/resourceGroups"
	case id.Subscription != "":
		return "Microsoft.Resources/subscriptions"
	}
	return "Microsoft.Resources/tenants"
}

// CollectionType returns the type that Rest names when it is a collection.
func (id ID) CollectionType() string {
	if id.Subscription == "" && len(id.Providers) == 0 {
		return "Microsoft.Resources/" + id.Rest
	}
	return id.Type() + "/" + id.Rest
}

// Name returns the last name.
func (id ID) Name() string {
	switch {
	case len(id.Providers) > 0 && len(id.last().Names) > 0:
		return id.last().Names[len(id.last().Names)-1]
	case id.ResourceGroup != "":
		return id.ResourceGroup
	}
	return id.Subscription
}

// FullName returns the names joined by slashes, as "vnet/subnet".
func (id ID) FullName() string {
	if len(id.Providers) == 0 {
		return id.Name()
	}
	return strings.Join(id.last().Names, "/")
}

// Target returns the id without Rest: what a collection is in, or what an
// operation is on.
func (id ID) Target() ID {
	id.Rest = ""
	if n := len(id.Providers); n > 0 && len(id.last().Types) == 0 {
		id.Providers = id.Providers[:n-1]
	}
	return id
}

// Parent returns what a resource is a child of, or what it extends, or its
// group or subscription.
func (id ID) Parent() ID {
	id = id.Target()
	n := len(id.Providers)
	switch {
	case n == 0 && id.ResourceGroup != "":
		id.ResourceGroup = ""
		return id
	case n == 0:
		return ID{}
	}
	last := id.Providers[n-1]
	k := len(last.Types) - 1
	id.Providers = append([]Segment(nil), id.Providers...)
	if k == 0 {
		id.Providers = id.Providers[:n-1]
		return id
	}
	id.Providers[n-1] = Segment{Namespace: last.Namespace, Types: last.Types[:k], Names: last.Names[:k]}
	return id
}

// IsChild says whether the resource is a child of another of its provider.
func (id ID) IsChild() bool {
	return id.IsResource() && len(id.last().Types) > 1
}

// Equal compares two ids as Azure does.
func Equal(a, b string) bool {
	return strings.EqualFold(strings.TrimRight(a, "/"), strings.TrimRight(b, "/"))
}

// Within says whether id is scope or lies below it.
func Within(id, scope string) bool {
	id, scope = strings.ToLower(strings.TrimRight(id, "/")), strings.ToLower(strings.TrimRight(scope, "/"))
	return id == scope || strings.HasPrefix(id, scope+"/")
}

func (id ID) last() Segment { return id.Providers[len(id.Providers)-1] }

// Scope returns the scope at which access to the id is decided: a resource's
// own id, and for the things of a provider that lie in no resource (its
// locations, its name checks) the group or subscription that the path names.
func (id ID) Scope() string {
	target := id.Target()
	if n := len(target.Providers); n > 0 {
		last := target.Providers[n-1]
		if len(last.Types) == 0 || strings.EqualFold(last.Types[0], "locations") {
			target.Providers = target.Providers[:n-1]
		}
	}
	return target.String()
}
