package localcluster

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/kars-dev/kars/localazure"
)

func pools(p ...localazure.Pool) localazure.ClusterSpec {
	return localazure.ClusterSpec{
		ID:          "/subscriptions/0/resourceGroups/rg/providers/Microsoft.ContainerService/managedClusters/kars-aks",
		ServiceCIDR: "10.0.0.0/16", DNSService: "10.0.0.10", PodCIDR: "10.244.0.0/23", Pools: p,
	}
}

func TestTopologyGivesEachNodeAnAddressAndPods(t *testing.T) {
	got, err := newTopology(pools(
		localazure.Pool{Name: "system", Mode: "System", Count: 1, Taints: []string{"CriticalAddonsOnly=true:NoSchedule"}},
		localazure.Pool{Name: "clawpool", Mode: "User", Count: 1, Labels: map[string]string{"a": "b"}},
	))
	if err != nil {
		t.Fatal(err)
	}
	want := topology{
		APIService: netip.MustParseAddr("10.0.0.1"),
		Machines: []machine{{
			Name: "aks-system-06163375-vmss000000", Pool: "system",
			Address: netip.MustParseAddr("10.224.0.4"), Pods: netip.MustParsePrefix("10.244.0.0/24"),
			Labels: map[string]string{
				"agentpool": "system", "kubernetes.azure.com/agentpool": "system",
				"kubernetes.azure.com/mode": "system", "kubernetes.azure.com/role": "agent",
			},
			Taints: []taint{{Key: "CriticalAddonsOnly", Value: "true", Effect: "NoSchedule"}},
		}, {
			Name: "aks-clawpool-06163375-vmss000000", Pool: "clawpool",
			Address: netip.MustParseAddr("10.224.0.5"), Pods: netip.MustParsePrefix("10.244.1.0/24"),
			Labels: map[string]string{
				"a": "b", "agentpool": "clawpool", "kubernetes.azure.com/agentpool": "clawpool",
				"kubernetes.azure.com/mode": "user", "kubernetes.azure.com/role": "agent",
			},
		}},
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTopologyRefusesWhatCannotBe(t *testing.T) {
	one := localazure.Pool{Name: "system", Mode: "System", Count: 1}
	for name, test := range map[string]struct {
		change func(*localazure.ClusterSpec)
		want   string
	}{
		"more nodes than the pod range has room for": {func(s *localazure.ClusterSpec) { s.Pools[0].Count = 3 }, "no room for node 3"},
		"a service range that nodes live in":         {func(s *localazure.ClusterSpec) { s.ServiceCIDR, s.DNSService = "10.224.0.0/16", "10.224.0.10" }, "overlaps"},
		"a DNS server outside of the services":       {func(s *localazure.ClusterSpec) { s.DNSService = "10.1.0.10" }, "is not in the service range"},
		"a pod range that is none":                   {func(s *localazure.ClusterSpec) { s.PodCIDR = "pods" }, "pod range"},
		"a pod range in IPv6":                        {func(s *localazure.ClusterSpec) { s.PodCIDR = "fd00::/64" }, "need IPv4"},
		"no nodes":                                   {func(s *localazure.ClusterSpec) { s.Pools = nil }, "has no nodes"},
		"a taint without effect":                     {func(s *localazure.ClusterSpec) { s.Pools[0].Taints = []string{"a=b"} }, `taint "a=b"`},
	} {
		t.Run(name, func(t *testing.T) {
			spec := pools(one)
			test.change(&spec)
			if _, err := newTopology(spec); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error with %q", err, test.want)
			}
		})
	}
}

func TestNodeNamesCountInBase36(t *testing.T) {
	for index, want := range map[int]string{0: "vmss000000", 10: "vmss00000a", 36: "vmss000010"} {
		if got := nodeName("id", "system", index); !strings.HasSuffix(got, want) {
			t.Errorf("node %d is %s, want …%s", index, got, want)
		}
	}
}

func TestTwoHomesDoNotMeet(t *testing.T) {
	if a, b := key("/home/a", "id"), key("/home/b", "id"); a == b {
		t.Errorf("both homes have key %s", a)
	}
	if a, b := key("/home/a", "/Subscriptions/ID"), key("/home/a", "/subscriptions/id"); a != b {
		t.Errorf("an id in another case has key %s, want %s", b, a)
	}
}

func FuzzTaint(f *testing.F) {
	for _, s := range []string{"key=value:NoSchedule", "key:NoExecute", ":NoSchedule", "key=value", "a=b=c:PreferNoSchedule", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := parseTaint(text)
		if err != nil {
			return
		}
		again := got.Key + "=" + got.Value + ":" + got.Effect
		if back, err := parseTaint(again); err != nil || back != got {
			t.Errorf("%q is %+v, which is written %q and read as %+v, %v", text, got, again, back, err)
		}
	})
}
