package pipeline

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"

	"github.com/kars-dev/kars/internal/preflight"
)

const home = "https://github.com/kars-dev/kars"

// SARIF writes the findings that did not pass as a log of SARIF 2.1.0: a rule
// for each id, a result for each finding.
//
// GitHub shows every result as an alert, whatever its kind, and finds an alert
// again by the partial fingerprint primaryLocationLineHash; there is no line
// here, so that it is made of the finding's key.
// docs.github.com/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning
func SARIF(w io.Writer, r preflight.Report, o Options) error {
	run := sarif.NewRunWithInformationURI("kars", home)
	run.Tool.Driver.WithVersion(o.Version)
	run.WithAutomationDetails(sarif.NewRunAutomationDetails().WithID("kars/preflight/"))
	run.AddInvocation(sarif.NewInvocation().WithExecutionSuccessful(true))
	for _, f := range r.Findings {
		if f.Verdict == preflight.Pass {
			continue
		}
		addRule(run, f)
		run.AddResult(result(run, f))
	}
	log := sarif.NewReport()
	log.AddRun(run)
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(log); err != nil {
		return fmt.Errorf("writing SARIF: %w", err)
	}
	return nil
}

func addRule(run *sarif.Run, f preflight.Finding) {
	rule := run.AddRule(f.ID).WithHelpURI(preflight.HelpURL(f.ID))
	rule.WithProperties(sarif.NewPropertyBag().Add("tags", []string{"azure", string(f.Category)}))
	if e, ok := preflight.EntryOf(f.ID); ok {
		rule.WithShortDescription(sarif.NewMultiformatMessageString().WithText(e.Title))
		rule.WithFullDescription(sarif.NewMultiformatMessageString().WithText(e.Checks))
		rule.WithHelp(sarif.NewMultiformatMessageString().WithText(e.Do).WithMarkdown(e.Do))
	}
}

func result(run *sarif.Run, f preflight.Finding) *sarif.Result {
	sum := fingerprint(f)
	out := sarif.NewRuleResult(f.ID).WithRuleIndex(run.GetRuleIndex(f.ID)).WithLevel(level(f.Verdict)).
		WithMessage(sarif.NewTextMessage(strings.TrimSpace(headline(f) + "\n" + details(f)))).
		WithFingerprints(map[string]string{"kars/v1": sum}).
		WithPartialFingerprints(map[string]string{"primaryLocationLineHash": sum}).
		WithProperties(sarif.NewPropertyBag().Add("verdict", string(f.Verdict)).Add("blocks", f.Blocks).Add("commands", commands(f)))
	out.AddLocation(location(f.Scope))
	if f.Accepted != nil {
		out.AddSuppression(sarif.NewSuppression().WithKind("external").WithStatus("accepted").WithJustification(acceptance(*f.Accepted)))
	}
	return out
}

// level is SARIF's word for a verdict. What could not be decided is no less
// than a warning.
func level(v preflight.Verdict) string {
	switch v {
	case preflight.Fail:
		return "error"
	case preflight.Warn, preflight.Unknown:
		return "warning"
	}
	return "none"
}

// location names the scope as what it is and, because viewers show no result
// that lies in no file, as a path too.
func location(scope string) *sarif.Location {
	file := (&url.URL{Path: strings.Trim(scope, "/")}).String()
	if file == "" {
		file = "tenant"
	}
	return sarif.NewLocation().
		WithPhysicalLocation(sarif.NewPhysicalLocation().
			WithArtifactLocation(sarif.NewSimpleArtifactLocation(file)).
			WithRegion(sarif.NewRegion().WithStartLine(1))).
		AddLogicalLocation(sarif.NewLogicalLocation().WithName(place(scope)).WithFullyQualifiedName(scope).WithKind("resource"))
}

// fingerprint tells a finding from all others, in every run: it is made of its
// key alone, in lower case as Azure compares both.
func fingerprint(f preflight.Finding) string {
	sum := sha256.Sum256([]byte(strings.ToLower(f.ID) + "\n" + strings.ToLower(f.Scope)))
	return hex.EncodeToString(sum[:])
}

func commands(f preflight.Finding) []string {
	out := []string{}
	for _, fix := range f.Fix {
		if fix.Command != "" {
			out = append(out, fix.Command)
		}
	}
	return out
}
