package pseudonym

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kars-dev/kars/internal/azure/arm"
	"github.com/kars-dev/kars/internal/azure/credential"
	"github.com/kars-dev/kars/internal/azure/graph"
	"github.com/kars-dev/kars/internal/plan"
	"github.com/kars-dev/kars/internal/preflight"
	"github.com/kars-dev/kars/internal/rbac"
	"github.com/kars-dev/kars/localazure/roledefinition"
)

// secret stands in every name of the facts that are made here.
const secret = "contoso"

// A tenant makes random facts of one tenant.
type tenant struct {
	*rand.Rand
	ids []string // all that were given out
}

func (r *tenant) pick(of ...string) string { return of[r.IntN(len(of))] }

// guid is a new id, in a spelling of its own.
func (r *tenant) guid() string {
	id := fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x", r.Uint32(), r.IntN(1<<16), r.IntN(1<<12), r.IntN(1<<12), r.Int64N(1<<48))
	r.ids = append(r.ids, id)
	return id
}

// spelt is a text in another case, now and then.
func (r *tenant) spelt(s string) string {
	if r.IntN(4) == 0 {
		return strings.ToUpper(s)
	}
	return s
}

func (r *tenant) options() plan.Options {
	o := plan.Options{SubscriptionID: r.guid(), TenantID: r.guid(), ServiceTree: r.pick("", r.guid()), Region: r.pick("eastus2", "westeurope")}
	o.ClusterName = r.pick("", secret+"-dev", secret)
	o.ResourceGroup = r.pick("", "RG_"+secret+".(prod)", secret+"-aks")
	o.Name, o.ImageSource = r.pick("", secret+"-helper"), r.pick("", secret+".azurecr.io/kars")
	if r.IntN(3) == 0 {
		o.FoundryEndpoint = "https://" + secret + "-ai.openai.azure.com/"
		o.FoundryID = "/subscriptions/" + r.pick(o.SubscriptionID, r.guid()) + "/resourceGroups/" + secret + "-models/providers/Microsoft.CognitiveServices/accounts/" + secret + "-ai"
	}
	return o
}

// facts are of a caller who holds some roles, directly or through a group,
// some under conditions and some denied.
func (r *tenant) facts(t *testing.T) preflight.Facts {
	p, err := plan.New(r.options())
	if err != nil {
		t.Fatal(err)
	}
	sub := "/subscriptions/" + p.SubscriptionID
	caller, group := r.guid(), r.guid()
	f := preflight.Facts{
		APIVersion: "kars.azure.com/v1alpha1", Kind: "PreflightFacts", Version: preflight.FactsVersion,
		Gathered: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC), Plan: p.Options,
		Caller: credential.Caller{
			ObjectID: caller, Type: r.pick(credential.User, credential.ServicePrincipal), TenantID: r.spelt(p.TenantID),
			DisplayName: r.pick("alice@"+secret+".com", secret+" deployer", caller), AppID: r.pick(r.guid(), "04b07795-8ddb-461a-bbee-02f9e1bf7b46"),
			HomeTenant: r.IntN(2) == 0, Groups: []string{group},
		},
		LocalPrincipal: r.pick("", secret), Permissions: map[string]preflight.Fact[[]rbac.Permission]{}, Requests: 9,
	}
	f.Group = preflight.Fact[preflight.Group]{Value: preflight.Group{Exists: r.IntN(2) == 0, Location: p.Options.Region}}
	own := rbac.RoleDefinition{ID: r.guid(), Name: secret + " Deployer", Type: "CustomRole", Description: "of " + secret, AssignableScopes: []string{sub}, Permissions: []rbac.Permission{{Actions: []string{"Microsoft.KeyVault/*", "*/read"}, NotActions: []string{}}}}
	f.Definitions.Value = []rbac.RoleDefinition{own}
	for _, name := range []string{"Owner", "Contributor", "Reader", "User Access Administrator"} {
		d, _ := roledefinition.ByName(name)
		d.Type = "BuiltInRole"
		f.Definitions.Value = append(f.Definitions.Value, d)
	}
	scopes := []string{sub, r.spelt(p.Group.ID), p.VaultID(), "/providers/Microsoft.Management/managementGroups/" + secret}
	for range r.IntN(4) {
		role := f.Definitions.Value[r.IntN(len(f.Definitions.Value))]
		a := rbac.Assignment{ID: sub + "/providers/Microsoft.Authorization/roleAssignments/" + r.guid(), PrincipalID: r.spelt(r.pick(caller, group)), PrincipalType: "User", RoleDefinitionID: role.ID, Scope: r.pick(scopes...)}
		if r.IntN(3) == 0 {
			a.Condition, a.ConditionVersion = "@Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {"+r.pick(plan.AcrPull.ID, r.guid())+"}", "2.0"
		}
		f.Assignments.Value = append(f.Assignments.Value, a)
		at := sub
		if rbac.Contains(p.Group.ID, a.Scope) && f.Group.Value.Exists {
			at = p.Group.ID
		}
		held := f.Permissions[at]
		held.Value = append(held.Value, role.Permissions...)
		f.Permissions[at] = held
	}
	if r.IntN(2) == 0 {
		f.Denies.Value = []rbac.DenyAssignment{{
			ID: p.Group.ID + "/providers/Microsoft.Authorization/denyAssignments/" + r.guid(), Name: "deny of " + secret, Scope: r.pick(scopes...),
			Permissions: []rbac.Permission{{Actions: []string{"*/write"}}}, Principals: []string{r.pick(rbac.AllPrincipals, group, r.guid())}, ExcludePrincipals: []string{r.pick(caller, r.guid())},
			PrincipalTypes: []string{r.pick("", "User", "Group")}, ExcludePrincipalTypes: []string{r.pick("", "User", "Group")},
		}}
	}
	if id := p.Options.FoundryID; id != "" {
		f.Elsewhere = map[string]preflight.Elsewhere{id: {
			Denies: preflight.Fact[[]rbac.DenyAssignment]{Value: []rbac.DenyAssignment{{
				ID: id + "/providers/Microsoft.Authorization/denyAssignments/" + r.guid(), Name: "deny of " + secret, Scope: id,
				Permissions: []rbac.Permission{{Actions: []string{"*/write"}}}, Principals: []string{r.pick(caller, group, r.guid())}, PrincipalTypes: []string{r.pick("User", "Group")},
			}}},
			Locks: preflight.Fact[[]arm.Lock]{Value: []arm.Lock{{ID: id + "/providers/Microsoft.Authorization/locks/" + secret, Name: secret, Level: r.pick(arm.ReadOnly, arm.CannotDelete), Scope: id, Notes: "ask " + secret}}},
		}}
	}
	f.Registrations.Value = map[string]string{"microsoft.keyvault": r.pick("Registered", "NotRegistered")}
	r.surroundings(&f, p)
	if r.IntN(2) == 0 {
		f.Directory.Value = preflight.Standing{Roles: []graph.Role{{ID: r.guid(), TemplateID: "adb2368d-a9be-41b5-8667-d96778e081b0", Name: "Agent ID Developer"}}}
	} else {
		f.Directory.Unread = &preflight.Unread{
			What: "the roles at " + p.Group.ID, Refused: true, Permission: "Microsoft.Authorization/roleAssignments/read", Scope: p.VaultID(),
			Reason: fmt.Sprintf("The client '%s' with object id '%s' has no authorization over scope '%s' (%s, %s); ask bob@%s.com.", f.Caller.DisplayName, caller, p.ClusterID(), p.Options.ResourceGroup, p.RegistryLoginServer(), secret),
		}
	}
	return f
}

// surroundings are facts about what holds for everybody, mostly good.
func (r *tenant) surroundings(f *preflight.Facts, p *plan.Plan) {
	sub, now := "/subscriptions/"+p.SubscriptionID, f.Gathered
	f.Subscription.Value = arm.Subscription{ID: p.SubscriptionID, TenantID: p.TenantID, Name: "sub of " + secret, State: "Enabled", ManagedBy: []arm.TenantID{{ID: r.guid()}}}
	for _, g := range p.Registrations {
		f.Registrations.Value[strings.ToLower(g.Namespace)] = "Registered"
	}
	f.Features.Value, f.Names = map[string]string{}, map[string]preflight.Fact[preflight.Name]{}
	for _, x := range p.Features {
		f.Features.Value[strings.ToLower(x.ID())] = "Registered"
	}
	for _, g := range p.GlobalNames {
		f.Names[g.ResourceID] = preflight.Fact[preflight.Name]{Value: preflight.Name{Own: r.IntN(8) > 0, NameCheck: arm.NameCheck{Reason: "AlreadyExists", Message: g.Name + " is taken"}}}
	}
	for _, g := range p.Grants { // as an earlier run left them
		if r.IntN(2) == 0 {
			a := rbac.Assignment{PrincipalID: r.guid(), PrincipalType: g.PrincipalType, RoleDefinitionID: g.Role.ID, Scope: r.spelt(g.Scope), Condition: g.Condition}
			f.Granted.Value = append(f.Granted.Value, preflight.Granted{IdentityID: r.spelt(g.IdentityID), Assignment: a})
		}
	}
	f.Usages.Unread = &preflight.Unread{What: "the quotas", Reason: "no answer", Scope: sub}
	f.Sizes.Unread, f.Models.Unread, f.ModelUsages.Unread, f.Versions.Unread = f.Usages.Unread, f.Usages.Unread, f.Usages.Unread, f.Usages.Unread
	if r.IntN(4) == 0 {
		f.Locks.Value = []arm.Lock{{ID: p.Group.ID + "/providers/Microsoft.Authorization/locks/" + secret, Name: secret, Level: r.pick(arm.ReadOnly, "CanNotDelete"), Scope: p.Group.ID, Notes: "ask " + secret + "@" + secret + ".com"}}
	}
	if r.IntN(4) == 0 {
		id := sub + "/providers/Microsoft.Authorization/policyAssignments/" + secret
		f.Policies.Value = []arm.PolicyAssignment{{ID: id, Name: secret, Scope: sub, Enforced: true}}
		f.Restrictions.Value = []arm.PolicyVerdict{{ResourceID: p.VaultID(), AssignmentID: id, AssignmentName: secret, DefinitionID: "/providers/Microsoft.Authorization/policyDefinitions/" + r.guid(), Effect: "Deny", Result: "NonCompliant", Reason: secret + " allows none", ReferenceID: secret}}
	}
	f.Activations.Value = []arm.RoleActivation{{
		ID: sub + "/providers/Microsoft.Authorization/roleAssignmentScheduleInstances/" + r.guid(), PrincipalID: f.Caller.ObjectID, RoleDefinitionID: plan.AcrPull.ID,
		RoleName: r.pick("Contributor", secret+" Deployer"), Scope: sub, ScopeName: "sub of " + secret, Type: "Activated", EligibilityID: r.guid(), End: now.Add(time.Duration(r.IntN(90)) * time.Minute),
	}}
	f.Token = preflight.Origin{Credential: "AzureCLICredential", Why: "the CLI is signed in", Disagreements: []string{"AZURE_TENANT_ID is " + r.guid()}}
}

func TestVerdictStaysTheSameUnderPseudonyms(t *testing.T) {
	verdicts := map[preflight.Verdict]int{}
	for seed := range uint64(150) {
		r := &tenant{Rand: rand.New(rand.NewPCG(seed, 1))}
		f := r.facts(t)
		out, err := Facts(f)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		want, got := decided(t, f), decided(t, out)
		verdicts[want.Verdict]++
		if diff := cmp.Diff(outline(want), outline(got)); diff != "" {
			t.Fatalf("seed %d: the findings change (-without +with pseudonyms):\n%s", seed, diff)
		}
		raw, err := out.JSON()
		if err != nil {
			t.Fatal(err)
		}
		text := strings.ToLower(string(raw))
		for _, left := range append(slices.Clone(r.ids), secret) {
			if i := strings.Index(text, left); i >= 0 {
				t.Fatalf("seed %d: %s is left: …%s…", seed, left, text[max(0, i-200):min(len(text), i+100)])
			}
		}
		again, err := preflight.ParseFacts(raw)
		if err != nil {
			t.Fatalf("seed %d: what is saved cannot be read: %v", seed, err)
		}
		if diff := cmp.Diff(got, decided(t, again)); diff != "" {
			t.Fatalf("seed %d: what is saved is decided otherwise:\n%s", seed, diff)
		}
	}
	if len(verdicts) < 2 {
		t.Errorf("all facts come to one verdict, which proves little: %v", verdicts)
	}
}

func decided(t *testing.T, f preflight.Facts) preflight.Report {
	t.Helper()
	p, err := plan.New(f.Plan)
	if err != nil {
		t.Fatal(err)
	}
	return preflight.Decide(p, f)
}

func outline(r preflight.Report) []string {
	out := []string{string(r.Verdict)}
	for _, f := range r.Findings {
		out = append(out, fmt.Sprintf("%s %s %t %d", f.Category, f.Verdict, f.Blocks, len(f.Evidence)))
	}
	return out
}

func TestTheSameThingHasTheSamePseudonym(t *testing.T) {
	r := &tenant{Rand: rand.New(rand.NewPCG(7, 7))}
	f := r.facts(t)
	a, err := Facts(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Facts(a)
	if err != nil {
		t.Fatalf("pseudonyms of pseudonyms: %v", err)
	}
	if diff := cmp.Diff(outline(decided(t, a)), outline(decided(t, b))); diff != "" {
		t.Errorf("they decide otherwise:\n%s", diff)
	}
	if a.Caller.TenantID != a.Plan.TenantID {
		t.Errorf("the tenant is %s and %s", a.Caller.TenantID, a.Plan.TenantID)
	}
}

func TestARMIDs(t *testing.T) {
	p, err := plan.New(plan.Options{SubscriptionID: "11111111-1111-1111-1111-111111111111", TenantID: "22222222-2222-2222-2222-222222222222"})
	if err != nil {
		t.Fatal(err)
	}
	for in, want := range map[string]string{
		"/":                    "/",
		"/subscriptions/{sub}": "/subscriptions/{1}",
		"/subscriptions/{SUB}": "/subscriptions/{1}",
		"/subscriptions/{sub}/resourcegroups/Ours":                                                                    "/subscriptions/{1}/resourcegroups/name-1",
		"/subscriptions/{sub}/resourceGroups/ours/providers/Microsoft.Network/virtualNetworks/net/subnets/one":        "/subscriptions/{1}/resourceGroups/name-1/providers/Microsoft.Network/virtualNetworks/name-2/subnets/name-3",
		"/subscriptions/{sub}/providers/Microsoft.KeyVault/locations/eastus2/deletedVaults/v":                         "/subscriptions/{1}/providers/Microsoft.KeyVault/locations/eastus2/deletedVaults/name-1",
		"/providers/Microsoft.Management/managementGroups/Corp":                                                       "/providers/Microsoft.Management/managementGroups/name-1",
		"/subscriptions/{sub}/resourceGroups/a/providers/N.S/t/x/providers/Microsoft.Authorization/locks/keep":        "/subscriptions/{1}/resourceGroups/name-1/providers/N.S/t/name-2/providers/Microsoft.Authorization/locks/name-3",
		"/subscriptions/{sub}/providers/Microsoft.Authorization/roleDefinitions/8e3af657-a8ff-443c-a75c-2fe8c4bcb635": "/subscriptions/{1}/providers/Microsoft.Authorization/roleDefinitions/8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
	} {
		n := newNames(preflight.Facts{}, p, nil)
		const given, one = "abcdefab-1111-2222-3333-444444444444", "00000000-0000-4000-8000-000000000001"
		in = strings.NewReplacer("{sub}", given, "{SUB}", strings.ToUpper(given)).Replace(in)
		if got := n.armID(in); got != strings.ReplaceAll(want, "{1}", one) {
			t.Errorf("%s became %s, want %s", in, got, strings.ReplaceAll(want, "{1}", one))
		}
	}
}

// TestEveryStringOfTheFactsIsClassified fails when a fact is added and nobody
// has thought about whether it tells who somebody is.
func TestEveryStringOfTheFactsIsClassified(t *testing.T) {
	for _, path := range stringPaths(reflect.TypeFor[preflight.Facts](), nil) {
		if path[0] != "plan" && kindOf(path) == unclassified {
			t.Errorf("%s is not classified", strings.Join(path, "."))
		}
	}
}

// stringPaths are the paths of all strings in a document of a type.
func stringPaths(t reflect.Type, path []string) [][]string {
	below := func(step string) []string { return append(path[:len(path):len(path)], step) }
	switch {
	case t == reflect.TypeFor[time.Time]():
		return nil
	case t.Kind() == reflect.Pointer:
		return stringPaths(t.Elem(), path)
	case t.Kind() == reflect.String:
		return [][]string{path}
	case t.Kind() == reflect.Slice:
		return stringPaths(t.Elem(), below("*"))
	case t.Kind() == reflect.Map:
		if !keyed(path) {
			return [][]string{append(path, "(a map that is not known to be keyed)")}
		}
		return append(stringPaths(t.Elem(), below("*")), below("key"))
	case t.Kind() == reflect.Struct:
		var out [][]string
		for i := range t.NumField() {
			tag, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
			switch {
			case tag == "-":
			case tag == "" && t.Field(i).Anonymous:
				out = append(out, stringPaths(t.Field(i).Type, path)...)
			default:
				out = append(out, stringPaths(t.Field(i).Type, below(tag))...)
			}
		}
		return out
	}
	return nil
}

func TestNothingIsSavedThatWouldBeDecidedOtherwise(t *testing.T) {
	pass := preflight.Report{Verdict: preflight.Pass, Findings: []preflight.Finding{{ID: "token/guest", Verdict: preflight.Pass}}}
	other := preflight.Report{Verdict: preflight.Pass, Findings: []preflight.Finding{{ID: "token/guest", Verdict: preflight.Warn}}}
	if same(pass, pass) != nil || same(pass, other) == nil {
		t.Error("it does not tell reports apart")
	}
	f := preflight.Facts{Caller: credential.Caller{DisplayName: "alice@example.com"}}
	if leaks(f, f) == nil {
		t.Error("it does not see that nothing was replaced")
	}
	var tree map[string]any
	if raw, err := f.JSON(); err != nil || json.Unmarshal(raw, &tree) != nil {
		t.Errorf("facts are not JSON: %v", err)
	}
}
