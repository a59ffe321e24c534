package preflight

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kars-dev/kars/internal/azure/arm"
	"github.com/kars-dev/kars/internal/azure/credential"
	"github.com/kars-dev/kars/internal/plan"
	"github.com/kars-dev/kars/internal/rbac"
)

const assignRoles = "rbac/Microsoft.Authorization/roleAssignments/write"

// find returns the finding with this id and scope.
func find(t *testing.T, r Report, id, scope string) Finding {
	t.Helper()
	for _, f := range r.Findings {
		if f.ID == id && f.Scope == scope {
			return f
		}
	}
	t.Fatalf("there is no finding %s at %s", id, scope)
	return Finding{}
}

// shows fails unless the finding says all of this.
func shows(t *testing.T, f Finding, texts ...string) {
	t.Helper()
	raw, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range texts {
		if !strings.Contains(string(raw), text) {
			t.Errorf("the finding does not say %q:\n%s", text, raw)
		}
	}
}

func TestU08ContributorAndUserAccessAdministratorSuffice(t *testing.T) {
	a := &azure{roles: developer, assignments: []rbac.Assignment{given(t, "Contributor", subscription), given(t, "User Access Administrator", subscription)}}
	r := check(t, a)
	if r.Verdict != Pass || r.Blocks() {
		t.Errorf("got %s, want pass: %+v", r.Verdict, append(r.Of(Fail), append(r.Of(Unknown), r.Of(Warn)...)...))
	}
	for _, f := range r.Findings {
		if f.ID == "rbac/least-privilege" {
			t.Errorf("it is called too much: %+v", f)
		}
	}
	if r.Requests == 0 || r.Requests > 24 {
		t.Errorf("it took %d requests, want at most 24", r.Requests)
	}
}

func TestU09OwnerPassesWithANote(t *testing.T) {
	r := check(t, &azure{roles: developer, assignments: []rbac.Assignment{given(t, "Owner", subscription)}})
	if r.Verdict != Pass {
		t.Errorf("got %s, want pass", r.Verdict)
	}
	note := find(t, r, "rbac/least-privilege", subscription)
	shows(t, note, "Contributor and User Access Administrator together suffice", "--role Contributor", "--role 'User Access Administrator'")
	if note.Verdict != Pass || note.Blocks {
		t.Errorf("the note is a %s that blocks: %t; want pass and no", note.Verdict, note.Blocks)
	}
}

func TestU10OwnerOfAPremadeGroupMayRunP2(t *testing.T) {
	p := mustPlan(plan.Options{})
	a := &azure{roles: developer, location: "eastus2", assignments: []rbac.Assignment{given(t, "Owner", p.Group.ID)}}
	r := check(t, a)
	if r.Blocks() {
		t.Fatalf("it blocks: %+v", r.Of(Fail))
	}
	for _, f := range r.Findings {
		if f.Category == CategoryRBAC && rbac.Contains(p.Group.ID, f.Scope) && f.Verdict != Pass {
			t.Errorf("%s at %s is %s, want pass: %v", f.ID, f.Scope, f.Verdict, f.Evidence)
		}
	}
	// What is asked of the subscription stands apart, with what to ask its owner.
	registration := find(t, r, "registration/Microsoft.ContainerService", subscription)
	shows(t, registration, `"verdict": "unknown"`, "az provider register -n Microsoft.ContainerService")

	a.location = ""
	if !check(t, a).Blocks() {
		t.Error("without the group it does not block, but nobody may make it")
	}
}

func TestU10TheRightToMakeTheGroupIsNotAskedForWhereItIsThere(t *testing.T) {
	p := mustPlan(plan.Options{})
	const id = "rbac/Microsoft.Resources/subscriptions/resourceGroups/write"
	a := &azure{roles: developer, assignments: []rbac.Assignment{given(t, "Reader", subscription)}}
	if f := find(t, check(t, a), id, p.Group.ID); f.Verdict != Fail {
		t.Errorf("without the group it is %s, want fail", f.Verdict)
	}
	a.location = "eastus2"
	for _, f := range check(t, a).Findings {
		if f.ID == id {
			t.Errorf("with the group there is a finding: %+v", f)
		}
	}
}

// That everything is there already takes nothing from what a run does each time.
func TestARunThatIsRepeatedStillChecksWhatItDoesP3(t *testing.T) {
	p := mustPlan(plan.Options{})
	a := &azure{roles: developer, location: "eastus2", assignments: []rbac.Assignment{given(t, "Reader", subscription)}}
	a.there = map[string]arm.Tree{p.ClusterID(): {"properties": map[string]any{"kubernetesVersion": plan.KubernetesVersion}}}
	for _, r := range p.Resources {
		a.resources = append(a.resources, r.ID)
		if a.there[r.ID] == nil {
			a.there[r.ID] = arm.Tree{}
		}
	}
	r := check(t, a)
	for id, scope := range map[string]string{
		"rbac/Microsoft.ContainerService/managedClusters/listClusterUserCredential/action":         p.ClusterID(),
		"rbac/Microsoft.ContainerRegistry/registries/importImage/action":                           p.RegistryID(),
		"rbac/Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/write": p.ControllerCredential().ID,
		assignRoles: p.RegistryID(),
	} {
		if f := find(t, r, id, scope); f.Verdict != Fail || !f.Blocks {
			t.Errorf("a reader gets %s for %s, blocking %t; want fail", f.Verdict, id, f.Blocks)
		}
	}
}

func TestU10RegionOfAPremadeGroup(t *testing.T) {
	p := mustPlan(plan.Options{})
	a := &azure{roles: developer, location: "westeurope", assignments: []rbac.Assignment{given(t, "Owner", subscription)}}
	f := find(t, check(t, a), "name/Microsoft.Resources/resourceGroups", p.Group.ID)
	shows(t, f, `"verdict": "fail"`, "--region westeurope")
	if !f.Blocks {
		t.Error("it does not block, but the run would stop there")
	}
}

func TestU03ReaderIsToldEveryMissingAction(t *testing.T) {
	r := check(t, &azure{assignments: []rbac.Assignment{given(t, "Reader", subscription)}})
	if r.Verdict != Fail || !r.Blocks() {
		t.Fatalf("got %s, want fail", r.Verdict)
	}
	var want, got []string
	for _, n := range mustPlan(plan.Options{}).Needs {
		if n.Kind == plan.NeedAction && !n.Proof && !rbac.Match("*/read", n.Action) {
			want = append(want, "rbac/"+n.Action+" at "+n.Scope)
		}
	}
	for _, f := range r.Of(Fail) {
		got = append(got, f.ID+" at "+f.Scope)
		if len(f.Fix) == 0 || !strings.HasPrefix(f.Fix[0].Command, "az role assignment create --assignee-object-id "+alice+" --assignee-principal-type User --role ") {
			t.Errorf("%s has no command that fixes it: %+v", f.ID, f.Fix)
		}
		if f.Why == "" || len(f.Evidence) == 0 {
			t.Errorf("%s does not say why: %+v", f.ID, f)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("missing actions, -want +got:\n%s", diff)
	}
}

func TestU12ContributorAloneCannotAttachTheRegistry(t *testing.T) {
	p := mustPlan(plan.Options{})
	r := check(t, &azure{roles: developer, assignments: []rbac.Assignment{given(t, "Contributor", subscription)}})
	f := find(t, r, assignRoles, p.RegistryID())
	shows(t, f, "kubelet", "AcrPull", "leaves out Microsoft.Authorization/*/Write",
		"az role assignment create --assignee-object-id "+alice+" --assignee-principal-type User --role 'Role Based Access Control Administrator' --scope "+subscription)
	for _, f := range r.Of(Fail) {
		if f.ID != assignRoles {
			t.Errorf("%s fails too: %v", f.ID, f.Evidence)
		}
	}
}

func TestU07ServicePrincipalP26(t *testing.T) {
	p := mustPlan(plan.Options{})
	robot := func(o *Options) { o.Caller.Type, o.Caller.DisplayName = credential.ServicePrincipal, "ci" }
	a := &azure{application: true, assignments: []rbac.Assignment{given(t, "Contributor", subscription)}}
	r := check(t, a, robot)
	shows(t, find(t, r, assignRoles, p.RegistryID()), "--assignee-object-id "+alice+" --assignee-principal-type ServicePrincipal")
	shows(t, find(t, r, "directory/agent-id-role", "/"), `"verdict": "warn"`, "nor the application permissions AgentIdentityBlueprint.Create")
	if want := (Caller{ObjectID: alice, Type: "servicePrincipal", DisplayName: "ci"}); r.Caller != want {
		t.Errorf("the caller is %+v, want %+v", r.Caller, want)
	}

	a.permissions = []string{"AgentIdentityBlueprint.Create", "AgentIdentityBlueprint.AddRemoveCreds.All", "AgentIdentityBlueprintPrincipal.Create"}
	shows(t, find(t, check(t, a, robot), "directory/agent-id-role", "/"), `"verdict": "pass"`)
	a.blind = true // its permissions are in its token
	shows(t, find(t, check(t, a, robot), "directory/agent-id-role", "/"), `"verdict": "pass"`)
	a.permissions = nil
	shows(t, find(t, check(t, a, robot), "directory/agent-id-role", "/"), `"verdict": "unknown"`, "Authorization_RequestDenied")
	a.blind, a.roles = false, developer
	shows(t, find(t, check(t, a, robot), "directory/agent-id-role", "/"), `"verdict": "pass"`)
}

func TestU11RolesHeldThroughGroupsAndAboveP8(t *testing.T) {
	a := &azure{roles: developer, groups: []string{team}, assignments: []rbac.Assignment{given(t, "Contributor", "/", team), given(t, "User Access Administrator", subscription)}}
	if r := check(t, a); r.Verdict != Pass {
		t.Errorf("P8: got %s, want pass: %+v", r.Verdict, r.Of(Fail))
	}
}

func TestRoleAtOneResourceCounts(t *testing.T) {
	p := mustPlan(plan.Options{})
	a := &azure{
		roles: developer, location: "eastus2", resources: []string{p.RegistryID()},
		assignments: []rbac.Assignment{given(t, "Contributor", subscription), given(t, "User Access Administrator", p.RegistryID())},
	}
	r := check(t, a)
	if f := find(t, r, assignRoles, p.RegistryID()); f.Verdict != Pass {
		t.Errorf("at the registry it is %s, want pass: %v", f.Verdict, f.Evidence)
	}
	if f := find(t, r, assignRoles, p.VaultID()); f.Verdict != Fail {
		t.Errorf("at the vault it is %s, want fail: %v", f.Verdict, f.Evidence)
	}
}

func TestConditionOnAssigningRolesP6(t *testing.T) {
	p := mustPlan(plan.Options{})
	delegate := given(t, "Role Based Access Control Administrator", subscription)
	contributor := given(t, "Contributor", subscription)

	delegate.Condition = "(!(ActionMatches{'Microsoft.Authorization/roleAssignments/write'})) OR (@Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {" + plan.AcrPull.ID + "})"
	r := check(t, &azure{roles: developer, assignments: []rbac.Assignment{contributor, delegate}})
	if f := find(t, r, assignRoles, p.RegistryID()); f.Verdict != Pass {
		t.Errorf("AcrPull at the registry is %s, want pass: %v", f.Verdict, f.Evidence)
	}
	f := find(t, r, assignRoles, p.FoundryID())
	shows(t, f, `"verdict": "fail"`, "its condition does not hold for PrincipalType ServicePrincipal and RoleDefinitionId "+plan.RBACAdministrator.ID)

	delegate.Condition = "in words that nobody parses"
	r = check(t, &azure{roles: developer, assignments: []rbac.Assignment{contributor, delegate}})
	if f := find(t, r, assignRoles, p.RegistryID()); f.Verdict != Unknown || f.Blocks {
		t.Errorf("under a condition that does not parse it is %s, blocking %t; want unknown and no", f.Verdict, f.Blocks)
	}

	r = check(t, &azure{roles: developer, assignments: []rbac.Assignment{contributor, delegate, given(t, "User Access Administrator", p.Group.ID), given(t, "User Access Administrator", subscription)}})
	if f := find(t, r, assignRoles, p.RegistryID()); f.Verdict != Pass {
		t.Errorf("beside a role without condition it is %s, want pass: %v", f.Verdict, f.Evidence)
	}
}

func TestU16U17RegistrationOfProvidersBlocksWhoMayNotRegisterThemP20(t *testing.T) {
	states := map[string]string{"Microsoft.ContainerService": "NotRegistered", "Microsoft.KeyVault": "Registering"}
	id := "registration/Microsoft.ContainerService"

	r := check(t, &azure{roles: developer, states: states, assignments: []rbac.Assignment{given(t, "Owner", subscription)}})
	f := find(t, r, id, subscription)
	if f.Verdict != Warn || f.Blocks {
		t.Errorf("who may register it gets %s, blocking %t; want warn and no", f.Verdict, f.Blocks)
	}
	if f := find(t, r, "registration/Microsoft.KeyVault", subscription); f.Verdict != Pass {
		t.Errorf("one that is registering is %s, want pass", f.Verdict)
	}

	r = check(t, &azure{roles: developer, states: states, assignments: []rbac.Assignment{given(t, "Reader", subscription)}})
	f = find(t, r, id, subscription)
	if f.Verdict != Fail || !f.Blocks {
		t.Errorf("who may not register it gets %s, blocking %t; want fail and yes", f.Verdict, f.Blocks)
	}
	shows(t, f, "az provider register -n Microsoft.ContainerService")
}

func TestU47GuestIsUndecidedP9(t *testing.T) {
	a := &azure{roles: developer, assignments: []rbac.Assignment{given(t, "Owner", subscription)}}
	r := check(t, a, func(o *Options) { o.Caller.HomeTenant = false })
	shows(t, find(t, r, "token/guest", "/"), `"verdict": "unknown"`, "--skip-preflight")
}

// stuck is an azure whose permissions never come.
type stuck struct{ *azure }

func (s stuck) Permissions(ctx context.Context, _ string) ([]rbac.Permission, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestU05DeadlineLeavesUnknownWhatDidNotCome(t *testing.T) {
	a := &azure{roles: developer, assignments: []rbac.Assignment{given(t, "Owner", subscription)}}
	started := time.Now()
	r := check(t, a, func(o *Options) { o.ARM, o.Timeout = stuck{a}, 50*time.Millisecond })
	if took := time.Since(started); took > 10*time.Second {
		t.Errorf("it took %s, want about 50 ms", took)
	}
	if r.Verdict != Unknown || r.Blocks() {
		t.Errorf("got %s, blocking %t; want unknown and no", r.Verdict, r.Blocks())
	}
	shows(t, find(t, r, "rbac/Microsoft.KeyVault/vaults/write", mustPlan(plan.Options{}).VaultID()), "reading your permissions at "+subscription+": no answer in time")
	if f := find(t, r, "directory/agent-id-role", "/"); f.Verdict != Pass {
		t.Errorf("what did come is %s, want pass: %v", f.Verdict, f.Evidence)
	}
}

func TestLocalPrincipalIsGivenLocalCommands(t *testing.T) {
	r := check(t, &azure{assignments: []rbac.Assignment{given(t, "Reader", subscription)}}, func(o *Options) { o.LocalPrincipal = "reader" })
	for _, f := range r.Findings {
		for _, fix := range f.Fix {
			if strings.HasPrefix(fix.Command, "az role") {
				t.Errorf("%s is fixed by %q, which the local Azure cannot be asked", f.ID, fix.Command)
			}
		}
	}
	shows(t, find(t, r, assignRoles, mustPlan(plan.Options{}).RegistryID()), "kars local principal add reader --role 'Role Based Access Control Administrator'")
	shows(t, find(t, r, "directory/agent-id-role", "/"), "kars local principal add reader --directory-role 'Agent ID Developer'")
}

func TestReportKeepsItsContract(t *testing.T) {
	r := check(t, &azure{roles: developer, assignments: []rbac.Assignment{given(t, "Owner", subscription)}})
	raw, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var document map[string]any
	if err := json.Unmarshal(raw, &document); err != nil {
		t.Fatal(err)
	}
	for field, want := range map[string]any{"kind": "PreflightReport", "apiVersion": "kars.azure.com/v1alpha1", "verdict": "pass"} {
		if document[field] != want {
			t.Errorf("%s is %v, want %v", field, document[field], want)
		}
	}
	for _, field := range []string{"durationMs", "requests"} {
		if _, ok := document[field].(float64); !ok {
			t.Errorf("%s is %v, want a number", field, document[field])
		}
	}
	seen := map[[2]string]bool{}
	for _, f := range r.Findings {
		key := [2]string{f.ID, f.Scope}
		if seen[key] {
			t.Errorf("%v is there twice", key)
		}
		seen[key] = true
		if f.Evidence == nil || f.Fix == nil {
			t.Errorf("%s has null for a list", f.ID)
		}
	}
}

func TestFindingsOfOneKeyAreMerged(t *testing.T) {
	got := merged([]Finding{
		{ID: "a", Scope: "s", Verdict: Pass, Why: "one", Evidence: []string{"x"}},
		{ID: "b", Scope: "s", Verdict: Pass},
		{ID: "a", Scope: "s", Verdict: Fail, Why: "two", Evidence: []string{"x", "y"}, Blocks: true, Fix: []Fix{{Text: "f"}}},
	})
	want := []Finding{
		{ID: "a", Scope: "s", Verdict: Fail, Why: "one; two", Evidence: []string{"x", "y"}, Blocks: true, Fix: []Fix{{Text: "f"}}},
		{ID: "b", Scope: "s", Verdict: Pass, Evidence: []string{}, Fix: []Fix{}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestPermissionsThatMayNotBeReadAreEvaluatedFromRoleAssignments(t *testing.T) {
	p := mustPlan(plan.Options{})
	a := &azure{roles: developer, assignments: []rbac.Assignment{given(t, "Contributor", subscription)}}
	r := check(t, a, func(o *Options) { o.ARM = closed{a} })
	shows(t, find(t, r, "rbac/Microsoft.KeyVault/vaults/write", p.VaultID()), `"verdict": "pass"`, "Contributor at "+subscription)
	shows(t, find(t, r, assignRoles, p.RegistryID()), `"verdict": "fail"`, "Role Based Access Control Administrator")
}

// closed is an azure whose permissions may not be read.
type closed struct{ *azure }

func (closed) Permissions(_ context.Context, scope string) ([]rbac.Permission, error) {
	return nil, &arm.Error{Status: http.StatusForbidden, Code: "AuthorizationFailed", Action: "Microsoft.Authorization/permissions/read", Scope: scope}
}

func TestSavedFactsComeToTheSameReport(t *testing.T) {
	a := &azure{roles: developer, groups: []string{team}, assignments: []rbac.Assignment{given(t, "Contributor", subscription, team)}}
	p := mustPlan(plan.Options{})
	facts := Gather(t.Context(), Options{Plan: p, Caller: user, ARM: a, Directory: directory{a}})
	raw, err := json.Marshal(facts)
	if err != nil {
		t.Fatal(err)
	}
	var saved Facts
	if err := json.Unmarshal(raw, &saved); err != nil {
		t.Fatal(err)
	}
	again, err := plan.New(saved.Plan)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Decide(p, facts), Decide(again, saved)); diff != "" {
		t.Errorf("the report from saved facts (-want +got):\n%s", diff)
	}
}
