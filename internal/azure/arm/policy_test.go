package arm

import (
	"strings"
	"testing"
)

func TestAnIDTellsTypeNameAndParent(t *testing.T) {
	const group = "/subscriptions/s/resourceGroups/g"
	for id, want := range map[string][3]string{
		group: {"Microsoft.Resources/subscriptions/resourceGroups", "g", ""},
		group + "/providers/Microsoft.KeyVault/vaults/v":                                                     {"Microsoft.KeyVault/vaults", "v", ""},
		group + "/providers/Microsoft.KeyVault/vaults/v/secrets/s":                                           {"Microsoft.KeyVault/vaults/secrets", "s", group + "/providers/Microsoft.KeyVault/vaults/v"},
		group + "/providers/Microsoft.KeyVault/vaults/v/providers/Microsoft.Authorization/roleAssignments/a": {"Microsoft.Authorization/roleAssignments", "a", group + "/providers/Microsoft.KeyVault/vaults/v"},
		group + "/providers/Microsoft.Authorization/roleAssignments/a":                                       {"Microsoft.Authorization/roleAssignments", "a", ""},
	} {
		kind, name, parent := split(id)
		if got := [3]string{kind, name, parent}; got != want {
			t.Errorf("%s: %q, want %q", id, got, want)
		}
	}
}

// FuzzSplit proves that no id, however odd, ends the program, and that a parent
// is a part of the id.
func FuzzSplit(f *testing.F) {
	f.Add("/subscriptions/s/resourceGroups/g/providers/A.B/c/n/d/m")
	f.Add("/providers/A.B/providers/c")
	f.Fuzz(func(t *testing.T, id string) {
		_, name, parent := split(id)
		if !strings.Contains(id, name) || !strings.Contains("/"+strings.Trim(id, "/"), parent) {
			t.Fatalf("%q has the name %q and the parent %q", id, name, parent)
		}
	})
}
