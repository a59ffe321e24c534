package rbac

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseScope(t *testing.T) {
	tests := map[string]struct {
		id   string
		want Scope
		fail bool
	}{
		"the root":                             {id: "/", want: Scope{}},
		"a management group":                   {id: "/providers/Microsoft.Management/managementGroups/top", want: Scope{Kind: ManagementGroupScope, ManagementGroup: "top"}},
		"a subscription":                       {id: "/subscriptions/s", want: Scope{Kind: SubscriptionScope, Subscription: "s"}},
		"a group, whatever its case":           {id: "/Subscriptions/s/resourcegroups/G/", want: Scope{Kind: ResourceGroupScope, Subscription: "s", ResourceGroup: "G"}},
		"a resource":                           {id: vault, want: Scope{Kind: ResourceScope, Subscription: subscription[15:], ResourceGroup: "kars-eastus2", Type: "Microsoft.KeyVault/vaults", Name: "kars-kv"}},
		"a resource below a resource":          {id: "/subscriptions/s/resourceGroups/g/providers/M.Net/vnets/v/subnets/n", want: Scope{Kind: ResourceScope, Subscription: "s", ResourceGroup: "g", Type: "M.Net/vnets/subnets", Name: "v/n"}},
		"an extension of a resource":           {id: "/subscriptions/s/resourceGroups/g/providers/M.Net/vnets/v/providers/M.Auth/locks/l", want: Scope{Kind: ResourceScope, Subscription: "s", ResourceGroup: "g", Type: "M.Auth/locks", Name: "l"}},
		"a resource of a subscription":         {id: "/subscriptions/s/providers/M.Auth/roleDefinitions/r", want: Scope{Kind: ResourceScope, Subscription: "s", Type: "M.Auth/roleDefinitions", Name: "r"}},
		"nothing is no scope":                  {id: "", fail: true},
		"a path without its slash is no scope": {id: "subscriptions/s", fail: true},
		"a group needs a subscription":         {id: "/resourceGroups/g", fail: true},
		"an empty part":                        {id: "/subscriptions//resourceGroups/g", fail: true},
		"a type without a name":                {id: "/subscriptions/s/providers/M.Net/vnets", fail: true},
		"a child without a name":               {id: "/subscriptions/s/resourceGroups/g/providers/M.Net/vnets/v/subnets", fail: true},
		"words that are no ARM id":             {id: "/what/is/this", fail: true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := ParseScope(tt.id)
			if (err != nil) != tt.fail {
				t.Fatalf("got error %v, want one: %t", err, tt.fail)
			}
			if diff := cmp.Diff(tt.want, got); err == nil && diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestContainers(t *testing.T) {
	if g, ok := ResourceGroupOf(vault); !ok || g != group {
		t.Errorf("the vault's group is %q, want %q", g, group)
	}
	if g, ok := ResourceGroupOf(subscription); ok {
		t.Errorf("a subscription lies in the group %q, want none", g)
	}
	if s, ok := SubscriptionOf(vault); !ok || s != subscription {
		t.Errorf("the vault's subscription is %q, want %q", s, subscription)
	}
	if s, ok := SubscriptionOf("/providers/Microsoft.Management/managementGroups/top"); ok {
		t.Errorf("a management group lies in the subscription %q, want none", s)
	}
}

func FuzzScope(f *testing.F) {
	for _, seed := range []string{"/", vault, subscription, "//", "/providers/a/b/c", "/subscriptions/s/resourceGroups"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, id string) {
		if _, err := ParseScope(id); err != nil {
			return
		}
		if n := NormalizeScope(id); NormalizeScope(n) != n {
			t.Errorf("%q normalizes to %q, and that to something else", id, n)
		}
		if !Contains(id, id) || !Contains(Root, id) {
			t.Errorf("%q does not contain itself, or lies outside the root", id)
		}
		if g, ok := ResourceGroupOf(id); ok && !Contains(g, id) {
			t.Errorf("%q lies outside its group %q", id, g)
		}
	})
}
