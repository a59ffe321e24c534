package guard

import (
	"fmt"

	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// rule is one line of the ruleset: when all matches hold, the connection is
// marked, if it is to be, and the verdict is given.
type rule struct {
	name    string
	matches []match
	marks   bool
	verdict expr.VerdictKind
}

// match is a comparison of something that is loaded into a register.
type match []expr.Any

// rules is the ruleset in order. Two things decide the order. A packet that no
// socket stands for any more (the last acknowledgements of a closed
// connection, resets, neighbour discovery) matches no user at all, so that
// what is let out for the kernel's sake comes after the agent's packets have
// been dropped. And an agent's answers on its own port are established
// traffic, which only loopback may carry.
//
// Packets without a user may be the agent's for all that: SYN cookies of a port
// that it listens on, and what the kernel sends again of a connection that it
// closed. So they leave only on connections that carry a mark, which packets of
// trusted users alone put there.
func (p Policy) rules() []rule {
	var out []rule
	for _, uid := range p.Trusted {
		out = append(out, rule{name: fmt.Sprintf("user %d", uid), matches: []match{user(uid)}, marks: true, verdict: expr.VerdictAccept})
	}
	toRouter := []match{user(p.Agent), loopback(), ipv4(), to(p.Router.Addr().As4()), tcpTo(p.Router.Port())}
	out = append(out,
		rule{name: "agent to router", matches: toRouter, verdict: expr.VerdictAccept},
		rule{name: "answers on loopback", matches: []match{loopback(), established()}, verdict: expr.VerdictAccept},
		rule{name: "agent", matches: []match{user(p.Agent)}, verdict: expr.VerdictDrop},
		rule{name: "answers of trusted users", matches: []match{established(), marked()}, verdict: expr.VerdictAccept},
	)
	for _, uid := range p.Forwarders {
		forward := []match{user(uid), loopback(), tcpTo(p.KubeletPort)}
		out = append(out, rule{name: fmt.Sprintf("port-forward by user %d", uid), matches: forward, verdict: expr.VerdictAccept})
	}
	// Router solicitation, neighbour solicitation and advertisement, multicast
	// listener report: without them IPv6 finds no neighbour (RFC 4861, 3810).
	for _, kind := range []byte{133, 135, 136, 143} {
		out = append(out, rule{name: fmt.Sprintf("neighbour discovery %d", kind), matches: []match{icmp6(kind)}, verdict: expr.VerdictAccept})
	}
	return out
}

func (r rule) exprs() []expr.Any {
	var out []expr.Any
	for _, m := range r.matches {
		out = append(out, m...)
	}
	if r.marks {
		out = append(out,
			&expr.Immediate{Register: 1, Data: mark()},
			&expr.Ct{Key: expr.CtKeyMARK, Register: 1, SourceRegister: true})
	}
	return append(out, &expr.Verdict{Kind: r.verdict})
}

// user matches the user that opened the sending socket, in the user namespace
// that owns the network namespace. Packets without a socket never match.
func user(uid uint32) match {
	return match{
		&expr.Meta{Key: expr.MetaKeySKUID, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binaryutil.NativeEndian.PutUint32(uid)},
	}
}

// loopback matches the interface lo, over which the pod's own address is
// reached too.
func loopback() match {
	name := make([]byte, unix.IFNAMSIZ)
	copy(name, "lo")
	return match{
		&expr.Meta{Key: expr.MetaKeyOIFNAME, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: name},
	}
}

func ipv4() match {
	return match{
		&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{unix.NFPROTO_IPV4}},
	}
}

// to matches the IPv4 destination, at byte 16 of the header.
func to(addr [4]byte) match {
	return match{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: 16, Len: 4},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: addr[:]},
	}
}

// tcpTo matches the TCP destination port, at byte 2 of the header.
func tcpTo(port uint16) match {
	return match{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{unix.IPPROTO_TCP}},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binaryutil.BigEndian.PutUint16(port)},
	}
}

// icmp6 matches an ICMPv6 type.
func icmp6(kind byte) match {
	return match{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{unix.IPPROTO_ICMPV6}},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 0, Len: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{kind}},
	}
}

// mark is what connections of trusted users carry. A pod's connections are
// tracked in its own network namespace, where nothing else marks any.
func mark() []byte { return binaryutil.NativeEndian.PutUint32(1) }

// marked matches connections on which a trusted user has sent.
func marked() match {
	return match{
		&expr.Ct{Key: expr.CtKeyMARK, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: mark()},
	}
}

// established matches packets of a connection that was let through before,
// and errors about one.
func established() match {
	mask := expr.CtStateBitESTABLISHED | expr.CtStateBitRELATED
	return match{
		&expr.Ct{Key: expr.CtKeySTATE, Register: 1},
		&expr.Bitwise{
			SourceRegister: 1, DestRegister: 1, Len: 4,
			Mask: binaryutil.NativeEndian.PutUint32(mask),
			Xor:  binaryutil.NativeEndian.PutUint32(0),
		},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: binaryutil.NativeEndian.PutUint32(0)},
	}
}
