// Package pipeline renders a report of preflight for what runs it unattended:
// SARIF for code scanning, JUnit for test reports, Markdown for a comment on a
// pull request, and GitHub's annotations.
//
// All of them are pure, and say the same: which findings there are, which of
// them stop the run, what changes them, and where they are explained.
package pipeline

import (
	"fmt"
	"path"
	"strings"

	"github.com/kars-dev/kars/internal/preflight"
)

// Options are what a rendering takes beside the report.
type Options struct {
	Version string         // of kars, as "0.1.0"
	Gate    preflight.Gate // what stops the run; it tells failures from remarks
}

// place is what a person calls a scope.
func place(scope string) string {
	switch parent, name := path.Split(scope); {
	case scope == "/":
		return "the tenant"
	case parent == "/subscriptions/":
		return "the subscription"
	default:
		return name
	}
}

// headline says a finding in one line, as
// "Microsoft.KeyVault/vaults/write at kars-kv-abc123: make the key vault".
func headline(f preflight.Finding) string {
	s := f.Subject
	if where := place(f.Scope); where != f.Subject {
		s += " at " + where
	}
	if f.Why != "" {
		s += ": " + f.Why
	}
	return s
}

// details are the evidence and the fixes, a line each, commands indented.
func details(f preflight.Finding) string {
	var b strings.Builder
	for _, e := range f.Evidence {
		b.WriteString(e + "\n")
	}
	if f.Accepted != nil {
		b.WriteString(acceptance(*f.Accepted) + "\n")
	}
	for _, fix := range f.Fix {
		b.WriteString(fix.Text)
		if fix.Command != "" {
			b.WriteString(":\n  " + fix.Command)
		}
		b.WriteString("\n")
	}
	return b.String()
}

func acceptance(a preflight.Acceptance) string {
	if a.Expires != "" {
		return fmt.Sprintf("accepted until %s: %s", a.Expires, a.Reason)
	}
	return "accepted: " + a.Reason
}
