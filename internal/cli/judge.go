package cli

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"github.com/kars-dev/kars/internal/home"
	"github.com/kars-dev/kars/internal/preflight"
	"github.com/kars-dev/kars/internal/release"
	"github.com/kars-dev/kars/internal/report/pipeline"
)

// judgeFlags say what becomes of preflight's findings; up and preflight share
// them.
type judgeFlags struct {
	failOn       string
	baselineFile string
	noGitHub     bool

	baseline preflight.Baseline
}

func (j *judgeFlags) register(f *pflag.FlagSet) {
	f.StringVar(&j.failOn, "fail-on", "error", "error: exit 3 on what blocks; unknown: also exit 4 on what could not be decided; warning: also exit 3 on every warning")
	f.StringVar(&j.baselineFile, "baseline", "", "file with findings that are accepted: they stay in the report and do not stop the run")
	f.BoolVar(&j.noGitHub, "no-github", false, "no annotations and no step summary where GITHUB_ACTIONS is true")
}

// gate is what keeps a run from starting.
func (j *judgeFlags) gate() preflight.Gate { return preflight.Gate(j.failOn) }

// read checks the flags and reads the baseline.
func (j *judgeFlags) read() error {
	if !preflight.IsGate(j.failOn) {
		return usagef("for example: --fail-on unknown", "--fail-on %q is not one of %s", j.failOn, preflight.GateNames())
	}
	if j.baselineFile == "" {
		return nil
	}
	raw, err := readBounded(j.baselineFile, 1<<20)
	if err == nil {
		j.baseline, err = preflight.ParseBaseline(raw)
	}
	if err != nil {
		return usagef("make one: kars preflight --write-baseline "+j.baselineFile, "reading the baseline %s: %v", j.baselineFile, err)
	}
	return nil
}

// judged is a report as the baseline leaves it, at the time of its facts.
func (j *judgeFlags) judged(r preflight.Report, f preflight.Facts) preflight.Report {
	if j.baselineFile == "" {
		return r
	}
	return r.Accept(j.baseline, f.Gathered)
}

// keepBaseline lists the findings of a report, when that was asked for.
func (x *preflightFlags) keepBaseline(r preflight.Report) error {
	if x.writeBaseline == "" {
		return nil
	}
	raw, err := preflight.NewBaseline(r).YAML()
	if err == nil {
		err = home.WriteFile(x.writeBaseline, raw)
	}
	if err != nil {
		return fmt.Errorf("writing the baseline: %w", err)
	}
	return nil
}

// warnOfAccepted says on stderr, however quiet the run is, what the baseline
// keeps from standing in the way, and which of its entries are of no use.
func (a *app) warnOfAccepted(r preflight.Report) {
	for _, f := range r.Accepted() {
		a.printer.Warn(visible(fmt.Sprintf("accepted by the baseline: %s at %s is %s: %s", f.ID, f.Scope, f.Verdict, f.Accepted.Reason)), "")
	}
	for _, s := range r.Stale {
		a.printer.Warn(visible(fmt.Sprintf("the baseline's entry %s at %s accepts nothing: %s", s.ID, s.Scope, s.Why)), "remove it from the baseline")
	}
}

// announce tells GitHub, when this is a step of its Actions: annotations on
// stderr, which the runner reads as it reads stdout, and the step's summary.
// docs.github.com/actions/reference/workflow-commands-for-github-actions
func (a *app) announce(r preflight.Report, j *judgeFlags) {
	if j.noGitHub || a.getenv("GITHUB_ACTIONS") != "true" {
		return
	}
	o := pipeline.Options{Version: release.Version(), Gate: j.gate()}
	var err error
	a.printer.Block(func(w io.Writer) { err = pipeline.Annotations(w, r, o) })
	if summary := a.getenv("GITHUB_STEP_SUMMARY"); summary != "" && err == nil {
		err = appendTo(summary, func(w io.Writer) error { return pipeline.Markdown(w, r, o) })
	}
	if err != nil {
		a.printer.Warn("telling GitHub: "+err.Error(), "")
	}
}

// maxSummary is how long GitHub lets a step's summary be, in bytes.
// docs.github.com/actions/reference/workflow-commands-for-github-actions#step-isolation-and-limits
const maxSummary = 1 << 20

// appendTo adds a page to a file; one that is too long for GitHub is left out
// and said to be.
func appendTo(path string, write func(io.Writer) error) error {
	var page strings.Builder
	if err := write(&page); err != nil {
		return err
	}
	text := page.String()
	if len(text) >= maxSummary {
		text = "kars preflight: the summary is too long for GitHub; see the report itself\n"
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(f, text); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}
