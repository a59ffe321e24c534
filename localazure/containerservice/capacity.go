package containerservice

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/kars-dev/kars/localazure/arm"
	"github.com/kars-dev/kars/localazure/compute"
	"github.com/kars-dev/kars/localazure/region"
	"github.com/kars-dev/kars/localazure/resource"
	"github.com/kars-dev/kars/localazure/store"
)

// Capacity says what a subscription can have of virtual machines.
type Capacity interface {
	// Left is what can still be had of each quota in a region, by its name.
	Left(tx *store.Tx, subscription, location string) (map[string]int64, error)
	// EncryptionAtHost says whether the subscription has the feature.
	EncryptionAtHost(tx *store.Tx, subscription string) (bool, error)
}

// ScaleSets lists the scale sets of the clusters that a subscription has in a
// region: one for each agent pool.
func ScaleSets(tx *store.Tx, subscription, location string) (sets []compute.ScaleSet, err error) {
	err = resource.OfType(tx, "/subscriptions/"+subscription, Type, func(r resource.Resource) error {
		if strings.EqualFold(resource.Text(r.Tree, "location"), location) {
			sets = append(sets, scaleSets(r.Tree)...)
		}
		return nil
	})
	return sets, err
}

func scaleSets(cluster store.Tree) []compute.ScaleSet {
	var sets []compute.ScaleSet
	for _, pool := range poolProfiles(cluster) {
		count, _ := pool["count"].(float64)
		sets = append(sets, compute.ScaleSet{
			Size: resource.Text(pool, "vmSize"), Count: int(count),
			Spot: strings.EqualFold(resource.Text(pool, "scaleSetPriority"), "Spot"),
		})
	}
	return sets
}

func poolProfiles(cluster store.Tree) []store.Tree {
	list, _ := resource.Value(cluster, "properties", "agentPoolProfiles").([]any)
	var pools []store.Tree
	for _, raw := range list {
		if pool, ok := raw.(store.Tree); ok {
			pools = append(pools, pool)
		}
	}
	return pools
}

// validate checks in the validation of a deployment what AKS checks there.
func (p *Provider) validate(_ context.Context, w *arm.Write) error {
	if l, ok := region.Find(resource.Text(w.New, "location")); ok {
		return p.checkCapacity(w, l.Name)
	}
	return nil
}

// checkCapacity refuses agent pools of machines that the subscription cannot
// have, with AKS' own codes;
// learn.microsoft.com/troubleshoot/azure/azure-kubernetes/create-upgrade-delete/error-code-quotaexceeded
// and learn.microsoft.com/azure/aks/quotas-skus-regions.
func (p *Provider) checkCapacity(w *arm.Write, location string) error {
	for _, pool := range poolProfiles(w.New) {
		if err := p.checkEncryption(w, pool); err != nil {
			return err
		}
		if err := checkSize(w, location, pool); err != nil {
			return err
		}
	}
	return p.checkQuota(w, location)
}

func (p *Provider) checkEncryption(w *arm.Write, pool store.Tree) error {
	if wanted, _ := pool["enableEncryptionAtHost"].(bool); !wanted {
		return nil
	}
	enabled, err := p.capacity.EncryptionAtHost(w.Tx, w.ID.Subscription)
	if err != nil {
		return err
	}
	if !enabled {
		return arm.Errorf(http.StatusBadRequest, "SubscriptionNotEnabledEncryptionAtHost", "Subscription does not enable EncryptionAtHost.")
	}
	if size, ok := compute.Find(resource.Text(pool, "vmSize")); ok && !size.Encryption {
		return arm.Errorf(http.StatusBadRequest, "VMSizeDoesNotSupportEncryptionAtHost",
			"The Virtual Machine size %s does not support EncryptionAtHost.", size.Name)
	}
	return nil
}

// checkSize refuses a size that is not known or restricted. A pool that stays
// as it was keeps its machines whatever became of their size.
func checkSize(w *arm.Write, location string, pool store.Tree) error {
	name := resource.Text(pool, "vmSize")
	for _, was := range poolProfiles(w.Old) {
		if resource.Text(was, "name") == resource.Text(pool, "name") && strings.EqualFold(resource.Text(was, "vmSize"), name) {
			return nil
		}
	}
	size, known := compute.Find(name)
	restriction, err := compute.Restricted(w.Tx, w.ID.Subscription, location, name)
	if err != nil {
		return err
	}
	if !known || restriction.Closes(nil) {
		return sizeNotAllowed(w, location, name)
	}
	open := slices.DeleteFunc(region.Zones(location), func(z string) bool { return restriction.Closes([]string{z}) })
	asked, _ := pool["availabilityZones"].([]any)
	for _, zone := range asked {
		if z, _ := zone.(string); !slices.Contains(open, z) {
			return arm.Errorf(http.StatusBadRequest, "AvailabilityZoneNotSupported",
				"Preflight validation check for resource(s) for container service %s in resource group %s failed. Message: The zone(s) '%s' for resource '%s' is not supported. The supported zones for location '%s' are '%s'. Details: ",
				w.ID.Name(), w.ID.ResourceGroup, z, resource.Text(pool, "name"), location, strings.Join(open, ","))
		}
	}
	if len(asked) == 0 && restriction != nil && len(open) == 0 {
		return sizeNotAllowed(w, location, size.Name)
	}
	return nil
}

func sizeNotAllowed(w *arm.Write, location, name string) error {
	var open []string
	for _, s := range compute.Sizes() {
		restriction, err := compute.Restricted(w.Tx, w.ID.Subscription, location, s.Name)
		if err != nil {
			return err
		}
		if !restriction.Closes(nil) {
			open = append(open, strings.ToLower(s.Name))
		}
	}
	return arm.Errorf(http.StatusBadRequest, "BadRequest",
		"The VM size of %s is not allowed in your subscription in location '%s'. The available VM sizes are '%s'. For more details, please visit https://aka.ms/aks/quotas-skus-regions",
		name, location, strings.Join(open, ","))
}

const quotaAdvice = " If you want to increase the quota, please follow this instruction: https://learn.microsoft.com/en-us/azure/quotas/view-quotas. Surge nodes would also consume vcpu quota, please consider use smaller maxSurge or use maxUnavailable to proceed upgrade without surge nodes, details: aka.ms/aks/maxUnavailable."

// checkQuota refuses more vCPUs than are left. AKS asks for those of the nodes:
// the vCPUs of surge nodes are needed only once node pools are upgraded.
func (p *Provider) checkQuota(w *arm.Write, location string) error {
	left, err := p.capacity.Left(w.Tx, w.ID.Subscription, location)
	if err != nil {
		return err
	}
	wanted, had := compute.Cores(scaleSets(w.New)), compute.Cores(scaleSets(w.Old))
	names := []string{compute.RegionalQuota}
	for name := range wanted {
		if name != compute.RegionalQuota {
			names = append(names, name)
		}
	}
	slices.Sort(names[1:])
	for _, name := range names {
		more := wanted[name] - had[name]
		switch {
		case more <= 0 || more <= left[name]:
		case name == compute.RegionalQuota:
			return arm.Errorf(http.StatusBadRequest, "ErrCode_InsufficientVCPUQuota",
				"Insufficient regional vcpu quota left for location %s. left regional vcpu quota %d, requested quota %d."+quotaAdvice, location, left[name], more)
		default:
			return arm.Errorf(http.StatusBadRequest, "ErrCode_InsufficientVCPUQuota",
				"Insufficient vcpu quota requested %d, remaining %d for family %s for region %s."+quotaAdvice, more, left[name], name, location)
		}
	}
	return nil
}
