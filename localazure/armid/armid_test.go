package armid_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kars-dev/kars/localazure/armid"
)

func TestParse(t *testing.T) {
	type want struct{ Type, Name, Parent, Container, Rest string }
	const group = "/subscriptions/s/resourceGroups/g"
	for name, c := range map[string]struct {
		path string
		want want
	}{
		"the tenant":       {"/", want{Type: "Microsoft.Resources/tenants", Parent: "/"}},
		"a subscription":   {"/subscriptions/s", want{"Microsoft.Resources/subscriptions", "s", "/", "/subscriptions/s", ""}},
		"a resource group": {"/subscriptions/s/resourcegroups/g", want{"Microsoft.Resources/subscriptions/resourceGroups", "g", "/subscriptions/s", group, ""}},
		"a resource": {
			group + "/providers/Microsoft.Network/virtualNetworks/v",
			want{"Microsoft.Network/virtualNetworks", "v", group, group, ""},
		},
		"a child": {
			group + "/providers/Microsoft.Network/virtualNetworks/v/subnets/n",
			want{"Microsoft.Network/virtualNetworks/subnets", "n", group + "/providers/Microsoft.Network/virtualNetworks/v", group, ""},
		},
		"an extension of a resource": {
			group + "/providers/Microsoft.KeyVault/vaults/v/providers/Microsoft.Authorization/roleAssignments/a",
			want{"Microsoft.Authorization/roleAssignments", "a", group + "/providers/Microsoft.KeyVault/vaults/v", group, ""},
		},
		"a collection in a group": {
			group + "/providers/Microsoft.Network/virtualNetworks",
			want{"Microsoft.Network", "g", "/subscriptions/s", group, "virtualNetworks"},
		},
		"a collection of children": {
			group + "/providers/Microsoft.Network/virtualNetworks/v/subnets",
			want{"Microsoft.Network/virtualNetworks", "v", group, group, "subnets"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			id, err := armid.Parse(c.path)
			if err != nil {
				t.Fatal(err)
			}
			got := want{id.Type(), id.Name(), id.Parent().String(), id.Container(), id.Rest}
			if id.Rest != "" {
				got.Name = id.Target().Name()
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("Parse(%q) (-want +got):\n%s", c.path, diff)
			}
		})
	}
}

func TestAMalformedIDIsAnError(t *testing.T) {
	for _, path := range []string{"/subscriptions//resourceGroups/g", "/subscriptions/s/foo/bar", "/a/b/c"} {
		if id, err := armid.Parse(path); err == nil {
			t.Errorf("Parse(%q) = %+v, want an error", path, id)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v/subnets/n")
	f.Add("/subscriptions/s/providers/Microsoft.Authorization/roleAssignments")
	f.Add("/providers/providers/providers/providers")
	f.Fuzz(func(t *testing.T, path string) {
		id, err := armid.Parse(path)
		if err != nil {
			return
		}
		written := id.String()
		again, err := armid.Parse(written)
		if err != nil {
			t.Fatalf("Parse(%q) = %q, which does not parse: %v", path, written, err)
		}
		if again.String() != written {
			t.Errorf("%q is written as %q and then as %q", path, written, again)
		}
		if !strings.EqualFold(strings.Trim(written, "/"), strings.Trim(path, "/")) {
			t.Errorf("%q is written as %q", path, written)
		}
		_, _, _, _ = id.Parent(), id.Name(), id.Type(), id.FullName()
	})
}
