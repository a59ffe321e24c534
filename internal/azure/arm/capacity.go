package arm

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

const (
	computeUsageVersion = "2024-07-01"
	skuVersion          = "2021-07-01"
	vaultVersion        = "2023-07-01"
)

// Usage is how much of a limit a subscription uses in a region.
type Usage struct {
	Name          string `json:"name"`          // as "cores" or "standardDASv5Family"
	LocalizedName string `json:"localizedName"` // as "Total Regional vCPUs"
	Current       int64  `json:"current"`
	Limit         int64  `json:"limit"`
}

// Left is how much of the limit can still be used, never negative.
func (u Usage) Left() int64 { return max(u.Limit-u.Current, 0) }

// wireUsage is a usage as Azure sends it; Cognitive Services sends fractions.
type wireUsage struct {
	Name struct {
		Value     string `json:"value"`
		Localized string `json:"localizedValue"`
	} `json:"name"`
	Current float64 `json:"currentValue"`
	Limit   float64 `json:"limit"`
}

func (c *Client) usages(ctx context.Context, path, version string) ([]Usage, error) {
	found, err := list[wireUsage](ctx, c, call{path: path, version: version})
	all := make([]Usage, 0, len(found))
	for _, w := range found {
		all = append(all, Usage{w.Name.Value, w.Name.Localized, int64(w.Current), int64(w.Limit)})
	}
	return all, err
}

// ComputeUsages lists the quotas of virtual machines in a region: vCPUs of each
// family, named as [VMSize.Family] is, and of all together under "cores". It
// takes Microsoft.Compute/locations/usages/read.
// learn.microsoft.com/rest/api/compute/usage/list
func (c *Client) ComputeUsages(ctx context.Context, subscription, region string) ([]Usage, error) {
	return c.usages(ctx, SubscriptionID(subscription)+"/providers/Microsoft.Compute/locations/"+region+"/usages", computeUsageVersion)
}

// VMSize is a size of virtual machines in one region.
type VMSize struct {
	Name             string        `json:"name"`   // as "Standard_D4as_v5"
	Family           string        `json:"family"` // of its quota, as "standardDASv5Family"
	VCPUs            int           `json:"vcpus"`
	EncryptionAtHost bool          `json:"encryptionAtHost"`
	PremiumIO        bool          `json:"premiumIO"`
	Architecture     string        `json:"architecture"` // x64 or Arm64
	Zones            []string      `json:"zones,omitempty"`
	Restrictions     []Restriction `json:"restrictions,omitempty"`
}

// The types of a [Restriction].
const (
	RestrictedLocation = "Location"
	RestrictedZone     = "Zone"
)

// Restriction keeps a subscription from a size in a whole region, or in zones of
// it.
type Restriction struct {
	Type   string   `json:"type"`            // Location or Zone
	Reason string   `json:"reason"`          // QuotaId or NotAvailableForSubscription
	Zones  []string `json:"zones,omitempty"` // of Type Zone
}

// RestrictedHere reports whether the subscription can have the size nowhere in
// its region, and why: QuotaId or NotAvailableForSubscription.
func (s VMSize) RestrictedHere() (reason string, restricted bool) {
	for _, r := range s.Restrictions {
		if r.Type == RestrictedLocation {
			return r.Reason, true
		}
	}
	return "", false
}

// OpenZones are the zones in which the subscription can have the size.
func (s VMSize) OpenZones() []string {
	open := slices.Clone(s.Zones)
	for _, r := range s.Restrictions {
		if r.Type == RestrictedZone {
			open = slices.DeleteFunc(open, func(z string) bool { return slices.Contains(r.Zones, z) })
		}
	}
	return open
}

// wireSKU is a SKU of Microsoft.Compute as Azure sends it, in one region.
type wireSKU struct {
	ResourceType string `json:"resourceType"`
	Name         string `json:"name"`
	Family       string `json:"family"`
	Locations    []struct {
		Zones []string `json:"zones"`
	} `json:"locationInfo"`
	Capabilities []struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	} `json:"capabilities"`
	Restrictions []struct {
		Type   string `json:"type"`
		Reason string `json:"reasonCode"`
		Info   struct {
			Zones []string `json:"zones"`
		} `json:"restrictionInfo"`
	} `json:"restrictions"`
}

// VMSizes lists the sizes of virtual machines in a region, those that the
// subscription cannot have too. It takes Microsoft.Compute/skus/read. The answer
// is of some megabytes.
// learn.microsoft.com/rest/api/compute/resource-skus/list
func (c *Client) VMSizes(ctx context.Context, subscription, region string) ([]VMSize, error) {
	found, err := list[wireSKU](ctx, c, call{
		path: SubscriptionID(subscription) + "/providers/Microsoft.Compute/skus", version: skuVersion,
		query: url.Values{"$filter": {"location eq '" + region + "'"}},
	})
	var sizes []VMSize
	for _, w := range found {
		if strings.EqualFold(w.ResourceType, "virtualMachines") {
			sizes = append(sizes, w.size())
		}
	}
	return sizes, err
}

func (w wireSKU) size() VMSize {
	s := VMSize{Name: w.Name, Family: w.Family, Architecture: "x64"}
	for _, c := range w.Capabilities {
		switch c.Name {
		case "vCPUs":
			s.VCPUs, _ = strconv.Atoi(c.Value) // zero, unless it is a number
		case "EncryptionAtHostSupported":
			s.EncryptionAtHost = strings.EqualFold(c.Value, "True")
		case "PremiumIO":
			s.PremiumIO = strings.EqualFold(c.Value, "True")
		case "CpuArchitectureType":
			s.Architecture = c.Value
		}
	}
	for _, l := range w.Locations {
		s.Zones = append(s.Zones, l.Zones...)
	}
	slices.Sort(s.Zones)
	for _, r := range w.Restrictions {
		restriction := Restriction{Type: r.Type, Reason: r.Reason}
		if r.Type == RestrictedZone {
			restriction.Zones = r.Info.Zones
		}
		s.Restrictions = append(s.Restrictions, restriction)
	}
	return s
}

// Feature is a preview feature of a resource provider.
type Feature struct {
	Namespace string `json:"namespace"` // as "Microsoft.Compute"
	Name      string `json:"name"`      // as "EncryptionAtHost"
	State     string `json:"state"`     // NotRegistered, Pending, Registering, Registered, Unregistering, Unregistered
}

// Features lists all preview features that a subscription can have. It takes
// Microsoft.Features/features/read.
// learn.microsoft.com/rest/api/resources/features/list-all
func (c *Client) Features(ctx context.Context, subscription string) ([]Feature, error) {
	type wire struct {
		Name       string `json:"name"` // namespace and name
		Properties struct {
			State string `json:"state"`
		} `json:"properties"`
	}
	found, err := list[wire](ctx, c, call{path: SubscriptionID(subscription) + "/providers/Microsoft.Features/features", version: featuresVersion})
	all := make([]Feature, 0, len(found))
	for _, w := range found {
		namespace, name, _ := strings.Cut(w.Name, "/")
		all = append(all, Feature{namespace, name, w.Properties.State})
	}
	return all, err
}

// NameCheck says whether a name that is one in the whole cloud can be had.
type NameCheck struct {
	Available bool   `json:"available"`
	Reason    string `json:"reason,omitempty"` // as "AlreadyExists", where Azure says one
	Message   string `json:"message,omitempty"`
}

// CheckName asks whether a new resource can have a name, or of an account of
// Cognitive Services the subdomain, that nobody else in the cloud may have. For
// types without such names, available is true and nothing is asked.
//
//   - learn.microsoft.com/rest/api/containerregistry/registries/check-name-availability
//   - learn.microsoft.com/rest/api/keyvault/keyvault/vaults/check-name-availability
//   - learn.microsoft.com/rest/api/aiservices/accountmanagement/check-domain-availability
func (c *Client) CheckName(ctx context.Context, subscription, resourceType, name string) (NameCheck, error) {
	body := map[string]any{"name": name, "type": resourceType}
	action, version := "checkNameAvailability", ""
	switch strings.ToLower(resourceType) {
	case "microsoft.containerregistry/registries":
		version = registryVersion
	case "microsoft.keyvault/vaults":
		version = vaultVersion
	case "microsoft.cognitiveservices/accounts":
		action, version = "checkDomainAvailability", cognitiveVersion
		body = map[string]any{"subdomainName": name, "type": resourceType, "kind": "AIServices"}
	default:
		return NameCheck{Available: true}, nil
	}
	var answer struct {
		Name    bool   `json:"nameAvailable"`
		Domain  bool   `json:"isSubdomainAvailable"`
		Reason  string `json:"reason"`
		Message string `json:"message"`
	}
	namespace, _, _ := strings.Cut(resourceType, "/")
	path := SubscriptionID(subscription) + "/providers/" + namespace + "/" + action
	_, err := c.do(ctx, call{method: http.MethodPost, path: path, version: version, body: body}, &answer)
	check := NameCheck{Available: answer.Name || answer.Domain, Reason: answer.Reason, Message: answer.Message}
	if check.Message == "" && strings.Contains(check.Reason, " ") {
		check.Message, check.Reason = check.Reason, "" // Cognitive Services' reason is a sentence
	}
	return check, err
}
