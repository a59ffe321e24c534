package preflight

import (
	"context"
	"slices"
	"strings"

	"github.com/kars-dev/kars/internal/azure/arm"
	"github.com/kars-dev/kars/internal/plan"
)

// Offers are what the subscription and the region have to give.
type Offers struct {
	// Features are the states of the plan's preview features by plan.Feature.ID
	// in lower case; one that Azure does not know is missing.
	Features Fact[map[string]string] `json:"features"`
	// Usages are the quotas of virtual CPUs: in all, and of the planned families.
	Usages Fact[[]arm.Usage] `json:"usages"`
	// Sizes are the planned sizes, as the region has them.
	Sizes Fact[[]arm.VMSize] `json:"sizes"`
	// Nearby are other regions by name, the nearest first in [nearby]; asked only
	// where this one does not suffice.
	Nearby      map[string]Region `json:"nearby,omitempty"`
	ModelUsages Fact[[]arm.Usage] `json:"modelUsages"` // the planned one's quota
	Models      Fact[[]arm.Model] `json:"models"`      // the planned one's versions
	// Deployments are the names of those in the model's account; nil if nobody
	// asked, as where there can be none yet.
	Deployments *Fact[[]string]               `json:"deployments,omitempty"`
	Versions    Fact[[]arm.KubernetesVersion] `json:"versions"`
	Names       map[string]Fact[Name]         `json:"names,omitempty"` // by plan.GlobalName.ResourceID
	Cluster     Fact[Cluster]                 `json:"cluster"`         // if the group is there
}

// Region is what another region has to give.
type Region struct {
	Usages Fact[[]arm.Usage]  `json:"usages"`
	Sizes  Fact[[]arm.VMSize] `json:"sizes"`
}

// Name is whether a name can be had, and if not, who has it.
type Name struct {
	arm.NameCheck
	Own     bool `json:"own,omitempty"`     // the plan's resource, which is there
	Deleted bool `json:"deleted,omitempty"` // the plan's resource, soft-deleted
}

// Cluster is the plan's cluster as it is now.
type Cluster struct {
	Exists  bool   `json:"exists,omitempty"`
	Version string `json:"version,omitempty"` // of Kubernetes, as "1.36.3"
	Pools   []Pool `json:"pools,omitempty"`
}

// Pool is a node pool that is there.
type Pool struct {
	Name  string `json:"name"`
	Size  string `json:"size"`
	Count int    `json:"count"`
}

// Offering is what preflight asks about what there is to have.
type Offering interface {
	Get(ctx context.Context, id, version string) (resource arm.Tree, found bool, err error)
	Features(ctx context.Context, subscription string) ([]arm.Feature, error)
	ComputeUsages(ctx context.Context, subscription, region string) ([]arm.Usage, error)
	VMSizes(ctx context.Context, subscription, region string) ([]arm.VMSize, error)
	ModelUsages(ctx context.Context, subscription, region string) ([]arm.Usage, error)
	Models(ctx context.Context, subscription, region string) ([]arm.Model, error)
	KubernetesVersions(ctx context.Context, subscription, region string) ([]arm.KubernetesVersion, error)
	CheckName(ctx context.Context, subscription, resourceType, name string) (arm.NameCheck, error)
}

// offers asks what needs no other fact.
func (g *gatherer) offers(ctx context.Context) []func() {
	p := g.options.Plan
	asks := []func(){
		func() { g.features(ctx) },
		func() { g.versions(ctx) },
		func() {
			here := g.region(ctx, p.Options.Region)
			g.set(func(f *Facts) { f.Usages, f.Sizes = here.Usages, here.Sizes })
		},
	}
	if p.Model != nil {
		asks = append(asks, func() { g.model(ctx) })
	}
	for _, n := range p.GlobalNames {
		asks = append(asks, func() { g.name(ctx, n) })
	}
	return asks
}

// held asks who holds the names that cannot be had, and what cluster is there.
func (g *gatherer) held(ctx context.Context) []func() {
	p := g.options.Plan
	var asks []func()
	there := g.facts.groupMayExist()
	for _, n := range p.GlobalNames {
		if name, asked := g.facts.Names[n.ResourceID]; asked && name.Unread == nil && !name.Value.Available {
			asks = append(asks, func() { g.holder(ctx, n, name.Value, there) })
		}
	}
	if there {
		asks = append(asks, func() { g.cluster(ctx) })
	}
	if g.deploymentsMatter() {
		asks = append(asks, func() { g.deployments(ctx) })
	}
	return asks
}

// region asks for a region's quotas and sizes, which are one question to it:
// only together do they say whether nodes fit. Of some hundred rows it keeps
// those that the plan's nodes are about.
func (g *gatherer) region(ctx context.Context, name string) Region {
	var r Region
	p := g.options.Plan
	all(func() {
		usages, err := g.options.ARM.ComputeUsages(ctx, p.SubscriptionID, name)
		r.Usages = read(ctx, "the vCPU quotas in "+name, usages, err)
	}, func() {
		sizes, err := g.options.ARM.VMSizes(ctx, p.SubscriptionID, name)
		sizes = slices.DeleteFunc(sizes, func(s arm.VMSize) bool {
			return !slices.ContainsFunc(p.Machines, func(m plan.Machine) bool { return strings.EqualFold(m.Size, s.Name) })
		})
		r.Sizes = read(ctx, "the virtual machine sizes of "+name, sizes, err)
	})
	r.Usages.Value = slices.DeleteFunc(r.Usages.Value, func(u arm.Usage) bool {
		return u.Name != totalCores && !slices.ContainsFunc(r.Sizes.Value, func(s arm.VMSize) bool { return strings.EqualFold(s.Family, u.Name) })
	})
	return r
}

// nearby asks the nearest other regions what they have.
func (g *gatherer) nearby(ctx context.Context) []func() {
	var asks []func()
	for _, name := range nearby(g.options.Plan.Options.Region) {
		asks = append(asks, func() {
			there := g.region(ctx, name)
			g.set(func(f *Facts) {
				if f.Nearby == nil {
					f.Nearby = map[string]Region{}
				}
				f.Nearby[name] = there
			})
		})
	}
	return asks
}

func (g *gatherer) features(ctx context.Context) {
	p := g.options.Plan
	if len(p.Features) == 0 {
		return
	}
	all, err := g.options.ARM.Features(ctx, p.SubscriptionID)
	states := map[string]string{}
	for _, have := range all {
		id := strings.ToLower(have.Namespace + "/" + have.Name)
		if slices.ContainsFunc(p.Features, func(f plan.Feature) bool { return strings.EqualFold(f.ID(), id) }) {
			states[id] = have.State
		}
	}
	fact := read(ctx, "the preview features of the subscription", states, err)
	g.set(func(f *Facts) { f.Features = fact })
}

func (g *gatherer) versions(ctx context.Context) {
	p := g.options.Plan
	list, err := g.options.ARM.KubernetesVersions(ctx, p.SubscriptionID, p.Options.Region)
	fact := read(ctx, "the Kubernetes versions of "+p.Options.Region, list, err)
	g.set(func(f *Facts) { f.Versions = fact })
}

// model asks for the model's versions and its quotas, whose names the versions
// say.
func (g *gatherer) model(ctx context.Context) {
	p := g.options.Plan
	region := p.Options.Region
	var models Fact[[]arm.Model]
	var usages Fact[[]arm.Usage]
	all(func() {
		list, err := g.options.ARM.Models(ctx, p.SubscriptionID, region)
		list = slices.DeleteFunc(list, func(m arm.Model) bool { return !strings.EqualFold(m.Name, p.Model.Model) })
		models = read(ctx, "the models of "+region, list, err)
	}, func() {
		list, err := g.options.ARM.ModelUsages(ctx, p.SubscriptionID, region)
		usages = read(ctx, "the model quotas in "+region, list, err)
	})
	quota := quotaOf(*p.Model, models.Value)
	usages.Value = slices.DeleteFunc(usages.Value, func(u arm.Usage) bool { return !strings.EqualFold(u.Name, quota) })
	g.set(func(f *Facts) { f.Models, f.ModelUsages = models, usages })
}

func (g *gatherer) name(ctx context.Context, n plan.GlobalName) {
	check, err := g.options.ARM.CheckName(ctx, g.options.Plan.SubscriptionID, n.Type, n.Name)
	g.setName(n, read(ctx, "whether the name "+n.Name+" is free", Name{NameCheck: check}, err))
}

// holder asks whether the plan's own resource, where its group may be there, or
// its soft-deleted remains hold a name. A vault is recovered to where it was: remains of another group's are
// not the plan's.
// learn.microsoft.com/azure/key-vault/general/soft-delete-overview
func (g *gatherer) holder(ctx context.Context, n plan.GlobalName, name Name, there bool) {
	p := g.options.Plan
	i := slices.IndexFunc(p.Resources, func(r plan.Resource) bool { return r.ID == n.ResourceID })
	if i < 0 {
		return
	}
	resource := p.Resources[i]
	what := "who holds the name " + n.Name
	if there {
		_, found, err := g.options.ARM.Get(ctx, resource.ID, resource.APIVersion)
		name.Own = found
		if err != nil || found {
			g.setName(n, read(ctx, what, name, err))
			return
		}
	}
	deleted, keeps := p.DeletedID(resource)
	if !keeps {
		return
	}
	remains, found, err := g.options.ARM.Get(ctx, deleted, resource.APIVersion)
	properties, _ := remains["properties"].(map[string]any)
	was, _ := properties["vaultId"].(string)
	name.Deleted = found && (was == "" || strings.EqualFold(was, resource.ID))
	g.setName(n, read(ctx, what, name, err))
}

func (g *gatherer) setName(n plan.GlobalName, fact Fact[Name]) {
	g.set(func(f *Facts) { f.Names[n.ResourceID] = fact })
}

func (g *gatherer) cluster(ctx context.Context) {
	tree, found, err := g.options.ARM.Get(ctx, g.options.Plan.ClusterID(), arm.ClusterVersion)
	fact := read(ctx, "the cluster", clusterOf(tree, found), err)
	g.set(func(f *Facts) { f.Cluster = fact })
}

func clusterOf(tree arm.Tree, found bool) Cluster {
	c := Cluster{Exists: found}
	properties, _ := tree["properties"].(map[string]any)
	if c.Version, _ = properties["currentKubernetesVersion"].(string); c.Version == "" {
		c.Version, _ = properties["kubernetesVersion"].(string)
	}
	pools, _ := properties["agentPoolProfiles"].([]any)
	for _, item := range pools {
		t, _ := item.(map[string]any)
		name, _ := t["name"].(string)
		size, _ := t["vmSize"].(string)
		count, _ := t["count"].(float64)
		c.Pools = append(c.Pools, Pool{Name: name, Size: size, Count: int(count)})
	}
	return c
}
