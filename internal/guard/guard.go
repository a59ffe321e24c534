// Package guard closes a sandbox pod's network to its agent. [Install] writes
// an nftables ruleset by netlink in the network namespace that it runs in and
// reads it back; [StrictProfile] is the seccomp profile that goes with it.
//
// The ruleset lets out what its users are known to need, and drops the rest:
// the agent reaches the router's port on loopback and nothing else, over IPv4
// or IPv6. It must run with CAP_NET_ADMIN over the namespace, before any
// container of the pod; a pod whose guard fails does not start.
package guard

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/google/nftables"
)

// Table and Chain name what [Install] writes, in the family inet.
const (
	Table = "kars"
	Chain = "output"
)

// Policy says who may send what.
type Policy struct {
	// Agent is the user of the agent container.
	Agent uint32
	// Trusted are the users of router and token sidecar, which may send
	// anywhere. Where they may go beyond that is for NetworkPolicies.
	Trusted []uint32
	// Router is the only address that the agent may send to, on loopback.
	Router netip.AddrPort
	// KubeletPort is the router's port for the kubelet, at which a
	// port-forward arrives over loopback.
	KubeletPort uint16
	// Forwarders are the users that port-forwards come from: the container
	// runtime is root on the node, which inside a user namespace looks like
	// the overflow user.
	Forwarders []uint32
}

// DefaultPolicy is the policy of every sandbox pod.
func DefaultPolicy() Policy {
	return Policy{
		Agent:       1000,
		Trusted:     []uint32{1001, 1002},
		Router:      netip.MustParseAddrPort("127.0.0.1:8443"),
		KubeletPort: 9090,
		Forwarders:  []uint32{0, 65534},
	}
}

// Install writes the policy's ruleset in one transaction, in place of an
// earlier one, and reads it back. Without an error the ruleset is in force.
func Install(p Policy) (err error) {
	if err := p.check(); err != nil {
		return err
	}
	conn, err := nftables.New(nftables.AsLasting())
	if err != nil {
		return fmt.Errorf("opening netlink: %w", err)
	}
	defer func() { err = errors.Join(err, conn.CloseLasting()) }()
	table := &nftables.Table{Family: nftables.TableFamilyINet, Name: Table}
	// Adding before deleting makes the deletion succeed in any case.
	conn.AddTable(table)
	conn.DelTable(table)
	conn.AddTable(table)
	drop := nftables.ChainPolicyDrop
	chain := conn.AddChain(&nftables.Chain{
		Name:     Chain,
		Table:    table,
		Type:     nftables.ChainTypeFilter,
		Hooknum:  nftables.ChainHookOutput,
		Priority: nftables.ChainPriorityFilter,
		Policy:   &drop,
	})
	for _, r := range p.rules() {
		conn.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: r.exprs(), UserData: []byte(r.name)})
	}
	if err := conn.Flush(); err != nil {
		return fmt.Errorf("writing the ruleset: %w", err)
	}
	return verify(conn, p)
}

// Verify checks that exactly the policy's ruleset is in force.
func Verify(p Policy) (err error) {
	conn, err := nftables.New(nftables.AsLasting())
	if err != nil {
		return fmt.Errorf("opening netlink: %w", err)
	}
	defer func() { err = errors.Join(err, conn.CloseLasting()) }()
	return verify(conn, p)
}

func (p Policy) check() error {
	switch {
	case p.Agent == 0:
		return errors.New("guard: the agent must not be root")
	case !p.Router.Addr().Is4() || !p.Router.Addr().IsLoopback() || p.Router.Port() == 0:
		return fmt.Errorf("guard: router %s is not a port on IPv4 loopback", p.Router)
	case p.KubeletPort == 0 || p.KubeletPort == p.Router.Port():
		return fmt.Errorf("guard: kubelet port %d cannot be used", p.KubeletPort)
	}
	for _, uid := range append(append([]uint32{}, p.Trusted...), p.Forwarders...) {
		if uid == p.Agent {
			return fmt.Errorf("guard: user %d cannot be the agent and trusted", uid)
		}
	}
	return nil
}
