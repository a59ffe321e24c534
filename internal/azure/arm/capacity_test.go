package arm_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kars-dev/kars/internal/azure/arm"
	"github.com/kars-dev/kars/internal/diagnose"
	"github.com/kars-dev/kars/localazure"
)

const (
	registryType = "Microsoft.ContainerRegistry/registries"
	vaultType    = "Microsoft.KeyVault/vaults"
	accountType  = "Microsoft.CognitiveServices/accounts"
	modelQuota   = "OpenAI.GlobalStandard.gpt4.1"
)

func setQuota(t *testing.T, c *arm.Client, subscription, region, name string, limit int) {
	t.Helper()
	id := arm.SubscriptionID(subscription) + "/providers/Microsoft.Compute/locations/" + region + "/providers/Microsoft.Quota/quotas/" + name
	_, err := c.Put(t.Context(), id, "2023-02-01", map[string]any{"properties": map[string]any{
		"limit": map[string]any{"limitObjectType": "LimitValue", "value": limit}, "name": map[string]any{"value": name},
	}})
	if err != nil {
		t.Fatal(err)
	}
}

func usage(t *testing.T, all []arm.Usage, name string) arm.Usage {
	t.Helper()
	i := slices.IndexFunc(all, func(u arm.Usage) bool { return u.Name == name })
	if i < 0 {
		t.Fatalf("no usage %s in %+v", name, all)
	}
	return all[i]
}

// template is a deployment of one resource.
func template(resources ...any) arm.Deployment {
	return arm.Deployment{Template: map[string]any{
		"$schema":        "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
		"contentVersion": "1.0.0.0", "resources": resources,
	}}
}

func clusterOf(region string, pools ...map[string]any) map[string]any {
	return map[string]any{
		"type": "Microsoft.ContainerService/managedClusters", "apiVersion": arm.ClusterVersion, "name": "kars-aks", "location": region,
		"identity":   map[string]any{"type": "SystemAssigned"},
		"properties": map[string]any{"agentPoolProfiles": pools},
	}
}

func poolOf(name, size string, count int) map[string]any {
	return map[string]any{"name": name, "mode": "System", "vmSize": size, "count": count}
}

func groupIn(t *testing.T, c *arm.Client, subscription string) string {
	t.Helper()
	if _, err := c.PutGroup(t.Context(), subscription, "g", "eastus2", nil); err != nil {
		t.Fatal(err)
	}
	return arm.GroupID(subscription, "g")
}

// refusedBy checks that an error's root has a code and holds words, and is
// diagnosed.
func refusedBy(t *testing.T, err error, code, words, diagnosis string) {
	t.Helper()
	var e *arm.Error
	if !errors.As(err, &e) || e.Root().Code != code || !strings.Contains(e.Root().Message, words) {
		t.Errorf("refused by %v, want %s with %q", err, code, words)
		return
	}
	if x := diagnose.Explain(e.Diagnosis()); x.ID != diagnosis {
		t.Errorf("%s is explained as %s, want %s", code, x.ID, diagnosis)
	}
}

func TestP13U41QuotasAreReadAndBindAClustersMachines(t *testing.T) {
	a := localAzure(t)
	c, _, _ := a.as(t, localazure.OwnerName)
	ctx, sub := t.Context(), a.SubscriptionID()
	group := groupIn(t, c, sub)
	all, err := c.ComputeUsages(ctx, sub, "eastus2")
	if err != nil {
		t.Fatal(err)
	}
	want := arm.Usage{Name: "standardDASv5Family", LocalizedName: "Standard DASv5 Family vCPUs", Limit: 100}
	if diff := cmp.Diff(want, usage(t, all, want.Name)); diff != "" {
		t.Errorf("usage (-want +got):\n%s", diff)
	}
	deploy := func(region string, pools ...map[string]any) error {
		return c.ValidateDeployment(ctx, group, "d", template(clusterOf(region, pools...)))
	}
	eight := []map[string]any{poolOf("system", "Standard_D4as_v5", 1), poolOf("claw", "Standard_D4as_v5", 1)}
	if err := deploy("eastus2", eight...); err != nil {
		t.Errorf("within the quotas: %v", err)
	}
	setQuota(t, c, sub, "eastus2", "standardDASv5Family", 7)
	refusedBy(t, deploy("eastus2", eight...), "ErrCode_InsufficientVCPUQuota",
		"requested 8, remaining 7 for family standardDASv5Family for region eastus2", "quota-exceeded")
	if err := deploy("westeurope", eight...); err != nil {
		t.Errorf("in another region: %v", err)
	}
	setQuota(t, c, sub, "westeurope", "cores", 4)
	refusedBy(t, deploy("westeurope", eight...), "ErrCode_InsufficientVCPUQuota",
		"left regional vcpu quota 4, requested quota 8", "quota-exceeded")
	_, err = c.BeginDeployment(ctx, group, "d", template(clusterOf("eastus2", eight...)))
	refusedBy(t, err, "ErrCode_InsufficientVCPUQuota", "remaining 7", "quota-exceeded")
}

func TestP14SizesAreReadAndTheirRestrictionsBindAClustersPools(t *testing.T) {
	a := localAzure(t)
	c, _, _ := a.as(t, localazure.OwnerName)
	ctx, sub := t.Context(), a.SubscriptionID()
	group := groupIn(t, c, sub)
	if err := errors.Join(
		a.RestrictSize("eastus2", "Standard_D4as_v5"),
		a.RestrictSize("eastus2", "Standard_D8as_v5", "1", "3"),
	); err != nil {
		t.Fatal(err)
	}
	all, err := c.VMSizes(ctx, sub, "eastus2")
	if err != nil {
		t.Fatal(err)
	}
	size := func(name string) arm.VMSize {
		i := slices.IndexFunc(all, func(s arm.VMSize) bool { return s.Name == name })
		if i < 0 {
			t.Fatalf("no size %s among %d", name, len(all))
		}
		return all[i]
	}
	zones := []string{"1", "2", "3"}
	for _, want := range []arm.VMSize{
		{Name: "Standard_D2as_v5", Family: "standardDASv5Family", VCPUs: 2, EncryptionAtHost: true, PremiumIO: true, Architecture: "x64", Zones: zones},
		{
			Name: "Standard_D4as_v5", Family: "standardDASv5Family", VCPUs: 4, EncryptionAtHost: true, PremiumIO: true, Architecture: "x64", Zones: zones,
			Restrictions: []arm.Restriction{{Type: arm.RestrictedLocation, Reason: "NotAvailableForSubscription"}},
		},
		{
			Name: "Standard_D8as_v5", Family: "standardDASv5Family", VCPUs: 8, EncryptionAtHost: true, PremiumIO: true, Architecture: "x64", Zones: zones,
			Restrictions: []arm.Restriction{{Type: arm.RestrictedZone, Reason: "NotAvailableForSubscription", Zones: []string{"1", "3"}}},
		},
		{Name: "Standard_A2_v2", Family: "standardAv2Family", VCPUs: 2, Architecture: "x64", Zones: zones},
		{Name: "Standard_D4ps_v5", Family: "standardDPSv5Family", VCPUs: 4, EncryptionAtHost: true, PremiumIO: true, Architecture: "Arm64", Zones: zones},
	} {
		if diff := cmp.Diff(want, size(want.Name)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", want.Name, diff)
		}
	}
	if open := size("Standard_D8as_v5").OpenZones(); !slices.Equal(open, []string{"2"}) {
		t.Errorf("open zones %v, want the second alone", open)
	}
	if reason, restricted := size("Standard_D4as_v5").RestrictedHere(); !restricted || reason != "NotAvailableForSubscription" {
		t.Errorf("restricted %t because of %q", restricted, reason)
	}
	if west, err := c.VMSizes(ctx, sub, "westus"); err != nil || len(west) == 0 || len(west[0].Zones) > 0 {
		t.Errorf("in a region without zones: %+v, %v", west, err)
	}

	deploy := func(pool map[string]any) error {
		return c.ValidateDeployment(ctx, group, "d", template(clusterOf("East US 2", pool)))
	}
	zonal := poolOf("system", "Standard_D8as_v5", 1)
	zonal["availabilityZones"] = []any{"1"}
	refusedBy(t, deploy(poolOf("system", "Standard_D4as_v5", 1)), "BadRequest", "is not allowed in your subscription in location 'eastus2'", "sku-not-available")
	refusedBy(t, deploy(poolOf("system", "Standard_Unheard_v9", 1)), "BadRequest", "is not allowed in your subscription", "sku-not-available")
	refusedBy(t, deploy(zonal), "AvailabilityZoneNotSupported", "The supported zones for location 'eastus2' are '2'", "sku-not-available")
	zonal["availabilityZones"] = []any{"2"}
	if err := errors.Join(deploy(zonal), deploy(poolOf("system", "Standard_D2as_v5", 1))); err != nil {
		t.Error(err)
	}
	if err := errors.Join(a.AllowSize("eastus2", "Standard_D4as_v5"), deploy(poolOf("system", "Standard_D4as_v5", 1))); err != nil {
		t.Errorf("once the restriction is lifted: %v", err)
	}
}

func TestP21U19U20U21EncryptionAtHostTakesItsFeatureAndTheProvidersRefresh(t *testing.T) {
	a := localAzure(t)
	c, _, _ := a.as(t, localazure.OwnerName)
	ctx, sub := t.Context(), a.SubscriptionID()
	group := groupIn(t, c, sub)
	const namespace, name = "Microsoft.Compute", "EncryptionAtHost"
	state := func() string {
		t.Helper()
		all, err := c.Features(ctx, sub)
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(all, func(f arm.Feature) bool { return f.Namespace == namespace && f.Name == name })
		one, found, err := c.FeatureState(ctx, sub, namespace, name)
		if err != nil || !found || i < 0 || all[i].State != one {
			t.Fatalf("state %q, found %t, %v, listed %+v", one, found, err, all)
		}
		return one
	}
	deploy := func(size string) error {
		pool := poolOf("system", size, 1)
		pool["enableEncryptionAtHost"] = true
		return c.ValidateDeployment(ctx, group, "d", template(clusterOf("eastus2", pool)))
	}
	if s, err := state(), deploy("Standard_D2as_v5"); s != "Registered" || err != nil {
		t.Errorf("in a new subscription the feature is %s, %v", s, err)
	}
	refusedBy(t, deploy("Standard_A2_v2"), "VMSizeDoesNotSupportEncryptionAtHost", "Standard_A2_v2", "size-without-encryption")
	path := arm.SubscriptionID(sub) + "/providers/Microsoft.Features/providers/" + namespace + "/features/" + name
	if err := c.Ask(ctx, path+"/unregister", "2021-07-01", nil, nil); err != nil {
		t.Fatal(err)
	}
	if s := state(); s != "Unregistered" {
		t.Errorf("unregistered, the feature is %s", s)
	}
	const code, words = "SubscriptionNotEnabledEncryptionAtHost", "does not enable EncryptionAtHost"
	refusedBy(t, deploy("Standard_D2as_v5"), code, words, "feature-not-registered")
	if err := c.RegisterFeature(ctx, sub, namespace, name); err != nil {
		t.Fatal(err)
	}
	if s := state(); s != "Registered" {
		t.Errorf("registered, the feature is %s", s)
	}
	refusedBy(t, deploy("Standard_D2as_v5"), code, words, "feature-not-registered")
	if _, err := c.RegisterProvider(ctx, sub, namespace); err != nil {
		t.Fatal(err)
	}
	if err := deploy("Standard_D2as_v5"); err != nil {
		t.Errorf("once the provider was registered again: %v", err)
	}
	if _, found, err := c.FeatureState(ctx, sub, namespace, "NoSuchFeature"); err != nil || found {
		t.Errorf("a feature that there is not: found %t, %v", found, err)
	}
}

func modelDeployment(account string, capacity int) map[string]any {
	return map[string]any{
		"type": accountType + "/deployments", "apiVersion": "2025-06-01", "name": account + "/gpt-4.1", "dependsOn": []any{account},
		"sku":        map[string]any{"name": "GlobalStandard", "capacity": capacity},
		"properties": map[string]any{"model": map[string]any{"format": "OpenAI", "name": "gpt-4.1"}},
	}
}

func accountOf(name, region string) map[string]any {
	return map[string]any{
		"type": accountType, "apiVersion": "2025-06-01", "name": name, "location": region, "kind": "AIServices",
		"sku": map[string]any{"name": "S0"}, "properties": map[string]any{"customSubDomainName": name},
	}
}

func deploy(ctx context.Context, c *arm.Client, scope string, d arm.Deployment) error {
	o, err := c.BeginDeployment(ctx, scope, "d", d)
	if err == nil {
		_, err = o.Wait(ctx)
	}
	return err
}

func TestP15U41ModelQuotaIsReadAndBindsDeployments(t *testing.T) {
	a := localAzure(t)
	c, _, _ := a.as(t, localazure.OwnerName)
	ctx, sub := t.Context(), a.SubscriptionID()
	group := groupIn(t, c, sub)
	models, err := c.Models(ctx, sub, "eastus2")
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(models, func(m arm.Model) bool { return m.Name == "gpt-4.1" && m.Kind == "AIServices" && m.Default })
	if i < 0 {
		t.Fatalf("no gpt-4.1 in %+v", models)
	}
	want := arm.ModelSKU{Name: "GlobalStandard", UsageName: modelQuota, DefaultCapacity: 10, MaximumCapacity: 1000}
	if m := models[i]; m.Lifecycle != "GenerallyAvailable" || m.Version != "2025-04-14" || !slices.Contains(m.SKUs, want) {
		t.Errorf("model %+v, want %+v in it", m, want)
	}
	left := func() int64 {
		t.Helper()
		all, err := c.ModelUsages(ctx, sub, "eastus2")
		if err != nil {
			t.Fatal(err)
		}
		return usage(t, all, modelQuota).Left()
	}
	if err := a.SetModelQuota("eastus2", modelQuota, 20); err != nil {
		t.Fatal(err)
	}
	if err := deploy(ctx, c, group, template(accountOf("kars-ai", "eastus2"), modelDeployment("kars-ai", 15))); err != nil {
		t.Fatal(err)
	}
	if n := left(); n != 5 {
		t.Errorf("%d are left, want 5", n)
	}
	more := accountOf("kars-more", "eastus2")
	refusedBy(t, c.ValidateDeployment(ctx, group, "v", template(more, modelDeployment("kars-more", 6))), "InsufficientQuota",
		"require 6 new capacity in quota Tokens Per Minute (thousands) - gpt-4.1 - GlobalStandard, which is bigger than the current available capacity 5", "model-quota-exceeded")
	if err := c.ValidateDeployment(ctx, group, "v", template(more, modelDeployment("kars-more", 5))); err != nil {
		t.Errorf("as much as is left: %v", err)
	}
	id := group + "/providers/" + accountType + "/kars-ai"
	gone, err := c.Delete(ctx, id, "2025-06-01")
	if err == nil {
		_, err = gone.Wait(ctx)
	}
	if err != nil {
		t.Fatal(err)
	}
	if n := left(); n != 5 {
		t.Errorf("after the account was deleted with its deployment, %d are left, want 5 until it is purged", n)
	}
	purge := arm.SubscriptionID(sub) + "/providers/Microsoft.CognitiveServices/locations/eastus2/resourceGroups/g/deletedAccounts/kars-ai"
	if _, err := c.Delete(ctx, purge, "2025-06-01"); err != nil {
		t.Fatal(err)
	}
	if n := left(); n != 20 {
		t.Errorf("after it was purged %d are left, want 20", n)
	}
}

func TestP18ARegionWithoutAModelListsNone(t *testing.T) {
	a := localAzure(t)
	c, _, _ := a.as(t, localazure.OwnerName)
	ctx, sub := t.Context(), a.SubscriptionID()
	group := groupIn(t, c, sub)
	if models, err := c.Models(ctx, sub, "westus2"); err != nil || len(models) > 0 {
		t.Errorf("models in westus2: %+v, %v", models, err)
	}
	refusedBy(t, c.ValidateDeployment(ctx, group, "v", template(accountOf("kars-far", "westus2"), modelDeployment("kars-far", 1))),
		"DeploymentModelNotSupported", "gpt-4.1", "model-not-offered")
	providers, err := c.Providers(ctx, sub)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(providers, func(p arm.Provider) bool { return p.Namespace == "Microsoft.ContainerService" })
	if i < 0 {
		t.Fatalf("no Microsoft.ContainerService in %+v", providers)
	}
	j := slices.IndexFunc(providers, func(p arm.Provider) bool { return p.Namespace == "Microsoft.CognitiveServices" })
	if projects, found := providers[j].Type("accounts/projects"); !found || !projects.In("eastus2") || projects.In("ukwest") {
		t.Errorf("projects of Foundry: found %t, %v", found, projects.Locations)
	}
	clusters, found := providers[i].Type("managedclusters")
	if !found || !clusters.In("eastus2") || !clusters.In("East US 2") || clusters.In("atlantis") {
		t.Errorf("managed clusters: found %t, %v", found, clusters.Locations)
	}
}

func TestP16NamesThatOthersTookAreReadAndRefused(t *testing.T) {
	a := localAzure(t)
	c, _, _ := a.as(t, localazure.OwnerName)
	ctx, sub := t.Context(), a.SubscriptionID()
	group := groupIn(t, c, sub)
	registry := map[string]any{
		"type": registryType, "apiVersion": "2023-07-01", "name": "karstaken", "location": "eastus2", "sku": map[string]any{"name": "Basic"},
	}
	vault := map[string]any{
		"type": vaultType, "apiVersion": "2023-07-01", "name": "karstaken", "location": "eastus2",
		"properties": map[string]any{"tenantId": a.TenantID(), "sku": map[string]any{"family": "A", "name": "standard"}, "enableRbacAuthorization": true},
	}
	for _, test := range []struct {
		resourceType, code, diagnosis string
		resource                      map[string]any
		early                         bool // the validation of a deployment refuses it
	}{
		{registryType, "AlreadyInUse", "name-taken", registry, true},
		{vaultType, "VaultAlreadyExists", "vault-soft-deleted", vault, false},
		{accountType, "CustomDomainInUse", "domain-in-use", accountOf("karstaken", "eastus2"), true},
	} {
		t.Run(test.resourceType, func(t *testing.T) {
			check := func() arm.NameCheck {
				t.Helper()
				got, err := c.CheckName(ctx, sub, test.resourceType, "karsTaken")
				if err != nil {
					t.Fatal(err)
				}
				return got
			}
			if got := check(); !got.Available {
				t.Errorf("at first: %+v", got)
			}
			if err := a.ReserveName(test.resourceType, "karstaken"); err != nil {
				t.Fatal(err)
			}
			if got := check(); got.Available || got.Message == "" {
				t.Errorf("once somebody took it: %+v", got)
			}
			refusedBy(t, deploy(ctx, c, group, template(test.resource)), test.code, "", test.diagnosis)
			err := c.ValidateDeployment(ctx, group, "v", template(test.resource))
			if test.early {
				refusedBy(t, err, test.code, "", test.diagnosis)
			} else if err != nil {
				t.Errorf("validating: %v", err)
			}
			if err := a.ReleaseName(test.resourceType, "karstaken"); err != nil {
				t.Fatal(err)
			}
			if err := deploy(ctx, c, group, template(test.resource)); err != nil {
				t.Errorf("once it is free: %v", err)
			}
			if got := check(); got.Available {
				t.Errorf("once it is ours: %+v", got)
			}
		})
	}
	if got, err := c.CheckName(ctx, sub, registryType, "no-hyphens"); err != nil || got.Available || got.Reason != "Invalid" {
		t.Errorf("a name against the rules: %+v, %v", got, err)
	}
	if got, err := c.CheckName(ctx, sub, "Microsoft.Network/virtualNetworks", "any"); err != nil || !got.Available {
		t.Errorf("a name that others may have too: %+v, %v", got, err)
	}
}

func TestP16ASoftDeletedNameIsReadAsTaken(t *testing.T) {
	a := localAzure(t)
	c, _, _ := a.as(t, localazure.OwnerName)
	ctx, sub := t.Context(), a.SubscriptionID()
	group := groupIn(t, c, sub)
	if err := deploy(ctx, c, group, template(accountOf("kars-ai", "eastus2"))); err != nil {
		t.Fatal(err)
	}
	gone, err := c.Delete(ctx, group+"/providers/"+accountType+"/kars-ai", "2025-06-01")
	if err == nil {
		_, err = gone.Wait(ctx)
	}
	if err != nil {
		t.Fatal(err)
	}
	if got, err := c.CheckName(ctx, sub, accountType, "kars-ai"); err != nil || got.Available {
		t.Errorf("the deleted account's subdomain: %+v, %v", got, err)
	}
	again := accountOf("kars-ai", "eastus2")
	refusedBy(t, c.ValidateDeployment(ctx, group, "v", template(again)), "FlagMustBeSetForRestore", "soft-deleted", "account-soft-deleted")
	again["properties"].(map[string]any)["restore"] = true
	if err := errors.Join(c.ValidateDeployment(ctx, group, "v", template(again)), deploy(ctx, c, group, template(again))); err != nil {
		t.Errorf("restoring it: %v", err)
	}
}

func TestP19TheVersionsOfKubernetesAreRead(t *testing.T) {
	a := localAzure(t)
	c, _, _ := a.as(t, localazure.OwnerName)
	versions, err := c.KubernetesVersions(t.Context(), a.SubscriptionID(), "eastus2")
	if err != nil || len(versions) != 1 || !versions[0].Default || len(versions[0].Patches) != 1 {
		t.Errorf("versions %+v, %v", versions, err)
	}
}

func TestCapacityTakesItsPermissionsAndARegisteredProvider(t *testing.T) {
	a := localAzure(t)
	owner, _, _ := a.as(t, localazure.OwnerName)
	a.add(t, localazure.Principal{Name: "nobody", Type: "sp", Roles: []localazure.Role{{Role: "AcrPull"}}})
	nobody, _, _ := a.as(t, "nobody")
	ctx, sub := t.Context(), a.SubscriptionID()
	for action, ask := range map[string]func(*arm.Client) error{
		"Microsoft.Compute/locations/usages/read":                    func(c *arm.Client) error { _, err := c.ComputeUsages(ctx, sub, "eastus2"); return err },
		"Microsoft.Compute/skus/read":                                func(c *arm.Client) error { _, err := c.VMSizes(ctx, sub, "eastus2"); return err },
		"Microsoft.CognitiveServices/locations/usages/read":          func(c *arm.Client) error { _, err := c.ModelUsages(ctx, sub, "eastus2"); return err },
		"Microsoft.CognitiveServices/locations/models/read":          func(c *arm.Client) error { _, err := c.Models(ctx, sub, "eastus2"); return err },
		"Microsoft.CognitiveServices/checkDomainAvailability/action": func(c *arm.Client) error { _, err := c.CheckName(ctx, sub, accountType, "a"); return err },
		"Microsoft.ContainerRegistry/checkNameAvailability/read":     func(c *arm.Client) error { _, err := c.CheckName(ctx, sub, registryType, "abcde"); return err },
		"Microsoft.KeyVault/checkNameAvailability/read":              func(c *arm.Client) error { _, err := c.CheckName(ctx, sub, vaultType, "abcde"); return err },
		"Microsoft.Features/features/read":                           func(c *arm.Client) error { _, err := c.Features(ctx, sub); return err },
		"Microsoft.Features/providers/features/register/action":      func(c *arm.Client) error { return c.RegisterFeature(ctx, sub, "Microsoft.Compute", "UltraSSD") },
	} {
		var e *arm.Error
		if err := ask(nobody); !errors.As(err, &e) || e.Action != action {
			t.Errorf("without permission: %v, want that %s is missing", err, action)
		}
		if err := ask(owner); err != nil {
			t.Errorf("%s: %v", action, err)
		}
		namespace, _, _ := strings.Cut(action, "/")
		if namespace == "Microsoft.Features" {
			continue
		}
		path := arm.SubscriptionID(sub) + "/providers/" + namespace
		if err := owner.Ask(ctx, path+"/unregister", "2021-04-01", nil, nil); err != nil {
			t.Fatal(err)
		}
		if err := ask(owner); !arm.HasCode(err, "MissingSubscriptionRegistration") {
			t.Errorf("%s while the provider is not registered: %v", action, err)
		}
		if _, err := owner.RegisterProvider(ctx, sub, namespace); err != nil {
			t.Fatal(err)
		}
	}
}
