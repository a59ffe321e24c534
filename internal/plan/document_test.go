package plan

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestU19EncryptionAtHostIsNeededAlwaysAndKataForConfidentialOnly(t *testing.T) {
	var got []Need
	for _, n := range mustPlan(t, testOptions()).Needs {
		if n.Kind == NeedFeature {
			got = append(got, n)
		}
	}
	if len(got) != 1 || got[0].Action != "Microsoft.Compute/EncryptionAtHost" || got[0].Optional {
		t.Errorf("got %+v, want encryption at host, which is no option", got)
	}
	p := mustPlan(t, testOptions())
	p.Options.Isolation = confidential
	all := p.features()
	i := slices.IndexFunc(all, func(f Feature) bool { return f.ID() == "Microsoft.ContainerService/KataVMIsolationPreview" })
	if len(all) != 2 || i < 0 || !all[i].Optional {
		t.Errorf("confidential isolation: got %+v, want the preview of Kata, which may be missing", all)
	}
}

func TestP13MachinesAreTheClustersPoolsWithTheirSurge(t *testing.T) {
	p := mustPlan(t, testOptions())
	pools := p.Of(StepCluster)[0].Body["properties"].(Tree)["agentPoolProfiles"].([]any)
	if len(pools) != len(p.Machines) {
		t.Fatalf("%d pools and %d rows of machines", len(pools), len(p.Machines))
	}
	for i, m := range p.Machines {
		pool := pools[i].(Tree)
		encrypts, _ := pool["enableEncryptionAtHost"].(bool)
		if pool["name"] != m.Pool || pool["vmSize"] != m.Size || pool["count"] != m.Count || encrypts != m.EncryptionAtHost {
			t.Errorf("pool %v is not %+v", pool, m)
		}
		if m.Surge != 1 || m.Why == "" {
			t.Errorf("%+v: an upgrade takes one node more of a pool of one", m)
		}
	}
}

func TestP15TheModelsCapacityIsItsDeployments(t *testing.T) {
	o := testOptions()
	o.Model = "gpt-4o"
	p := mustPlan(t, o)
	i := slices.IndexFunc(p.Resources, func(r Resource) bool { return r.Type == accountType+"/deployments" })
	want := Tree{
		"sku":        Tree{"name": p.Model.SKU, "capacity": p.Model.Capacity},
		"properties": Tree{"model": Tree{"format": p.Model.Format, "name": p.Model.Model}},
	}
	if diff := cmp.Diff(want, p.Resources[i].Body); diff != "" {
		t.Errorf("the deployment (-capacity +body):\n%s", diff)
	}
	if got := p.Model.UsageName(); got != "OpenAI.GlobalStandard.gpt-4o" {
		t.Errorf("its quota is called %s", got)
	}
}

func TestP16GlobalNamesAreThoseOfResourcesWithHosts(t *testing.T) {
	p := mustPlan(t, testOptions())
	var got []string
	for _, n := range p.GlobalNames {
		got = append(got, n.Type+" "+n.Name)
		if !slices.ContainsFunc(p.Resources, func(r Resource) bool { return r.ID == n.ResourceID && r.Name == n.Name }) {
			t.Errorf("%+v is the name of no resource of the plan", n)
		}
	}
	want := []string{registryType + " " + p.Names.Registry, vaultType + " " + p.Names.Vault, accountType + " " + p.Names.Foundry}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
}

func TestTheDocumentShowsEveryPartOfThePlan(t *testing.T) {
	raw, err := json.Marshal(mustPlan(t, testOptions()).Document())
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	first := func(part string) map[string]any {
		list, _ := doc[part].([]any)
		if len(list) == 0 {
			t.Fatalf("the document has no %s", part)
		}
		return list[0].(map[string]any)
	}
	for part, keys := range map[string][]string{
		"resources": {"id", "type", "name", "apiVersion"},
		"grants":    {"scope", "roleDefinitionId", "principal", "principalType", "before"},
		"needs":     {"kind", "action", "scope", "principal", "step", "why"},
		"features":  {"namespace", "name", "why", "optional"},
		"machines":  {"pool", "size", "count", "surge", "encryptionAtHost", "why"},
		"names":     {"type", "name", "resourceId", "why"},
	} {
		have := first(part)
		for _, key := range keys {
			if _, ok := have[key]; !ok {
				t.Errorf("the first of %s has no %s: %v", part, key, have)
			}
		}
	}
	kinds := map[string]bool{}
	for _, n := range doc["needs"].([]any) {
		need := n.(map[string]any)
		kinds[need["kind"].(string)] = true
		if proof, _ := need["proof"].(bool); proof && need["optional"] != true {
			t.Errorf("a right to look that is no option: %v", need)
		}
	}
	for _, kind := range []NeedKind{NeedAction, NeedRegistration, NeedFeature, NeedDirectory} {
		if !kinds[string(kind)] {
			t.Errorf("the document shows no need of the kind %s", kind)
		}
	}
}
