package compute

import (
	"context"
	"net/http"

	"github.com/kars-dev/kars/localazure/arm"
	"github.com/kars-dev/kars/localazure/quota"
	"github.com/kars-dev/kars/localazure/region"
	"github.com/kars-dev/kars/localazure/store"
)

// The names of quotas that are no family's;
// learn.microsoft.com/azure/virtual-machines/quotas.
const (
	RegionalQuota = "cores"            // vCPUs of all families together
	SpotQuota     = "lowPriorityCores" // vCPUs of spot machines, whatever their family
)

// standardCores is what a pay-as-you-go subscription may have of each quota of
// vCPUs, unless it asked for more.
const standardCores = 100

// Quotas lists the quotas of a region and what is used of them.
func (p *Provider) Quotas(tx *store.Tx, subscription, location string) ([]quota.Quota, error) {
	sets, err := p.machines(tx, subscription, location)
	if err != nil {
		return nil, err
	}
	used := Cores(sets)
	all := []quota.Quota{
		{Name: RegionalQuota, LocalizedName: "Total Regional vCPUs", Limit: standardCores},
		{Name: SpotQuota, LocalizedName: "Total Regional Low-priority vCPUs", Limit: standardCores},
		{Name: "virtualMachines", LocalizedName: "Virtual Machines", Limit: 25000},
		{Name: "virtualMachineScaleSets", LocalizedName: "Virtual Machine Scale Sets", Limit: 2500},
	}
	for _, f := range families() {
		all = append(all, quota.Quota{Name: f.Quota, LocalizedName: f.Localized, Limit: standardCores})
	}
	used["virtualMachineScaleSets"] = int64(len(sets))
	for _, s := range sets {
		used["virtualMachines"] += int64(s.Count)
	}
	for i := range all {
		q := &all[i]
		q.Current = used[q.Name]
		if q.Limit, err = quota.Limit(tx, subscription, Namespace, location, q.Name, q.Limit); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Cores counts the vCPUs of scale sets by the quotas that they take. Machines
// of a size that is not known take none.
func Cores(sets []ScaleSet) map[string]int64 {
	cores := map[string]int64{}
	for _, set := range sets {
		size, ok := Find(set.Size)
		if !ok {
			continue
		}
		n := int64(size.VCPUs * set.Count)
		if set.Spot {
			cores[SpotQuota] += n
			continue
		}
		cores[RegionalQuota] += n
		cores[size.Quota] += n
	}
	return cores
}

// listUsages lists quotas; learn.microsoft.com/rest/api/compute/usage/list.
func (p *Provider) listUsages(_ context.Context, r *arm.Request) (*arm.Response, error) {
	l, err := location(r.Params["location"])
	if err != nil {
		return nil, err
	}
	var all []quota.Quota
	err = p.service.Store.View(func(tx *store.Tx) error {
		all, err = p.Quotas(tx, r.ID.Subscription, l)
		return err
	})
	if err != nil {
		return nil, err
	}
	return quota.Usages(r, all)
}

func location(name string) (string, error) {
	l, ok := region.Find(name)
	if !ok {
		return "", arm.Errorf(http.StatusBadRequest, "InvalidParameter", "The value '%s' of parameter 'location' is invalid.", name)
	}
	return l.Name, nil
}

// Left is what can still be had of each quota in a region, by its name.
func (p *Provider) Left(tx *store.Tx, subscription, location string) (map[string]int64, error) {
	all, err := p.Quotas(tx, subscription, location)
	left := make(map[string]int64, len(all))
	for _, q := range all {
		left[q.Name] = max(q.Limit-q.Current, 0)
	}
	return left, err
}
