package rbac

import "fmt"

// Lines tells the derivation, a line each, deeper lines indented by two spaces
// for each level. They carry no capitals at their start and no full stops.
func (x Explanation) Lines() []string {
	out := []string{
		fmt.Sprintf("%s at %s is %s", x.Request.Action, x.Request.Scope, x.Decision.Verdict),
		"  " + x.Decision.Reason,
	}
	out = append(out, counted(len(x.Grants), "role assignment", "applies to the caller", "apply to the caller"))
	for _, g := range x.Grants {
		out = append(out, "  "+g.String())
		out = append(out, clauseLines(g.Clauses, g.Problem)...)
	}
	if len(x.Denies) == 0 {
		return out
	}
	out = append(out, counted(len(x.Denies), "deny assignment", "stands at or above the scope", "stand at or above the scope"))
	for _, d := range x.Denies {
		out = append(out, "  "+d.String())
		out = append(out, clauseLines(d.Clauses, d.Problem)...)
	}
	return out
}

func counted(n int, noun, one, many string) string {
	switch n {
	case 0:
		return "no " + noun + " " + one
	case 1:
		return "1 " + noun + " " + one
	}
	return fmt.Sprintf("%d %ss %s", n, noun, many)
}

func clauseLines(clauses []Clause, problem string) []string {
	var out []string
	if problem != "" {
		out = append(out, "    its condition cannot be evaluated: "+problem)
	}
	for _, c := range clauses {
		line := fmt.Sprintf("    %s: %s", c.Truth, c.Text)
		if c.Why != "" {
			line += " (" + c.Why + ")"
		}
		out = append(out, line)
	}
	return out
}

// String says who has what where, and what comes of it.
func (g ExplainedGrant) String() string {
	name := "role definition " + g.Assignment.RoleDefinitionID
	if g.Definition != nil {
		name = g.Definition.Name
	}
	where := " at " + g.Assignment.Scope
	if g.Inherited {
		where += " (inherited)"
	}
	return name + where + " to " + g.Assignment.PrincipalID + ": " + g.outcome()
}

func (g ExplainedGrant) outcome() string {
	switch {
	case g.Definition == nil:
		return "unknown, for nobody knows the role"
	case g.NotPattern != "":
		return "grants " + g.Pattern + ", but leaves out " + g.NotPattern
	case g.Pattern == "":
		return "grants nothing that matches"
	case g.Verdict == Allowed:
		return "grants " + g.Pattern
	case g.Verdict == Denied:
		return "grants " + g.Pattern + ", but its condition does not hold"
	default:
		return "grants " + g.Pattern + " under a condition that is not known to hold"
	}
}

// String says what is denied where, and whether that concerns the caller.
func (d ExplainedDeny) String() string {
	name := d.Assignment.Name + " at " + d.Assignment.Scope
	if d.Inherited {
		name += " (inherited)"
	}
	switch d.Takes {
	case Denied:
		return name + ": takes away " + d.Pattern
	case Unknown:
		return name + ": takes away " + d.Pattern + " under a condition that is not known to hold"
	}
	if d.Spares == NotAction {
		return name + ": takes away " + d.Pattern + ", but leaves out " + d.NotPattern
	}
	return name + ": takes nothing away, for " + string(d.Spares)
}
