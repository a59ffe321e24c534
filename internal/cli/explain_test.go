package cli

import (
	"bytes"
	"strings"
	"testing"

	"github.com/kars-dev/kars/internal/preflight"
	"github.com/kars-dev/kars/internal/report"
)

// What Azure and its users have written stands in the evidence.
func TestWhatUpExplainsCannotSteerTheTerminal(t *testing.T) {
	var out, said bytes.Buffer
	a := &app{printer: report.New(report.Options{Out: &out, Err: &said})}
	note := []string{"its note says: \x1b]0;owned\x07"}
	a.explain(preflight.Report{Findings: []preflight.Finding{
		{Verdict: preflight.Warn, Subject: "lock", Evidence: note},
		{Verdict: preflight.Unknown, Subject: "policy", Evidence: note},
	}}, preflight.GateError)
	if strings.ContainsAny(said.String(), "\x1b\x07") || strings.Count(said.String(), "owned") != 2 {
		t.Errorf("it says %q", said.String())
	}
}
