package provision

import (
	"strings"
	"testing"

	"github.com/kars-dev/kars/internal/plan"
)

func (w *world) down(t *testing.T, o plan.Options) (*Run, DownResult) {
	t.Helper()
	r := w.run(t, o, nil)
	result, err := Down(t.Context(), r)
	if err != nil {
		t.Fatalf("down: %v after %s", err, steps(result.Steps))
	}
	if err := r.Journal.Close(); err != nil {
		t.Fatal(err)
	}
	return r, result
}

func TestDownTakesTheGroupAndListsWhatAzureKeeps(t *testing.T) {
	w := newWorld(t)
	w.up(t, plan.Options{})
	r, result := w.down(t, plan.Options{})
	if got, want := steps(result.Steps), "sandboxes unchanged, trust unchanged, group deleted"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if _, found, err := r.get(t.Context(), r.Plan.Group.ID, r.Plan.Group.APIVersion); found || err != nil {
		t.Errorf("the group: found %t, %v", found, err)
	}
	if len(result.Kept) != 2 || !strings.Contains(result.Kept[0].ID, "/deletedVaults/") || !strings.Contains(result.Kept[1].ID, "/deletedAccounts/") {
		t.Errorf("kept %+v, want the vault and the account", result.Kept)
	}
	again, result := w.down(t, plan.Options{})
	if _, writes := again.ARM.Counts(); writes != 0 || steps(result.Steps) != "sandboxes unchanged, trust unchanged, group unchanged" {
		t.Errorf("a second time: %d writes, %s", writes, steps(result.Steps))
	}
	if _, got := w.up(t, plan.Options{}); got != allCreated {
		t.Errorf("up again: %s", got)
	}
}

func TestDownKeepsAGroupThatSomebodyElseMade(t *testing.T) {
	const storage = "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/theirs"
	w := newWorld(t)
	before := w.run(t, plan.Options{}, nil)
	group := before.Plan.Group
	put(t, before, group.ID, group.APIVersion, Tree{"location": "eastus2"})
	put(t, before, group.ID+storage, "2023-01-31", Tree{"location": "eastus2"})
	if _, err := w.apply(t, before); err != nil {
		t.Fatal(err)
	}
	r, result := w.down(t, plan.Options{})
	last := result.Steps[len(result.Steps)-1]
	if !strings.Contains(last.Detail, "kars-eastus2 stays: it was not made by kars") {
		t.Errorf("got %+v", last)
	}
	get(t, r, group.ID, group.APIVersion)
	get(t, r, group.ID+storage, "2023-01-31")
	for _, res := range r.Plan.Resources {
		if _, found, err := r.get(t.Context(), res.ID, res.APIVersion); found || err != nil {
			t.Errorf("%s: found %t, %v", res.ID, found, err)
		}
	}
	_, result = w.down(t, plan.Options{})
	if got := steps(result.Steps); got != "sandboxes unchanged, trust unchanged, group unchanged" {
		t.Errorf("a second time: %s", got)
	}
}

func TestDownTakesItsRoleAssignmentsFromAnAccountThatStays(t *testing.T) {
	w := newWorld(t)
	before := w.run(t, plan.Options{}, nil)
	group := "/subscriptions/" + before.Plan.SubscriptionID + "/resourceGroups/models"
	account := group + "/providers/Microsoft.CognitiveServices/accounts/everybodys"
	put(t, before, group, before.Plan.Group.APIVersion, Tree{"location": "eastus2"})
	put(t, before, account, "2025-06-01", Tree{
		"location": "eastus2", "kind": "AIServices", "sku": Tree{"name": "S0"},
		"properties": Tree{"customSubDomainName": "everybodys"},
	})
	if err := before.Journal.Close(); err != nil {
		t.Fatal(err)
	}
	at := func() (n int) {
		all, err := before.ARM.RoleAssignments(t.Context(), account, "atScope()")
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range all {
			if strings.EqualFold(a.Scope, account) {
				n++
			}
		}
		return n
	}
	o := plan.Options{FoundryEndpoint: "https://everybodys.openai.azure.com/", FoundryID: account}
	if w.up(t, o); at() != 1 {
		t.Fatalf("there are %d role assignments at the account, want the controller's", at())
	}
	r, result := w.down(t, o)
	if at() != 0 {
		t.Errorf("there are %d role assignments at the account, want none", at())
	}
	get(t, r, account, "2025-06-01")
	if len(result.Kept) != 1 || !strings.Contains(result.Kept[0].ID, "/deletedVaults/") {
		t.Errorf("kept %+v, want the vault alone", result.Kept)
	}
}

func TestDownOfOneClusterLeavesAnotherInTheSameGroup(t *testing.T) {
	first, second := plan.Options{ResourceGroup: "g", ClusterName: "first"}, plan.Options{ResourceGroup: "g", ClusterName: "second"}
	for says, test := range map[string]struct{ gone, stays plan.Options }{
		"the one that made the group goes": {first, second},
		"the other goes":                   {second, first},
	} {
		w := newWorld(t)
		w.up(t, first)
		w.up(t, second)
		w.down(t, test.gone)
		if _, got := w.up(t, test.stays); got != allUnchanged {
			t.Errorf("%s: the one that stays is %s", says, got)
		}
	}
}
