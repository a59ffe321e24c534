package resource_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kars-dev/kars/localazure/armid"
	"github.com/kars-dev/kars/localazure/resource"
	"github.com/kars-dev/kars/localazure/store"
)

func TestDeletingAGroupRemovesWhatIsBelowItAndNothingElse(t *testing.T) {
	st, err := store.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	const group = "/subscriptions/s/resourceGroups/g"
	ids := []string{
		group,
		group + "/providers/Microsoft.KeyVault/vaults/v",
		group + "/providers/Microsoft.KeyVault/vaults/v/providers/Microsoft.Authorization/roleAssignments/a",
		group + "x",
		"/subscriptions/s/resourceGroups/f",
	}
	var left []string
	var before, after uint64
	err = st.Update(func(tx *store.Tx) error {
		for _, s := range ids {
			id, err := armid.Parse(s)
			if err != nil {
				return err
			}
			if err := resource.Put(tx, id, store.Tree{"id": s}); err != nil {
				return err
			}
		}
		if before, err = resource.AccessRevision(tx); err != nil {
			return err
		}
		if err := resource.DeleteWithin(tx, "/subscriptions/S/resourcegroups/G"); err != nil {
			return err
		}
		if after, err = resource.AccessRevision(tx); err != nil {
			return err
		}
		return resource.Each(tx, "/subscriptions/s", func(r resource.Resource) error {
			left = append(left, r.ID.String())
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"/subscriptions/s/resourceGroups/f", group + "x"}, left); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if before == after {
		t.Error("the access revision did not change although a role assignment went")
	}
}
