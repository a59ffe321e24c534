package compute

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/kars-dev/kars/localazure/arm"
	"github.com/kars-dev/kars/localazure/region"
	"github.com/kars-dev/kars/localazure/store"
)

// listSKUs lists sizes; the one filter that Azure knows is by region.
// learn.microsoft.com/rest/api/compute/resource-skus/list
func (p *Provider) listSKUs(_ context.Context, r *arm.Request) (*arm.Response, error) {
	regions, err := filtered(r.URL.Query().Get("$filter"))
	if err != nil {
		return nil, err
	}
	var trees []store.Tree
	err = p.service.Store.View(func(tx *store.Tx) error {
		for _, l := range regions {
			for _, size := range Sizes() {
				restriction, err := Restricted(tx, r.ID.Subscription, l, size.Name)
				if err != nil {
					return err
				}
				trees = append(trees, describe(size, l, restriction))
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	page, err := arm.Paged(r, trees)
	if err != nil {
		return nil, err
	}
	return arm.OK(page), nil
}

func filtered(filter string) ([]string, error) {
	if filter == "" {
		var all []string
		for _, l := range region.Public() {
			all = append(all, l.Name)
		}
		return all, nil
	}
	m := regexp.MustCompile(`^\s*location\s+eq\s+'([^']*)'\s*$`).FindStringSubmatch(filter)
	if m == nil {
		return nil, arm.Errorf(http.StatusBadRequest, "InvalidFilterInQueryString", "The filter '%s' is invalid. It must be of the form: location eq 'eastus2'.", filter)
	}
	l, ok := region.Find(m[1])
	if !ok {
		return nil, nil // Azure lists nothing for a region that it does not know
	}
	return []string{l.Name}, nil
}

func describe(s Size, location string, restriction *Restriction) store.Tree {
	_, short, _ := strings.Cut(s.Name, "_")
	zones := region.Zones(location)
	return store.Tree{
		"resourceType": "virtualMachines", "name": s.Name, "tier": "Standard", "size": short, "family": s.Quota,
		"locations":    []string{location},
		"locationInfo": []store.Tree{{"location": location, "zones": zones, "zoneDetails": []any{}}},
		"capabilities": []store.Tree{
			{"name": "vCPUs", "value": strconv.Itoa(s.VCPUs)},
			{"name": "vCPUsAvailable", "value": strconv.Itoa(s.VCPUs)},
			{"name": "MemoryGB", "value": fmt.Sprint(s.memory * float64(s.VCPUs))},
			{"name": "CpuArchitectureType", "value": s.arch},
			{"name": "HyperVGenerations", "value": "V1,V2"},
			{"name": "PremiumIO", "value": truth(s.premium)},
			{"name": "EncryptionAtHostSupported", "value": truth(s.Encryption)},
		},
		"restrictions": describeRestriction(location, restriction),
	}
}

func describeRestriction(location string, r *Restriction) []store.Tree {
	if r == nil {
		return []store.Tree{}
	}
	kind, info := "Location", store.Tree{"locations": []string{location}}
	if len(r.Zones) > 0 {
		kind, info["zones"] = "Zone", r.Zones
	}
	return []store.Tree{{
		"type": kind, "values": []string{location}, "restrictionInfo": info, "reasonCode": "NotAvailableForSubscription",
	}}
}

// truth is how capabilities say yes and no.
func truth(b bool) string {
	if b {
		return "True"
	}
	return "False"
}
