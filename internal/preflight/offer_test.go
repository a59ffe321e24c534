package preflight

import (
	"context"
	"net/http"
	"strings"

	"github.com/kars-dev/kars/internal/azure/arm"
	"github.com/kars-dev/kars/internal/azure/graph"
	"github.com/kars-dev/kars/internal/plan"
)

// offer is what an azure has to give: everything, but for what a test changes.
type offer struct {
	features      map[string]string // states by name; Registered if missing
	usages        map[string][]arm.Usage
	sizes         map[string][]arm.VMSize
	versions      []string
	models        []arm.Model
	modelUsages   []arm.Usage
	held          []string // names that somebody has
	there         map[string]arm.Tree
	locks         []arm.Lock
	policies      []arm.PolicyAssignment
	restrictions  []arm.PolicyVerdict
	state         string // of the subscription
	owner         string // its tenant
	managedBy     []arm.TenantID
	eligibilities []arm.RoleEligibility
	activations   []arm.RoleActivation
	eligible      []graph.RoleInstance
	unlicensed    bool // the directory has no Privileged Identity Management
}

// sizesOf are the planned sizes as a region has them that has everything.
func sizesOf(vcpus map[string]int) []arm.VMSize {
	var out []arm.VMSize
	for name, n := range vcpus {
		out = append(out, arm.VMSize{Name: name, Family: "standardDASv5Family", VCPUs: n, EncryptionAtHost: true, Architecture: "x64", Zones: []string{"1", "2", "3"}})
	}
	return out
}

var plannedSizes = map[string]int{"Standard_D2as_v5": 2, "Standard_D4as_v5": 4}

func (a *azure) readsSubscription(ctx context.Context, action, subscription string) error {
	return a.refuse(ctx, action, arm.SubscriptionID(subscription))
}

func (a *azure) Features(ctx context.Context, id string) ([]arm.Feature, error) {
	var out []arm.Feature
	for _, f := range mustPlan(plan.Options{}).Features {
		state := a.features[f.Name]
		if state == "" {
			state = "Registered"
		}
		out = append(out, arm.Feature{Namespace: f.Namespace, Name: f.Name, State: state})
	}
	return out, a.readsSubscription(ctx, "Microsoft.Features/features/read", id)
}

func (a *azure) ComputeUsages(ctx context.Context, id, region string) ([]arm.Usage, error) {
	err := a.readsSubscription(ctx, "Microsoft.Compute/locations/usages/read", id)
	if own, ok := a.usages[region]; ok || err != nil {
		return own, err
	}
	return []arm.Usage{{Name: "cores", Limit: 100}, {Name: "standardDASv5Family", Limit: 100}, {Name: "standardNCFamily"}}, nil
}

func (a *azure) VMSizes(ctx context.Context, id, region string) ([]arm.VMSize, error) {
	err := a.readsSubscription(ctx, "Microsoft.Compute/skus/read", id)
	if own, ok := a.sizes[region]; ok || err != nil {
		return own, err
	}
	return append(sizesOf(plannedSizes), arm.VMSize{Name: "Standard_NC6", Family: "standardNCFamily", VCPUs: 6}), nil
}

func (a *azure) ModelUsages(ctx context.Context, id, _ string) ([]arm.Usage, error) {
	err := a.readsSubscription(ctx, "Microsoft.CognitiveServices/locations/usages/read", id)
	if a.modelUsages != nil || err != nil {
		return a.modelUsages, err
	}
	return []arm.Usage{{Name: "OpenAI.GlobalStandard.gpt-4.1", Limit: 1000}}, nil
}

func (a *azure) Models(ctx context.Context, id, _ string) ([]arm.Model, error) {
	err := a.readsSubscription(ctx, "Microsoft.CognitiveServices/locations/models/read", id)
	if a.models != nil || err != nil {
		return a.models, err
	}
	return []arm.Model{{Kind: "AIServices", Format: "OpenAI", Name: "gpt-4.1", SKUs: []arm.ModelSKU{{Name: "GlobalStandard"}}}}, nil
}

func (a *azure) KubernetesVersions(ctx context.Context, id, _ string) ([]arm.KubernetesVersion, error) {
	versions := a.versions
	if versions == nil {
		versions = []string{plan.KubernetesVersion}
	}
	var out []arm.KubernetesVersion
	for _, v := range versions {
		out = append(out, arm.KubernetesVersion{Version: v})
	}
	return out, a.readsSubscription(ctx, "Microsoft.ContainerService/locations/kubernetesVersions/read", id)
}

func (a *azure) CheckName(ctx context.Context, id, resourceType, name string) (arm.NameCheck, error) {
	action := strings.SplitN(resourceType, "/", 2)[0] + "/checkNameAvailability/read"
	if err := a.readsSubscription(ctx, action, id); err != nil {
		return arm.NameCheck{}, err
	}
	for _, held := range a.held {
		if held == name {
			return arm.NameCheck{Reason: "AlreadyExists", Message: "The name is already in use."}, nil
		}
	}
	return arm.NameCheck{Available: true}, nil
}

func (a *azure) Get(ctx context.Context, id, _ string) (arm.Tree, bool, error) {
	a.requests.Add(1)
	t, found := a.there[id]
	return t, found, ctx.Err()
}

func (a *azure) Subscription(ctx context.Context, id string) (arm.Subscription, error) {
	s := arm.Subscription{ID: id, TenantID: tenant, State: "Enabled", ManagedBy: a.managedBy}
	if a.state != "" {
		s.State = a.state
	}
	if a.owner != "" {
		s.TenantID = a.owner
	}
	return s, a.readsSubscription(ctx, "Microsoft.Resources/subscriptions/read", id)
}

func (a *azure) Locks(ctx context.Context, scope string) ([]arm.Lock, error) {
	return a.locks, a.refuse(ctx, "Microsoft.Authorization/locks/read", scope)
}

func (a *azure) PolicyAssignments(ctx context.Context, scope string) ([]arm.PolicyAssignment, error) {
	return a.policies, a.refuse(ctx, "Microsoft.Authorization/policyAssignments/read", scope)
}

func (a *azure) CheckPolicy(ctx context.Context, scope string, r arm.PolicyResource) ([]arm.PolicyVerdict, error) {
	var out []arm.PolicyVerdict
	for _, v := range a.restrictions {
		if v.ResourceID == r.ID {
			out = append(out, v)
		}
	}
	return out, a.refuse(ctx, "Microsoft.PolicyInsights/checkPolicyRestrictions/read", scope)
}

func (a *azure) RoleActivations(ctx context.Context, _ string) ([]arm.RoleActivation, error) {
	a.requests.Add(1)
	return a.activations, ctx.Err()
}

func (a *azure) RoleEligibilities(ctx context.Context, _ string) ([]arm.RoleEligibility, error) {
	a.requests.Add(1)
	return a.eligibilities, ctx.Err()
}

func (d directory) EligibleDirectoryRoles(context.Context) ([]graph.RoleInstance, error) {
	d.requests.Add(1)
	if d.unlicensed {
		return nil, &graph.Error{Status: http.StatusBadRequest, Code: "AadPremiumLicenseRequired"}
	}
	return d.eligible, nil
}
