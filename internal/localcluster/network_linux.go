package localcluster

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// bridgeName is the bridge that stands for the cluster's virtual network, in
// the control plane's namespace.
const bridgeName = "vnet"

// setUpControlNetwork makes the control plane's side; it runs in its
// namespace. Whatever is not for the cluster ends here, as unreachable.
func setUpControlNetwork() error {
	if err := setUpLoopback(); err != nil {
		return err
	}
	bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: bridgeName}}
	if err := netlink.LinkAdd(bridge); err != nil {
		return fmt.Errorf("making a bridge: %w", err)
	}
	addresses := []netip.Prefix{netip.PrefixFrom(controlAddress, vnet.Bits()), netip.PrefixFrom(dnsAddress, 32)}
	if err := setUpLink(bridge, addresses...); err != nil {
		return err
	}
	// Forwarding, with nowhere to forward to, makes the kernel answer with
	// "no route to host" where it would else stay silent.
	if err := setSysctls(); err != nil {
		return err
	}
	unreachable := &netlink.Route{Dst: ipNet(netip.MustParsePrefix("0.0.0.0/0")), Type: unix.RTN_UNREACHABLE}
	if err := netlink.RouteAdd(unreachable); err != nil {
		return fmt.Errorf("closing the way out: %w", err)
	}
	return nil
}

// plugIn gives a node a cable to the bridge; it runs in the control plane's
// namespace. network is the node's network namespace.
func plugIn(index int, m machine, network string) error {
	f, err := os.Open(network)
	if err != nil {
		return fmt.Errorf("opening the network of node %s: %w", m.Name, err)
	}
	defer f.Close()
	bridge, err := netlink.LinkByName(bridgeName)
	if err != nil {
		return err
	}
	cable := &netlink.Veth{
		LinkAttrs:     netlink.LinkAttrs{Name: fmt.Sprintf("node%d", index), MasterIndex: bridge.Attrs().Index},
		PeerName:      "eth0",
		PeerNamespace: netlink.NsFd(int(f.Fd())),
	}
	if err := netlink.LinkAdd(cable); err != nil {
		return fmt.Errorf("connecting node %s: %w", m.Name, err)
	}
	if err := netlink.LinkSetUp(cable); err != nil {
		return err
	}
	return routePods(m)
}

// setUpNodeNetwork makes a node's side of its cable; it runs in the node's
// namespace.
func setUpNodeNetwork(m machine, others []machine) error {
	if err := setUpLoopback(netip.PrefixFrom(azureAddress, 32), netip.PrefixFrom(metadataAddress, 32)); err != nil {
		return err
	}
	eth0, err := netlink.LinkByName("eth0")
	if err != nil {
		return err
	}
	if err := setUpLink(eth0, netip.PrefixFrom(m.Address, vnet.Bits())); err != nil {
		return err
	}
	if err := netlink.RouteAdd(&netlink.Route{Gw: controlAddress.AsSlice()}); err != nil {
		return fmt.Errorf("default route: %w", err)
	}
	for _, o := range others {
		if o.Name != m.Name {
			if err := routePods(o); err != nil {
				return err
			}
		}
	}
	return setSysctls()
}

// routePods sends what is for the pods of a node to that node.
func routePods(m machine) error {
	route := &netlink.Route{Dst: ipNet(m.Pods), Gw: m.Address.AsSlice()}
	if err := netlink.RouteAdd(route); err != nil {
		return fmt.Errorf("route to the pods of node %s: %w", m.Name, err)
	}
	return nil
}

func setUpLoopback(addresses ...netip.Prefix) error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	return setUpLink(lo, addresses...)
}

func setUpLink(link netlink.Link, addresses ...netip.Prefix) error {
	for _, a := range addresses {
		if err := netlink.AddrAdd(link, &netlink.Addr{IPNet: ipNet(a)}); err != nil {
			return fmt.Errorf("address %s at %s: %w", a, link.Attrs().Name, err)
		}
	}
	if err := netlink.LinkSetUp(link); err != nil {
		return fmt.Errorf("setting up %s: %w", link.Attrs().Name, err)
	}
	return nil
}

// setSysctls lets the network of the calling thread forward, and refuse what
// has nowhere to go at once each time: the kernel would else refuse a sender
// once a second and let the rest wait, as for a DNS server that starts.
func setSysctls() error {
	for name, value := range map[string]string{"ip_forward": "1", "icmp_ratelimit": "0"} {
		if err := os.WriteFile(filepath.Join("/proc/sys/net/ipv4", name), []byte(value), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}
