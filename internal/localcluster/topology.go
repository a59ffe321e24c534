package localcluster

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/kars-dev/kars/localazure"
)

// The addresses of a cluster's own network.
var (
	vnet            = netip.MustParsePrefix("10.224.0.0/16") // AKS' default, too
	controlAddress  = netip.MustParseAddr("10.224.0.1")
	firstNode       = netip.MustParseAddr("10.224.0.4") // Azure keeps .1 to .3 of a subnet for itself
	azureAddress    = netip.MustParseAddr("203.0.113.10")
	metadataAddress = netip.MustParseAddr("169.254.169.254")
	// dnsAddress is where Azure's machines find their DNS server;
	// learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16.
	dnsAddress = netip.MustParseAddr("168.63.129.16")
)

// apiServerPort is the API server's port inside the cluster, as at AKS.
const apiServerPort = 443

// topology is what a [localazure.ClusterSpec] comes to.
type topology struct {
	APIService netip.Addr // of Service kubernetes
	Machines   []machine
}

// machine is one node.
type machine struct {
	Name, Pool string
	Address    netip.Addr
	Pods       netip.Prefix
	Labels     map[string]string
	Taints     []taint
}

// taint is a taint as kubelet's configuration writes it.
type taint struct {
	Key    string `json:"key"`
	Value  string `json:"value,omitempty"`
	Effect string `json:"effect"`
}

// newTopology lays out the nodes of a cluster. The same spec always has the
// same nodes.
func newTopology(spec localazure.ClusterSpec) (topology, error) {
	services, err := netip.ParsePrefix(spec.ServiceCIDR)
	if err != nil {
		return topology{}, fmt.Errorf("service range: %w", err)
	}
	pods, err := netip.ParsePrefix(spec.PodCIDR)
	if err != nil {
		return topology{}, fmt.Errorf("pod range: %w", err)
	}
	if !pods.Addr().Is4() || !services.Addr().Is4() || pods.Bits() > 24 {
		return topology{}, fmt.Errorf("pod range %s and service range %s: need IPv4 ranges with a /24 for each node", pods, services)
	}
	dns, err := netip.ParseAddr(spec.DNSService)
	if err != nil || !services.Contains(dns) {
		return topology{}, fmt.Errorf("dns service address %q is not in the service range %s", spec.DNSService, services)
	}
	for _, r := range []netip.Prefix{pods, services} {
		if r.Overlaps(vnet) {
			return topology{}, fmt.Errorf("range %s overlaps the nodes' range %s", r, vnet)
		}
	}
	t := topology{APIService: services.Masked().Addr().Next()}
	address, subnet := firstNode, netip.PrefixFrom(pods.Masked().Addr(), 24)
	for _, pool := range spec.Pools {
		for i := range pool.Count {
			if !pods.Contains(subnet.Addr()) {
				return topology{}, fmt.Errorf("pod range %s has no room for node %d of pool %s", pods, i+1, pool.Name)
			}
			m, err := newMachine(spec.ID, pool, i)
			if err != nil {
				return topology{}, err
			}
			m.Address, m.Pods = address, subnet
			t.Machines = append(t.Machines, m)
			address, subnet = address.Next(), nextSubnet(subnet)
		}
	}
	if len(t.Machines) == 0 {
		return topology{}, fmt.Errorf("cluster %s has no nodes", spec.ID)
	}
	return t, nil
}

func newMachine(id string, pool localazure.Pool, index int) (machine, error) {
	m := machine{
		Name:   nodeName(id, pool.Name, index),
		Pool:   pool.Name,
		Labels: map[string]string{},
	}
	maps.Copy(m.Labels, pool.Labels)
	// learn.microsoft.com/azure/aks/use-labels#reserved-prefixes
	m.Labels["agentpool"] = pool.Name
	m.Labels["kubernetes.azure.com/agentpool"] = pool.Name
	m.Labels["kubernetes.azure.com/mode"] = strings.ToLower(pool.Mode)
	m.Labels["kubernetes.azure.com/role"] = "agent"
	for _, text := range pool.Taints {
		t, err := parseTaint(text)
		if err != nil {
			return machine{}, fmt.Errorf("pool %s: %w", pool.Name, err)
		}
		m.Taints = append(m.Taints, t)
	}
	return m, nil
}

// parseTaint reads "key=value:Effect"; the value may be missing.
func parseTaint(text string) (taint, error) {
	rest, effect, ok := strings.Cut(text, ":")
	if !ok || !slices.Contains([]string{"NoSchedule", "PreferNoSchedule", "NoExecute"}, effect) {
		return taint{}, fmt.Errorf("taint %q: need key=value:NoSchedule, PreferNoSchedule or NoExecute", text)
	}
	key, value, _ := strings.Cut(rest, "=")
	if key == "" {
		return taint{}, fmt.Errorf("taint %q has no key", text)
	}
	return taint{Key: key, Value: value, Effect: effect}, nil
}

func nextSubnet(p netip.Prefix) netip.Prefix {
	b := p.Addr().As4()
	n := binary.BigEndian.Uint32(b[:]) + 256
	binary.BigEndian.PutUint32(b[:], n)
	return netip.PrefixFrom(netip.AddrFrom4(b), p.Bits())
}

// nodeName is a node's name in the form of AKS: eight digits that belong to
// the cluster, and the instance's number in base 36.
func nodeName(id, pool string, index int) string {
	sum := sha256.Sum256([]byte(strings.ToLower(id)))
	digits := binary.BigEndian.Uint32(sum[:4]) % 1e8
	instance := strconv.FormatInt(int64(index), 36)
	return fmt.Sprintf("aks-%s-%08d-vmss%s%s", pool, digits, strings.Repeat("0", max(0, 6-len(instance))), instance)
}

// key names the cluster with this ARM id below this home: folders, control
// groups and the port of the relay derive from it, so that two homes on one
// machine do not meet.
func key(home, id string) string {
	sum := sha256.Sum256([]byte(home + "\x00" + strings.ToLower(id)))
	return hex.EncodeToString(sum[:4])
}

// folder is the name of the cluster's folder: its name, for people, and a hash
// of its id, since two groups may hold clusters of one name.
func folder(id string) string {
	sum := sha256.Sum256([]byte(strings.ToLower(id)))
	return strings.ToLower(path.Base(id)) + "-" + hex.EncodeToString(sum[:4])
}
