package guard

import (
	"fmt"
	"reflect"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
)

// verify reads the ruleset back and compares it, rule by rule.
func verify(conn *nftables.Conn, p Policy) error {
	table := &nftables.Table{Family: nftables.TableFamilyINet, Name: Table}
	chains, err := conn.ListChainsOfTableFamily(nftables.TableFamilyINet)
	if err != nil {
		return fmt.Errorf("reading the chains back: %w", err)
	}
	var chain *nftables.Chain
	for _, c := range chains {
		if c.Table.Name == Table && c.Name == Chain {
			chain = c
		}
	}
	switch {
	case chain == nil:
		return fmt.Errorf("the chain %s of table %s is not there", Chain, Table)
	case chain.Hooknum == nil || *chain.Hooknum != *nftables.ChainHookOutput:
		return fmt.Errorf("the chain %s is not at the output hook", Chain)
	case chain.Policy == nil || *chain.Policy != nftables.ChainPolicyDrop:
		return fmt.Errorf("the policy of chain %s is not to drop", Chain)
	}
	got, err := conn.GetRules(table, chain)
	if err != nil {
		return fmt.Errorf("reading the rules back: %w", err)
	}
	want := p.rules()
	if len(got) != len(want) {
		return fmt.Errorf("there are %d rules, not %d", len(got), len(want))
	}
	for i, r := range want {
		if !reflect.DeepEqual(got[i].Exprs, asRead(r.exprs())) {
			return fmt.Errorf("rule %d (%s) is not as it was written", i+1, r.name)
		}
	}
	return nil
}

// asRead is how expressions come back. The library does not read the register
// that a mark is set from, and leaves it at zero; one that a mark is loaded
// into is never zero, so that the two cannot be taken for each other.
func asRead(written []expr.Any) []expr.Any {
	for i, e := range written {
		if ct, ok := e.(*expr.Ct); ok && ct.SourceRegister {
			written[i] = &expr.Ct{Key: ct.Key}
		}
	}
	return written
}
