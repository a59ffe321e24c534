package preflight

import "github.com/kars-dev/kars/internal/plan"

// decides reports whether a need comes to a finding of its own. A right to look
// does not: what it leaves undecided says so itself. Nor does the making of the
// resource group, the one thing that is used as it is, where it is there (U10).
func (f Facts) decides(n plan.Need) bool {
	return !n.Proof && (!n.OnlyIfAbsent || !f.Group.Value.Exists)
}

// matters reports whether a need is of a right that decides about the run.
func (f Facts) matters(n plan.Need) bool {
	return (n.Kind == plan.NeedAction || n.Kind == plan.NeedData) && f.decides(n)
}
