package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/kars-dev/kars/internal/preflight"
)

// explained is what --explain asks for.
type explained struct {
	asked  bool
	action string // or a pattern of actions; all that do not pass if empty
}

// explainArgs takes the action that may follow --explain.
func explainArgs(flags *preflightFlags) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if !flags.explain.asked || len(args) > 1 {
			return noArgs(cmd, args)
		}
		if len(args) == 1 {
			flags.explain.action = args[0]
		}
		return nil
	}
}

// writeExplanations writes, for each need, by which role assignments it is met,
// or why by none and what would change that.
func writeExplanations(w io.Writer, x preflight.Explanations) {
	line := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format+"\n", args...) }
	if len(x.Needs) == 0 {
		line("nothing to explain: every permission passes; for one of them: kars preflight --explain Microsoft.KeyVault/vaults/write")
	}
	for _, n := range x.Needs {
		line("%s at %s: %s", n.Action, n.Scope, n.Verdict)
		line("  the step %s needs it: %s", n.Step, n.Why)
		if len(n.Grants) == 0 && len(n.Notes) == 0 {
			line("  no role assignment of yours applies there")
		}
		for _, g := range n.Grants {
			line("  %s", grantLine(g))
			for _, c := range g.Condition {
				line("    %s", c)
			}
		}
		for _, d := range n.Denies {
			line("  %s", denyLine(d))
			for _, c := range d.Condition {
				line("    %s", c)
			}
		}
		for _, note := range n.Notes {
			line("  %s", note)
		}
		for _, fix := range n.Fix {
			line("  to change it: %s", fix.Text)
			if fix.Command != "" {
				line("    %s", fix.Command)
			}
		}
		line("")
	}
}

// grantLine is one role assignment: assignment, definition, pattern, scope.
func grantLine(g preflight.Derivation) string {
	held := fmt.Sprintf("%s at %s, held by %s", g.Name, g.Scope, g.Principal)
	switch {
	case g.Pattern == "":
		return held + ": does not name it"
	case g.Except != "":
		return fmt.Sprintf("%s: %s names it, but notActions %s takes it away", held, g.Pattern, g.Except)
	case g.Verdict == "allowed":
		return fmt.Sprintf("%s: %s grants it", held, g.Pattern)
	case g.Verdict == "unknown":
		return fmt.Sprintf("%s: %s grants it if its condition holds", held, g.Pattern)
	default:
		return fmt.Sprintf("%s: %s would grant it, but its condition does not hold", held, g.Pattern)
	}
}

func denyLine(d preflight.Derivation) string {
	denial := fmt.Sprintf("deny assignment %s at %s", d.Name, d.Scope)
	switch {
	case d.Spares != "":
		return denial + ": " + d.Spares
	case d.Verdict == "denied":
		return fmt.Sprintf("%s: %s takes it away", denial, d.Pattern)
	default:
		return fmt.Sprintf("%s: %s may take it away", denial, d.Pattern)
	}
}
