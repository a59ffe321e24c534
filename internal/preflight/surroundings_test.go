package preflight_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/kars-dev/kars/internal/azure/arm"
	"github.com/kars-dev/kars/internal/preflight"
	"github.com/kars-dev/kars/internal/rbac"
	"github.com/kars-dev/kars/localazure"
)

type tree = map[string]any

// owned is a world, its owner's options, and the owner's door.
func owned(t *testing.T) (*world, preflight.Options, *arm.Client) {
	t.Helper()
	w := newWorld(t)
	o := w.as(t, localazure.Principal{Name: "owner"})
	return w, o, o.ARM.(*arm.Client)
}

func put(t *testing.T, c *arm.Client, id, version string, body tree) {
	t.Helper()
	operation, err := c.Put(t.Context(), id, version, body)
	if err == nil {
		_, err = operation.Wait(t.Context())
	}
	if err != nil {
		t.Fatalf("writing %s: %v", id, err)
	}
}

// says checks the one finding with this id, or with it and this scope.
func says(t *testing.T, r preflight.Report, id string, want preflight.Verdict, texts ...string) preflight.Finding {
	t.Helper()
	i := slices.IndexFunc(r.Findings, func(f preflight.Finding) bool { return f.ID == id })
	if i < 0 {
		t.Fatalf("there is no finding %s", id)
	}
	f := r.Findings[i]
	if f.Verdict != want || f.Blocks != (want == preflight.Fail) {
		t.Errorf("%s is %s, blocking %t; want %s: %v", id, f.Verdict, f.Blocks, want, f.Evidence)
	}
	said := strings.Join(f.Evidence, "\n")
	for _, fix := range f.Fix {
		said += "\n" + fix.Text + "\n" + fix.Command
	}
	for _, text := range texts {
		if !strings.Contains(said, text) {
			t.Errorf("%s does not say %q:\n%s", id, text, said)
		}
	}
	return f
}

func silent(t *testing.T, r preflight.Report, id string) {
	t.Helper()
	if slices.ContainsFunc(r.Findings, func(f preflight.Finding) bool { return f.ID == id }) {
		t.Errorf("there is a finding %s", id)
	}
}

func TestLocksP17(t *testing.T) {
	_, o, c := owned(t)
	lock := func(scope, level string) {
		put(t, c, scope+"/providers/Microsoft.Authorization/locks/"+strings.ToLower(level), "2020-05-01",
			tree{"properties": tree{"level": level, "notes": "ask the platform team"}})
	}
	sub := arm.SubscriptionID(o.Plan.SubscriptionID)
	lock(sub, arm.CannotDelete)
	says(t, preflight.Run(t.Context(), o), "lock/CanNotDelete", preflight.Warn, "kars down", "ask the platform team")
	if _, err := c.PutGroup(t.Context(), o.Plan.SubscriptionID, o.Plan.Group.Name, o.Plan.Options.Region, nil); err != nil {
		t.Fatal(err)
	}
	lock(o.Plan.Group.ID, arm.ReadOnly)
	o.LocalPrincipal = "" // as in the real Azure
	f := says(t, preflight.Run(t.Context(), o), "lock/ReadOnly", preflight.Fail, "refuses every write", "az lock delete --ids "+o.Plan.Group.ID)
	if f.Scope != o.Plan.Group.ID {
		t.Errorf("the lock is said to be at %s", f.Scope)
	}
}

func TestPoliciesP12(t *testing.T) {
	_, o, c := owned(t)
	sub := arm.SubscriptionID(o.Plan.SubscriptionID)
	assign := func(name string, regions []any, enforcement string) {
		put(t, c, sub+"/providers/Microsoft.Authorization/policyAssignments/"+name, "2023-04-01", tree{"properties": tree{
			"policyDefinitionId": "/providers/Microsoft.Authorization/policyDefinitions/e56962a6-4747-49cd-b67b-bf8b01975c4c",
			"parameters":         tree{"listOfAllowedLocations": tree{"value": regions}}, "enforcementMode": enforcement,
			"nonComplianceMessages": []any{tree{"message": "Europe only."}},
		}})
	}
	before := preflight.Run(t.Context(), o).Requests
	assign("tried-out", []any{"westeurope"}, "DoNotEnforce")
	r := preflight.Run(t.Context(), o)
	silent(t, r, "policy/tried-out")
	if r.Requests != before {
		t.Errorf("a policy that is not enforced took %d requests more", r.Requests-before)
	}
	assign("kept", []any{o.Plan.Options.Region}, "Default")
	r = preflight.Run(t.Context(), o)
	silent(t, r, "policy/kept")
	if r.Blocks() {
		t.Errorf("what complies is refused: %+v", r.Of(preflight.Fail))
	}
	assign("europe", []any{"westeurope"}, "Default")
	r = preflight.Run(t.Context(), o)
	says(t, r, "policy/europe", preflight.Fail, "refuses it", "Europe only.")
	refused := map[string]bool{}
	for _, f := range r.Of(preflight.Fail) {
		refused[f.Scope] = true
	}
	if !refused[o.Plan.VaultID()] || !refused[o.Plan.ClusterID()] {
		t.Errorf("refused are %v, want the vault and the cluster among them", refused)
	}
}

func TestQuotaFailureNamesTheNearestRegionThatFitsU41P13(t *testing.T) {
	_, o, c := owned(t)
	limit := func(region, name string, limit int) {
		id := arm.SubscriptionID(o.Plan.SubscriptionID) + "/providers/Microsoft.Compute/locations/" + region + "/providers/Microsoft.Quota/quotas/" + name
		put(t, c, id, "2023-02-01", tree{"properties": tree{
			"limit": tree{"limitObjectType": "LimitValue", "value": limit}, "name": tree{"value": name},
		}})
	}
	const family = "standardDASv5Family"
	r := preflight.Run(t.Context(), o)
	says(t, r, "quota/"+family, preflight.Pass, "the run takes 6 more, an upgrade's surge 6 on top")
	says(t, r, "quota/cores", preflight.Pass)

	limit("eastus2", family, 6) // no room for surge
	says(t, preflight.Run(t.Context(), o), "quota/"+family, preflight.Warn, "the run fits, an upgrade of the nodes will not", "--region eastus")
	limit("eastus2", family, 5)
	says(t, preflight.Run(t.Context(), o), "quota/"+family, preflight.Fail, "5 are left", "use eastus, the nearest region in which the nodes fit", "--region eastus")
	limit("eastus", "cores", 11) // nodes and surge take 12
	r = preflight.Run(t.Context(), o)
	says(t, r, "quota/"+family, preflight.Fail, "--region northcentralus")
	o.LocalPrincipal = ""
	says(t, preflight.Run(t.Context(), o), "quota/"+family, preflight.Fail, "az quota update --resource-name "+family, "--limit-object value=12")
}

func TestSizesP14(t *testing.T) {
	w, o, _ := owned(t)
	if err := w.azure.RestrictSize("eastus2", "Standard_D2as_v5", "1"); err != nil {
		t.Fatal(err)
	}
	r := preflight.Run(t.Context(), o)
	says(t, r, "sku/Standard_D2as_v5", preflight.Pass, "of the zones 1, 2, 3 only 2, 3 are open to it")
	if err := w.azure.RestrictSize("eastus2", "Standard_D4as_v5"); err != nil {
		t.Fatal(err)
	}
	says(t, preflight.Run(t.Context(), o), "sku/Standard_D4as_v5", preflight.Fail, "not available to the subscription", "--region eastus")
}

func TestModelP15P18(t *testing.T) {
	w, o, _ := owned(t)
	const quota = "OpenAI.GlobalStandard.gpt4.1"
	says(t, preflight.Run(t.Context(), o), "quota/model", preflight.Pass)
	if err := w.azure.SetModelQuota("eastus2", quota, 9); err != nil {
		t.Fatal(err)
	}
	says(t, preflight.Run(t.Context(), o), "quota/model", preflight.Fail, "the run takes 10 more")

	far := w.planned(t, o, "westus2")
	says(t, preflight.Run(t.Context(), far), "sku/gpt-4.1", preflight.Fail, "does not offer it as GlobalStandard")
	nowhere := w.planned(t, o, "ukwest")
	says(t, preflight.Run(t.Context(), nowhere), "sku/Microsoft.CognitiveServices/accounts/projects", preflight.Fail, "ukwest does not have it")
}

func TestNamesP16(t *testing.T) {
	w, o, c := owned(t)
	p := o.Plan
	says(t, preflight.Run(t.Context(), o), "name/Microsoft.KeyVault/vaults", preflight.Pass, "it is free")
	if err := w.azure.ReserveName("Microsoft.ContainerRegistry/registries", p.Names.Registry); err != nil {
		t.Fatal(err)
	}
	says(t, preflight.Run(t.Context(), o), "name/Microsoft.ContainerRegistry/registries", preflight.Fail, "somebody else holds it, or it was deleted in another region", "--cluster-name kars2")

	if _, err := c.PutGroup(t.Context(), p.SubscriptionID, p.Group.Name, p.Options.Region, nil); err != nil {
		t.Fatal(err)
	}
	for _, r := range p.Resources {
		if r.ID == p.VaultID() {
			put(t, c, r.ID, r.APIVersion, r.Body)
		}
	}
	says(t, preflight.Run(t.Context(), o), "name/Microsoft.KeyVault/vaults", preflight.Pass, "it is the plan's own, and there")
	gone, err := c.Delete(t.Context(), p.VaultID(), "2023-07-01")
	if err == nil {
		_, err = gone.Wait(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	says(t, preflight.Run(t.Context(), o), "name/Microsoft.KeyVault/vaults", preflight.Pass, "the run recovers it")
}

func TestFeatureThatIsNotRegisteredU19U20P21(t *testing.T) {
	w, o, c := owned(t)
	path := arm.SubscriptionID(o.Plan.SubscriptionID) + "/providers/Microsoft.Features/providers/Microsoft.Compute/features/EncryptionAtHost"
	says(t, preflight.Run(t.Context(), o), "feature/Microsoft.Compute/EncryptionAtHost", preflight.Pass)
	if err := c.Ask(t.Context(), path+"/unregister", "2021-07-01", nil, nil); err != nil {
		t.Fatal(err)
	}
	o.LocalPrincipal = ""
	says(t, preflight.Run(t.Context(), o), "feature/Microsoft.Compute/EncryptionAtHost", preflight.Warn, "5 to 15 minutes",
		"az feature register --namespace Microsoft.Compute --name EncryptionAtHost", "az provider register -n Microsoft.Compute")
	reader := w.as(t, localazure.Principal{Name: "reader", Roles: roles("Reader")})
	says(t, preflight.Run(t.Context(), reader), "feature/Microsoft.Compute/EncryptionAtHost", preflight.Fail, "Microsoft.Features/providers/features/register/action: no role of yours")
}

func TestU18RegistrationLoopCoversOnlyWhatIsMissingP20(t *testing.T) {
	_, o, c := owned(t)
	for _, namespace := range []string{"Microsoft.KeyVault", "Microsoft.OperationalInsights"} {
		path := arm.SubscriptionID(o.Plan.SubscriptionID) + "/providers/" + namespace + "/unregister"
		if err := c.Ask(t.Context(), path, "2021-04-01", nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	o.LocalPrincipal = ""
	f := says(t, preflight.Run(t.Context(), o), "registration/Microsoft.KeyVault", preflight.Warn, "the run registers it")
	want := `for namespace in Microsoft.KeyVault Microsoft.OperationalInsights; do az provider register -n "$namespace" --subscription ` + o.Plan.SubscriptionID + "; done"
	if len(f.Fix) != 1 || f.Fix[0].Command != want {
		t.Errorf("the fix is %+v, want %s", f.Fix, want)
	}
}

func TestEligibleButInactiveRoleIsNamedFirstP7(t *testing.T) {
	w, owner, c := owned(t)
	person := w.as(t, localazure.Principal{Name: "person", Roles: roles("Reader")})
	sub := arm.SubscriptionID(owner.Plan.SubscriptionID)
	for role, length := range map[string]string{
		"8e3af657-a8ff-443c-a75c-2fe8c4bcb635": "P1D", // Owner
		"acdd72a7-3385-48ef-bd42-f606fba81ae7": "P1D", // Reader, which does not help
	} {
		put(t, c, sub+"/providers/Microsoft.Authorization/roleEligibilityScheduleRequests/"+uuid.NewString(), arm.ScheduleVersion, tree{"properties": tree{
			"requestType": "AdminAssign", "principalId": person.Caller.ObjectID, "roleDefinitionId": arm.RoleDefinitionID(sub, role),
			"justification": "on call", "scheduleInfo": tree{"expiration": tree{"type": "AfterDuration", "duration": length}},
		}})
	}
	person.LocalPrincipal = ""
	r := preflight.Run(t.Context(), person)
	for _, f := range r.Of(preflight.Fail) {
		if f.Category != preflight.CategoryRBAC {
			continue
		}
		if len(f.Fix) < 2 || !strings.HasPrefix(f.Fix[0].Text, "activate Owner at "+sub+", which you are eligible for until ") {
			t.Fatalf("%s is fixed by %+v, want the activation first", f.ID, f.Fix)
		}
		if !strings.Contains(f.Fix[0].Command, "roleAssignmentScheduleRequests") || !strings.Contains(f.Fix[0].Command, `"duration":"PT1H30M"`) {
			t.Errorf("the command is %s", f.Fix[0].Command)
		}
		for _, fix := range f.Fix {
			if strings.Contains(fix.Text, "activate Reader") {
				t.Errorf("%s is to be fixed by a role that does not help: %+v", f.ID, fix)
			}
		}
	}
	if r.Verdict != preflight.Fail {
		t.Fatalf("it is %s, want fail", r.Verdict)
	}

	// Activated, it suffices, and its end is said.
	all, err := person.ARM.RoleEligibilities(t.Context(), sub)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(all, func(e arm.RoleEligibility) bool { return e.RoleName == "Owner" })
	a := all[i].Activate(person.Caller.ObjectID, "deploying", 30*time.Minute)
	put(t, person.ARM.(*arm.Client), a.Path(uuid.NewString()), arm.ScheduleVersion, a.Body())
	r = preflight.Run(t.Context(), person)
	if r.Blocks() {
		t.Errorf("with the role active it blocks: %+v", r.Of(preflight.Fail))
	}
	f := says(t, r, "token/activation-ends", preflight.Warn, "a run may take up to 45")
	if f.Subject != "Owner" || f.Scope != sub {
		t.Errorf("what ends is %s at %s", f.Subject, f.Scope)
	}
	// With the same by a role that stays, nothing hangs on it.
	if _, err := c.PutRoleAssignment(context.WithoutCancel(t.Context()), uuid.NewString(), rbac.Assignment{
		Scope: sub, PrincipalID: person.Caller.ObjectID, PrincipalType: "User", RoleDefinitionID: "b24988ac-6180-42a0-ab88-20f7382dd24c",
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.PutRoleAssignment(t.Context(), uuid.NewString(), rbac.Assignment{
		Scope: sub, PrincipalID: person.Caller.ObjectID, PrincipalType: "User", RoleDefinitionID: "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9",
	}); err != nil {
		t.Fatal(err)
	}
	silent(t, preflight.Run(t.Context(), person), "token/activation-ends")
}

func TestRequestsOfTheHappyPathP28(t *testing.T) {
	_, o, c := owned(t)
	r := preflight.Run(t.Context(), o)
	if r.Requests > 24 {
		t.Errorf("a first run took %d requests, want at most 24", r.Requests)
	}
	if _, err := c.PutGroup(t.Context(), o.Plan.SubscriptionID, o.Plan.Group.Name, o.Plan.Options.Region, nil); err != nil {
		t.Fatal(err)
	}
	if r := preflight.Run(t.Context(), o); r.Requests > 24 {
		t.Errorf("with the group there it took %d requests, want at most 24", r.Requests)
	}
}
