package rbac_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/kars-dev/kars/internal/rbac"
	"github.com/kars-dev/kars/localazure/roledefinition"
)

// The local Azure's role definitions and those of another collection are two
// copies of what Azure documents. Where both have a role, both decide alike;
// only what Azure took from Contributor since stands in the newer one alone.
func TestTwoCopiesOfAzuresRolesDecideAlike(t *testing.T) {
	raw, err := os.ReadFile("testdata/builtin-roles.json")
	if err != nil {
		t.Fatal(err)
	}
	var theirs []struct {
		RoleName    string            `json:"roleName"`
		Permissions []rbac.Permission `json:"permissions"`
	}
	if err := json.Unmarshal(raw, &theirs); err != nil {
		t.Fatal(err)
	}
	var actions []string
	for _, d := range roledefinition.All() {
		for _, p := range d.Permissions {
			for _, pattern := range slices.Concat(p.Actions, p.NotActions, p.DataActions, p.NotDataActions) {
				actions = append(actions, strings.ReplaceAll(pattern, "*", "x/y"))
			}
		}
	}
	since := []string{"Microsoft.Subscription/cancel/action", "Microsoft.Subscription/enable/action", "Microsoft.Resources/deploymentStacks/manageDenySetting/action"}
	both := 0
	for _, their := range theirs {
		our, ok := roledefinition.ByName(their.RoleName)
		if !ok {
			continue
		}
		both++
		for _, action := range actions {
			for _, data := range []bool{false, true} {
				_, a := rbac.Permitted(our.Permissions, action, data)
				_, b := rbac.Permitted(their.Permissions, action, data)
				newer := slices.ContainsFunc(since, func(s string) bool { return strings.EqualFold(s, action) })
				if a != b && !newer {
					t.Errorf("%s grants %s (data %t): %t here, %t there", our.Name, action, data, a, b)
				}
			}
		}
	}
	if both < 8 {
		t.Errorf("only %d roles are in both", both)
	}
}
