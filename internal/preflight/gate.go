package preflight

import (
	"slices"
	"strings"
)

// A Gate says from which verdict on a finding keeps a run from starting. The
// zero value is [GateError].
type Gate string

// The gates, from lenient to strict. Each stops what those before it stop.
const (
	GateError   Gate = "error"   // what blocks
	GateUnknown Gate = "unknown" // and what could not be decided
	GateWarning Gate = "warning" // and every warning
)

// Gates are all of them.
func Gates() []Gate { return []Gate{GateError, GateUnknown, GateWarning} }

// IsGate reports whether a word names a gate.
func IsGate(word string) bool { return slices.Contains(Gates(), Gate(word)) }

// GateNames lists the gates for a person.
func GateNames() string {
	names := make([]string, 0, len(Gates()))
	for _, g := range Gates() {
		names = append(names, string(g))
	}
	return strings.Join(names, ", ")
}

// Stops reports whether a finding keeps the run from starting. One that a
// baseline accepts never does.
func (g Gate) Stops(f Finding) bool {
	switch {
	case f.Accepted != nil:
		return false
	case f.Blocks:
		return true
	case f.Verdict == Unknown:
		return g == GateUnknown || g == GateWarning
	case f.Verdict == Warn:
		return g == GateWarning
	}
	return false
}

// Of decides about a whole report: blocked if something that is known stops
// the run, undecided if only what is not known does.
func (g Gate) Of(r Report) (blocked, undecided bool) {
	for _, f := range r.Findings {
		switch {
		case !g.Stops(f):
		case f.Verdict == Unknown && !f.Blocks:
			undecided = true
		default:
			blocked = true
		}
	}
	return blocked, undecided && !blocked
}
