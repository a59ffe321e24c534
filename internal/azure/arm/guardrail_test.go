package arm_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/kars-dev/kars/internal/azure/arm"
	"github.com/kars-dev/kars/internal/diagnose"
	"github.com/kars-dev/kars/localazure"
)

type tree = map[string]any

// put writes a resource as the owner, and waits for it.
func put(t *testing.T, c *arm.Client, id, version string, body tree) {
	t.Helper()
	o, err := c.Put(t.Context(), id, version, body)
	if err == nil {
		_, err = o.Wait(t.Context())
	}
	if err != nil {
		t.Fatalf("writing %s: %v", id, err)
	}
}

func diagnosed(t *testing.T, err error) string {
	t.Helper()
	described, ok := diagnose.Of(err)
	if !ok {
		t.Fatalf("%v cannot be diagnosed", err)
	}
	return diagnose.Explain(described).ID
}

func TestLocksAreReadWhereTheyHoldP17(t *testing.T) {
	a := localAzure(t)
	c, _, _ := a.as(t, localazure.OwnerName)
	sub := arm.SubscriptionID(a.SubscriptionID())
	group := arm.GroupID(a.SubscriptionID(), "g")
	put(t, c, group, "2021-04-01", tree{"location": "eastus2"})
	if locks, err := c.Locks(t.Context(), group); err != nil || len(locks) != 0 {
		t.Errorf("before any is set: %v, %v", locks, err)
	}
	lock := func(scope, name, level string) arm.Lock {
		id := scope + "/providers/Microsoft.Authorization/locks/" + name
		put(t, c, id, "2020-05-01", tree{"properties": tree{"level": level, "notes": "by the platform team"}})
		return arm.Lock{ID: id, Name: name, Level: level, Scope: scope, Notes: "by the platform team"}
	}
	identity := group + "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/kept"
	put(t, c, identity, fullIdentityAPI, tree{"location": "eastus2"})
	want := []arm.Lock{lock(sub, "above", arm.CannotDelete), lock(identity, "below", arm.CannotDelete), lock(group, "here", arm.ReadOnly)}
	got, err := c.Locks(t.Context(), group)
	if diff := cmp.Diff(want, got, cmpopts.SortSlices(func(a, b arm.Lock) bool { return a.Name < b.Name })); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	_, err = c.PutGroup(t.Context(), a.SubscriptionID(), "g", "eastus2", nil)
	if !arm.IsConflict(err) || diagnosed(t, err) != "scope-locked" {
		t.Errorf("writing what is locked: %v", err)
	}
	a.add(t, localazure.Principal{Name: "nobody", Type: "sp"})
	nobody, _, _ := a.as(t, "nobody")
	_, err = nobody.Locks(t.Context(), group)
	var e *arm.Error
	if !errors.As(err, &e) || e.Action != "Microsoft.Authorization/locks/read" {
		t.Errorf("as nobody: %v", err)
	}
}

func TestPolicyIsAskedBeforehandP12(t *testing.T) {
	a := localAzure(t)
	c, _, _ := a.as(t, localazure.OwnerName)
	ctx, sub, group := t.Context(), arm.SubscriptionID(a.SubscriptionID()), arm.GroupID(a.SubscriptionID(), "g")
	put(t, c, group, "2021-04-01", tree{"location": "eastus2"})
	const locations = "/providers/Microsoft.Authorization/policyDefinitions/e56962a6-4747-49cd-b67b-bf8b01975c4c"
	assignment := sub + "/providers/Microsoft.Authorization/policyAssignments/regions"
	put(t, c, assignment, "2023-04-01", tree{"properties": tree{
		"policyDefinitionId":    locations,
		"parameters":            tree{"listOfAllowedLocations": tree{"value": []any{"westeurope"}}},
		"nonComplianceMessages": []any{tree{"message": "Europe only."}},
	}})
	vault := arm.PolicyResource{
		ID: group + "/providers/Microsoft.KeyVault/vaults/kars-vault-1", APIVersion: "2023-07-01",
		Content: arm.Tree{"location": "eastus2"},
	}
	denied := arm.PolicyVerdict{
		ResourceID: vault.ID, AssignmentID: assignment, AssignmentName: "regions", DefinitionID: locations,
		Effect: "Deny", Result: "NonCompliant", Reason: "Europe only.",
	}
	for _, scope := range []string{sub, group} {
		got, err := c.CheckPolicy(ctx, scope, vault)
		if diff := cmp.Diff([]arm.PolicyVerdict{denied}, got); diff != "" || err != nil || !got[0].Denies() {
			t.Errorf("at %s: %v (-want +got):\n%s", scope, err, diff)
		}
	}
	reads, writes := c.Counts()
	vault.Content["location"] = "westeurope"
	if got, err := c.CheckPolicy(ctx, group, vault); err != nil || len(got) != 0 {
		t.Errorf("what complies: %+v, %v", got, err)
	}
	if r, w := c.Counts(); r != reads+1 || w != writes {
		t.Errorf("the question counts as %d reads and %d writes", r-reads, w-writes)
	}

	vault.Content, vault.Pending = arm.Tree{"location": "eastus2"}, []string{"location"}
	got, err := c.CheckPolicy(ctx, group, vault)
	if err != nil || len(got) == 0 || got[0].Field != "location" || got[0].Result != "Required" || !slices.Equal(got[0].Values, []string{"westeurope"}) || got[0].Denies() {
		t.Errorf("a region that is still open: %+v, %v", got, err)
	}

	child := arm.PolicyResource{ID: vault.ID + "/secrets/s", APIVersion: "2023-07-01", Content: arm.Tree{"properties": tree{}}}
	role := arm.PolicyResource{ID: arm.RoleAssignmentID(vault.ID, "11111111-1111-1111-1111-111111111111"), APIVersion: "2022-04-01", Content: arm.Tree{}}
	whole := arm.PolicyResource{ID: arm.GroupID(a.SubscriptionID(), "new"), APIVersion: "2021-04-01", Content: arm.Tree{"location": "eastus2"}}
	for _, r := range []arm.PolicyResource{child, role, whole} {
		if got, err := c.CheckPolicy(ctx, sub, r); err != nil || len(got) != 0 {
			t.Errorf("%s: %+v, %v", r.ID, got, err)
		}
	}
	_, err = c.Put(ctx, vault.ID, "2023-07-01", tree{"location": "eastus2", "properties": tree{"tenantId": a.TenantID(), "sku": tree{"family": "A", "name": "standard"}}})
	if !arm.IsForbidden(err) || diagnosed(t, err) != "disallowed-by-policy" {
		t.Errorf("writing what is denied: %v", err)
	}
}

func TestWhatADeploymentStackDeniesIsReadAndDiagnosedP5(t *testing.T) {
	a := localAzure(t)
	c, _, caller := a.as(t, localazure.OwnerName)
	a.add(t, localazure.Principal{Name: "spared", Type: "sp"})
	_, _, spared := a.as(t, "spared")
	group := arm.GroupID(a.SubscriptionID(), "kept")
	put(t, c, arm.SubscriptionID(a.SubscriptionID())+"/providers/Microsoft.Resources/deploymentStacks/guard", "2024-03-01", tree{
		"location": "eastus2",
		"properties": tree{
			"actionOnUnmanage": tree{"resources": "detach"},
			"denySettings":     tree{"mode": "denyWriteAndDelete", "applyToChildScopes": true, "excludedPrincipals": []any{spared.ObjectID}},
			"template": tree{
				"$schema": "https://schema.management.azure.com/schemas/2018-05-01/subscriptionDeploymentTemplate.json#", "contentVersion": "1.0.0.0",
				"resources": []any{tree{"type": "Microsoft.Resources/resourceGroups", "apiVersion": "2021-04-01", "name": "kept", "location": "eastus2"}},
			},
		},
	})
	denies, err := c.DenyAssignments(t.Context(), group, "atScope()")
	if err != nil || len(denies) != 1 || !strings.EqualFold(denies[0].Scope, group) || !strings.Contains(denies[0].Name, "created by Deployment Stack") {
		t.Fatalf("denied %+v, %v", denies, err)
	}
	if d := denies[0]; !slices.Equal(d.PrincipalTypes, []string{"SystemDefined"}) || !slices.Equal(d.ExcludePrincipalTypes, []string{"ServicePrincipal"}) {
		t.Errorf("it names %v, and excludes %v", d.PrincipalTypes, d.ExcludePrincipalTypes)
	}
	_, err = c.PutGroup(t.Context(), a.SubscriptionID(), "kept", "eastus2", map[string]string{"a": "b"})
	var e *arm.Error
	if !errors.As(err, &e) || e.Status != http.StatusForbidden || e.Action != "Microsoft.Resources/subscriptions/resourceGroups/write" ||
		!strings.EqualFold(e.Scope, group) || diagnosed(t, err) != "deny-assignment" {
		t.Errorf("%s: %v", caller.ObjectID, err)
	}
}
