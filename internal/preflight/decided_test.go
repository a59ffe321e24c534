package preflight

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kars-dev/kars/internal/azure/arm"
	"github.com/kars-dev/kars/internal/azure/graph"
	"github.com/kars-dev/kars/internal/kube"
	"github.com/kars-dev/kars/internal/plan"
	"github.com/kars-dev/kars/internal/rbac"
)

func TestKubernetesVersionThatIsNoLongerOfferedP19(t *testing.T) {
	p := mustPlan(plan.Options{})
	a := &azure{roles: developer, location: "eastus2", assignments: []rbac.Assignment{given(t, "Owner", subscription)}}
	shows(t, find(t, check(t, a), "sku/kubernetes", subscription), `"verdict": "pass"`)
	a.versions = []string{"1.98", "1.97"}
	f := find(t, check(t, a), "sku/kubernetes", subscription)
	if f.Verdict != Fail || !f.Blocks {
		t.Errorf("got %s, blocking %t; want fail and yes", f.Verdict, f.Blocks)
	}
	shows(t, f, "eastus2 offers only 1.97, 1.98")
	// A cluster that is there keeps what it has.
	a.there = map[string]arm.Tree{p.ClusterID(): {"properties": map[string]any{"currentKubernetesVersion": plan.KubernetesVersion + ".1"}}}
	shows(t, find(t, check(t, a), "sku/kubernetes", subscription), `"verdict": "pass"`, "the cluster has "+plan.KubernetesVersion+".1")
}

func TestNodesThatAreThereCountAlreadyP13(t *testing.T) {
	p := mustPlan(plan.Options{})
	a := &azure{roles: developer, location: "eastus2", assignments: []rbac.Assignment{given(t, "Owner", subscription)}}
	a.usages = map[string][]arm.Usage{"eastus2": {{Name: "cores", Current: 6, Limit: 12}, {Name: "standardDASv5Family", Current: 6, Limit: 12}}}
	var pools []any
	for _, m := range p.Machines {
		pools = append(pools, map[string]any{"name": m.Pool, "vmSize": m.Size, "count": float64(m.Count)})
	}
	shows(t, find(t, check(t, a), "quota/cores", subscription), `"verdict": "warn"`, "the run takes 6 more")
	a.there = map[string]arm.Tree{p.ClusterID(): {"properties": map[string]any{"agentPoolProfiles": pools, "kubernetesVersion": plan.KubernetesVersion}}}
	shows(t, find(t, check(t, a), "quota/cores", subscription), `"verdict": "pass"`, "the run takes 0 more")
}

// Owner holds no data actions, whatever its star of actions says.
func TestDataActionsAreDecidedByDataActionsP22(t *testing.T) {
	p := mustPlan(plan.Options{})
	const action = "Microsoft.KeyVault/vaults/secrets/setSecret/action"
	p.Needs = append(p.Needs, plan.Need{Kind: plan.NeedData, Action: action, Scope: p.VaultID(), Step: plan.StepTrust, Why: "write a secret"})
	a := &azure{roles: developer, assignments: []rbac.Assignment{given(t, "Owner", subscription)}}
	f := find(t, check(t, a, func(o *Options) { o.Plan = p }), "data/"+action, p.VaultID())
	if f.Verdict != Fail || !f.Blocks || f.Category != CategoryData {
		t.Errorf("an owner gets %s of %s, blocking %t; want fail", f.Verdict, f.Category, f.Blocks)
	}
	a.assignments = append(a.assignments, given(t, "Key Vault Secrets Officer", subscription))
	shows(t, find(t, check(t, a, func(o *Options) { o.Plan = p }), "data/"+action, p.VaultID()), `"verdict": "pass"`)
}

// An account in another group or subscription is asked about where it lies.
func TestAccountElsewhereIsAskedAboutWhereItLiesP4(t *testing.T) {
	const account = "/subscriptions/99999999-9999-9999-9999-999999999999/resourceGroups/ai/providers/Microsoft.CognitiveServices/accounts/shared"
	elsewhere := func(o *Options) {
		o.Plan = mustPlan(plan.Options{FoundryEndpoint: "https://shared.openai.azure.com/", FoundryID: account})
	}
	a := &azure{roles: developer, resources: []string{account}, assignments: []rbac.Assignment{given(t, "Owner", subscription)}}
	f := find(t, check(t, a, elsewhere), assignRoles, account)
	if f.Verdict != Fail || !f.Blocks {
		t.Errorf("the owner of another subscription gets %s, blocking %t; want fail", f.Verdict, f.Blocks)
	}
	a.assignments = append(a.assignments, given(t, "Owner", account))
	if r := check(t, a, elsewhere); find(t, r, assignRoles, account).Verdict != Pass {
		t.Errorf("the owner of both gets %+v", r.Of(Fail))
	}
}

func TestSavedFactsOfEverythingComeToTheSameReport(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	p := mustPlan(plan.Options{Gateway: true})
	a := &azure{location: "eastus2", assignments: []rbac.Assignment{given(t, "Reader", subscription)}, states: map[string]string{"Microsoft.KeyVault": "NotRegistered"}}
	a.scopes, a.state, a.owner, a.managedBy = []string{"Directory.AccessAsUser.All"}, "PastDue", alice, []arm.TenantID{{ID: tenant}}
	a.features = map[string]string{"EncryptionAtHost": "NotRegistered"}
	a.usages = map[string][]arm.Usage{"eastus2": {{Name: "cores", Limit: 1}, {Name: "standardDASv5Family", Limit: 1}}}
	a.held, a.versions = []string{p.Names.Vault, p.Names.Registry}, []string{"1.1"}
	a.there = map[string]arm.Tree{p.RegistryID(): {}, p.ClusterID(): {}}
	a.locks = []arm.Lock{{ID: "l", Name: "l", Level: arm.ReadOnly, Scope: p.Group.ID}}
	a.policies = []arm.PolicyAssignment{{Name: "p", Scope: subscription, Enforced: true}}
	a.restrictions = []arm.PolicyVerdict{{ResourceID: p.VaultID(), AssignmentName: "p", Effect: "Deny", Result: "NonCompliant"}}
	a.eligibilities = []arm.RoleEligibility{{ID: "e", RoleDefinitionID: "8e3af657-a8ff-443c-a75c-2fe8c4bcb635", RoleName: "Owner", Scope: subscription, End: now.Add(time.Hour)}}
	a.activations = []arm.RoleActivation{{PrincipalID: alice, RoleDefinitionID: "acdd72a7-3385-48ef-bd42-f606fba81ae7", Scope: subscription, End: now.Add(time.Minute)}}
	a.eligible = []graph.RoleInstance{{TemplateID: developer[0].TemplateID, Name: "Agent ID Developer", Scope: "/", End: now.Add(time.Hour)}}
	facts := Gather(t.Context(), Options{
		Plan: p, Caller: user, ARM: a, Directory: directory{a}, Now: func() time.Time { return now },
		Kubernetes: standing{has: kube.Standing{Denied: []kube.Right{{Verb: "create", Resource: "namespaces"}}}},
		Token:      Origin{Credential: "EnvironmentCredential", Disagreements: []string{"x"}, Federated: true},
	})
	raw, err := json.Marshal(facts)
	if err != nil {
		t.Fatal(err)
	}
	saved, err := ParseFacts(raw)
	if err != nil {
		t.Fatal(err)
	}
	again, err := plan.New(saved.Plan)
	if err != nil {
		t.Fatal(err)
	}
	want := Decide(p, facts)
	if diff := cmp.Diff(want, Decide(again, saved)); diff != "" {
		t.Errorf("the report from saved facts (-want +got):\n%s", diff)
	}
	seen := map[Category]bool{}
	for _, f := range want.Findings {
		if f.Verdict != Pass {
			seen[f.Category] = true
		}
	}
	for _, c := range []Category{
		CategoryRBAC, CategoryRegistration, CategoryDirectory, CategoryName, CategoryToken,
		CategoryFeature, CategoryQuota, CategorySKU, CategoryPolicy, CategoryLock, CategoryCluster,
	} {
		if !seen[c] {
			t.Errorf("nothing of %s is found, so that nothing is proved of it", c)
		}
	}
}
