package localazure_test

import (
	"maps"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kars-dev/kars/localazure"
)

// compute is the path of Microsoft.Compute in a region.
func (w *world) compute() string {
	return w.subscription() + "/providers/Microsoft.Compute/locations/eastus2"
}

func (w *world) setQuota(name string, limit int) {
	w.Helper()
	w.must("PUT", w.compute()+"/providers/Microsoft.Quota/quotas/"+name, object{
		"properties": object{"limit": object{"limitObjectType": "LimitValue", "value": limit}},
	})
}

// usage returns what is used of a quota, and its limit.
func (w *world) usage(path, name string) (current, limit float64) {
	w.Helper()
	for _, u := range w.must("GET", path+"/usages", nil)["value"].([]any) {
		if u := u.(object); u["name"].(object)["value"] == name {
			return u["currentValue"].(float64), u["limit"].(float64)
		}
	}
	w.Fatalf("no usage %s at %s", name, path)
	return 0, 0
}

// pools returns the site's cluster with other counts of nodes.
func (s site) pools(system, sandbox int, change func(pool object)) object {
	body := s.body()
	for i, raw := range body["properties"].(object)["agentPoolProfiles"].([]any) {
		pool := raw.(object)
		pool["count"] = []int{system, sandbox}[i]
		if change != nil {
			change(pool)
		}
	}
	return body
}

func TestP13TheMachinesOfClustersAreCountedAndNoMoreThanTheQuotaIsMade(t *testing.T) {
	w := openWorld(t, localazure.Options{Dir: t.TempDir(), Clusters: newMachines()})
	s := w.site()
	w.grant(s)
	const family = "standardDASv5Family"
	w.setQuota(family, 16)
	w.must("PUT", s.cluster, s.pools(1, 1, nil))
	used := func(want map[string]float64) {
		t.Helper()
		got := map[string]float64{}
		for name := range want {
			got[name], _ = w.usage(w.compute(), name)
		}
		if !maps.Equal(got, want) {
			t.Errorf("used %v, want %v", got, want)
		}
	}
	used(map[string]float64{family: 8, "cores": 8, "standardDSv5Family": 0, "virtualMachines": 2, "virtualMachineScaleSets": 2, "lowPriorityCores": 0})

	refused := func(want, words string, body object) {
		t.Helper()
		status, tree := w.do(w.owner, "PUT", s.cluster, body)
		if status != 400 || code(tree) != want || !strings.Contains(message(tree), words) {
			t.Errorf("%d %v, want 400 %s with %q", status, tree, want, words)
		}
	}
	refused("ErrCode_InsufficientVCPUQuota", "requested 12, remaining 8 for family "+family, s.pools(2, 3, nil))
	w.must("PUT", s.cluster, s.pools(2, 2, nil))
	used(map[string]float64{family: 16, "cores": 16})
	// What is there stays, also beyond a quota that was lowered since.
	w.setQuota(family, 4)
	w.must("PUT", s.cluster, s.pools(1, 2, nil))
	refused("ErrCode_InsufficientVCPUQuota", "requested 4, remaining 0", s.pools(2, 2, nil))
	w.setQuota("cores", 12)
	w.setQuota(family, 100)
	refused("ErrCode_InsufficientVCPUQuota", "left regional vcpu quota 0, requested quota 4", s.pools(2, 2, nil))

	w.setQuota("cores", 100)
	w.must("PUT", s.cluster, s.pools(1, 2, func(pool object) {
		if pool["name"] == "clawpool" {
			pool["scaleSetPriority"] = "Spot"
		}
	}))
	used(map[string]float64{family: 4, "cores": 4, "lowPriorityCores": 8})
	w.must("DELETE", s.cluster, nil)
	used(map[string]float64{family: 0, "cores": 0, "lowPriorityCores": 0, "virtualMachines": 0})
}

func TestAQuotaIsReadAndSetByItsName(t *testing.T) {
	w := newWorld(t)
	quotas := w.compute() + "/providers/Microsoft.Quota/quotas"
	w.setQuota("CORES", 42)
	if q := w.must("GET", quotas+"/cores", nil)["properties"].(object); q["limit"].(object)["value"] != 42.0 {
		t.Errorf("quota %v, want a limit of 42", q)
	}
	if list := w.must("GET", quotas, nil)["value"].([]any); len(list) < 10 {
		t.Errorf("%d quotas are listed", len(list))
	}
	if _, limit := w.usage(w.compute(), "cores"); limit != 42 {
		t.Errorf("the limit among usages is %v, want 42", limit)
	}
	limit := func(value any) object { return object{"properties": object{"limit": object{"value": value}}} }
	w.refused("PUT", quotas+"/none", limit(1), "InvalidResourceName")
	w.refused("PUT", quotas+"/cores", limit(-1), "InvalidRequest")
	w.refused("PUT", quotas+"/cores", limit("many"), "InvalidRequest")
	elsewhere := w.subscription() + "/providers/Microsoft.Storage/locations/eastus2/providers/Microsoft.Quota/quotas/x"
	w.refused("PUT", elsewhere, limit(1), "InvalidScope")
	w.refused("GET", w.subscription()+"/providers/Microsoft.Compute/locations/atlantis/usages", nil, "InvalidParameter")

	reader := w.principal("reader", "sp", "Reader")
	if status, tree := w.do(reader, "PUT", quotas+"/cores", limit(1)); status != 403 || !strings.Contains(message(tree), "Microsoft.Quota/quotas/write") {
		t.Errorf("a reader asks for more: %d %v", status, tree)
	}
}

func TestP14APoolOfARestrictedSizeStaysButNoneIsMade(t *testing.T) {
	w := openWorld(t, localazure.Options{Dir: t.TempDir(), Clusters: newMachines()})
	s := w.site()
	w.grant(s)
	w.must("PUT", s.cluster, s.pools(1, 1, nil))
	if err := w.server.RestrictSize("eastus2", "Standard_D4as_v5"); err != nil {
		t.Fatal(err)
	}
	w.must("PUT", s.cluster, s.pools(1, 2, nil))
	w.must("DELETE", s.cluster, nil)
	w.refused("PUT", s.cluster, s.pools(1, 1, nil), "BadRequest")
	if err := w.server.RestrictSize("eastus2", "Standard_D4as_v5", "1", "2", "3"); err != nil {
		t.Fatal(err)
	}
	w.refused("PUT", s.cluster, s.pools(1, 1, nil), "BadRequest")
	if err := w.server.RestrictSize("eastus2", "Standard_None"); err == nil {
		t.Error("a size that there is not was restricted")
	}
}

func TestU20AFeatureIsRegisteringForAWhile(t *testing.T) {
	var passed atomic.Int64 // since the test began
	began := time.Now()
	w := openWorld(t, localazure.Options{
		Dir: t.TempDir(), Clusters: newMachines(), FeatureDelay: 10 * time.Minute,
		Now: func() time.Time { return began.Add(time.Duration(passed.Load())) },
	})
	pass := func(d time.Duration) { passed.Add(int64(d)) }
	s := w.site()
	w.grant(s)
	encrypted := s.pools(1, 1, func(pool object) { pool["enableEncryptionAtHost"] = true })
	path := w.subscription() + "/providers/Microsoft.Features/providers/Microsoft.Compute/features/EncryptionAtHost"
	provider := w.subscription() + "/providers/Microsoft.Compute/register"
	state := func(want string) {
		t.Helper()
		if got := w.must("GET", path, nil)["properties"].(object)["state"]; got != want {
			t.Errorf("the feature is %v, want %s", got, want)
		}
	}
	state("Registered")
	w.must("POST", path+"/unregister", nil)
	state("Unregistering")
	pass(10 * time.Minute)
	state("Unregistered")
	w.must("POST", path+"/register", nil)
	state("Registering")
	pass(9 * time.Minute)
	w.must("POST", path+"/register", nil) // asking again does not begin anew
	w.must("POST", provider, nil)         // too early for the provider to learn of it
	pass(time.Minute)
	state("Registered")
	const refused = "SubscriptionNotEnabledEncryptionAtHost"
	w.refused("PUT", s.cluster, encrypted, refused)
	w.must("POST", provider, nil)
	w.must("PUT", s.cluster, encrypted)
	registration := w.subscription() + "/providers/Microsoft.Features/featureProviders/Microsoft.Compute/subscriptionFeatureRegistrations/UltraSSD"
	if p := w.must("PUT", registration, object{})["properties"].(object); p["state"] != "Registering" || p["featureName"] != "UltraSSD" {
		t.Errorf("registration %v", p)
	}
	w.refused("POST", w.subscription()+"/providers/Microsoft.Features/providers/Microsoft.Compute/features/None/register", nil, "FeatureNotFound")
}

func TestP15ADeploymentIsChangedWithinItsModelsQuota(t *testing.T) {
	w := newWorld(t)
	group := w.group("g")
	models := w.subscription() + "/providers/Microsoft.CognitiveServices/locations/eastus2"
	account := group + "/providers/Microsoft.CognitiveServices/accounts/kars-ai"
	w.must("PUT", account, object{
		"location": "eastus2", "kind": "AIServices", "sku": object{"name": "S0"}, "properties": object{"customSubDomainName": "kars-ai"},
	})
	const name = "OpenAI.GlobalStandard.gpt4.1"
	if err := w.server.SetModelQuota("East US 2", name, 30); err != nil {
		t.Fatal(err)
	}
	put := func(deployment, sku string, capacity int) (int, object) {
		return w.do(w.owner, "PUT", account+"/deployments/"+deployment, object{
			"sku":        object{"name": sku, "capacity": capacity},
			"properties": object{"model": object{"format": "OpenAI", "name": "gpt-4.1", "version": "2025-04-14"}},
		})
	}
	for _, step := range []struct {
		says, deployment, sku string
		capacity              int
		code                  string
		used                  float64
	}{
		{"the first takes twenty", "first", "GlobalStandard", 20, "", 20},
		{"a second finds ten", "second", "GlobalStandard", 11, "InsufficientQuota", 20},
		{"another kind of deployment has a quota of its own", "zone", "DataZoneStandard", 11, "", 20},
		{"the first grows by what is left", "first", "GlobalStandard", 30, "", 30},
		{"and no further", "first", "GlobalStandard", 31, "InsufficientQuota", 30},
		{"it shrinks", "first", "GlobalStandard", 5, "", 5},
	} {
		status, tree := put(step.deployment, step.sku, step.capacity)
		if code(tree) != step.code || (status < 300) != (step.code == "") {
			t.Errorf("%s: %d %v", step.says, status, tree)
		}
		if used, limit := w.usage(models, name); used != step.used || limit != 30 {
			t.Errorf("%s: %v of %v are used, want %v of 30", step.says, used, limit, step.used)
		}
	}
	if err := w.server.SetModelQuota("eastus2", "OpenAI.GlobalStandard.none", 1); err == nil {
		t.Error("the quota of a model that there is not was set")
	}
	if err := w.server.ReserveName("Microsoft.Network/virtualNetworks", "x"); err == nil {
		t.Error("a name was reserved that is not one in the cloud")
	}
}

func TestP18WhatARegionDoesNotOfferIsNotMadeThere(t *testing.T) {
	w := newWorld(t)
	account := w.group("g") + "/providers/Microsoft.CognitiveServices/accounts/kars-ai"
	w.must("PUT", account, object{
		"location": "ukwest", "kind": "AIServices", "sku": object{"name": "S0"},
		"properties": object{"customSubDomainName": "kars-ai", "allowProjectManagement": true},
	})
	project := object{"location": "ukwest", "identity": object{"type": "SystemAssigned"}, "properties": object{}}
	w.refused("PUT", account+"/projects/kars", project, "LocationNotAvailableForResourceType")
	w.refused("PUT", account+"/deployments/gpt-4.1", object{
		"sku":        object{"name": "GlobalStandard", "capacity": 1},
		"properties": object{"model": object{"format": "OpenAI", "name": "gpt-4.1"}},
	}, "DeploymentModelNotSupported")
}
