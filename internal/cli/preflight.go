package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kars-dev/kars/internal/azure/arm"
	"github.com/kars-dev/kars/internal/plan"
	"github.com/kars-dev/kars/internal/preflight"
	"github.com/kars-dev/kars/internal/release"
	"github.com/kars-dev/kars/internal/report"
	"github.com/kars-dev/kars/internal/report/pipeline"
)

// preflightFlags are those of preflight alone.
type preflightFlags struct {
	planFlags
	factsFlags
	who           bool
	explain       explained
	writeBaseline string
	fix           bool
}

func (a *app) preflightCommand() *cobra.Command {
	var flags preflightFlags
	cmd := &cobra.Command{
		Use: "preflight", Short: "Prove that this caller can carry out this plan, without a write", Args: explainArgs(&flags),
		Example: `  kars preflight --local --as reader
  kars preflight --subscription <id> --region westeurope -o json
  kars preflight --who
  kars preflight --explain Microsoft.Authorization/roleAssignments/write
  kars preflight -o sarif > kars.sarif                    for code scanning; also junit, markdown
  kars preflight --fail-on unknown --baseline accepted.yaml
  kars preflight --write-baseline accepted.yaml           accept what is found; give each a reason
  kars preflight --save facts.json --anonymize            to hand to support
  kars preflight --from facts.json                        the same verdict, anywhere`,
		Annotations: map[string]string{foreignFormats: "sarif,junit,markdown"},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.checkPreflight(cmd, &flags); err != nil {
				return err
			}
			if flags.from != "" {
				p, f, err := flags.read()
				if err != nil {
					return err
				}
				a.saysFrom(f, &flags.factsFlags)
				return a.reportPreflight(p, f, &flags)
			}
			ctx, cancel := flags.bounded(cmd.Context())
			defer cancel()
			s, p, err := a.planned(ctx, &flags.planFlags)
			if err != nil {
				return err
			}
			o := a.preflightOptions(s, p)
			// What is saved must do for --who and --explain elsewhere.
			o.Definitions = flags.who || flags.explain.asked || flags.save != ""
			facts := preflight.Gather(ctx, o)
			if flags.fix {
				if facts, err = a.fixed(ctx, o, s, facts); err != nil {
					return err
				}
			}
			return a.reportPreflight(p, facts, &flags)
		},
	}
	f := cmd.Flags()
	flags.planFlags.register(f, a.getenv)
	flags.factsFlags.register(f)
	f.StringVar(&flags.writeBaseline, "write-baseline", "", "file to list the findings in, for --baseline; each then needs a reason")
	f.BoolVar(&flags.fix, "fix", false, "register the resource providers and preview features that are missing, and check again")
	f.BoolVar(&flags.explain.asked, "explain", false, "how each permission that does not pass, or the ACTION that follows, is derived, and what would change it")
	f.BoolVar(&flags.who, "who", false, "what every principal of the plan must be able to do, and by what it may")
	return cmd
}

// checkPreflight checks what can be checked before anybody signs in.
func (a *app) checkPreflight(cmd *cobra.Command, flags *preflightFlags) error {
	if err := errors.Join(flags.factsFlags.check(cmd), flags.planFlags.check(a)); err != nil {
		return err
	}
	switch f := a.printer.Format(); f {
	case report.SARIF, report.JUnit, report.Markdown:
		if flags.who || flags.explain.asked {
			return usagef("for example: -o json", "-o %s is for the findings, without --who or --explain", f)
		}
	}
	return nil
}

// reportPreflight decides, keeps and prints what was asked for, and returns the
// exit.
func (a *app) reportPreflight(p *plan.Plan, f preflight.Facts, flags *preflightFlags) error {
	if err := a.keep(f, &flags.factsFlags); err != nil {
		return err
	}
	r := flags.judged(preflight.Decide(p, f), f)
	if err := flags.keepBaseline(r); err != nil {
		return err
	}
	if err := a.printPreflight(p, f, r, flags); err != nil {
		return err
	}
	a.warnOfAccepted(r)
	a.announce(r, &flags.judgeFlags)
	return verdictError(r, flags.gate())
}

// printPreflight prints the findings, or what else was asked for.
func (a *app) printPreflight(p *plan.Plan, f preflight.Facts, r preflight.Report, flags *preflightFlags) error {
	switch {
	case flags.explain.asked:
		x := preflight.Explain(p, f, r, flags.explain.action)
		if flags.explain.action != "" && len(x.Needs) == 0 {
			return usagef("what it needs: kars permissions", "the plan does not need %s", flags.explain.action)
		}
		return a.printer.Document(x, func(w io.Writer) { writeExplanations(w, x) })
	case flags.who:
		m := preflight.Who(p, f, r)
		return a.printer.Document(m, func(w io.Writer) { writeMatrix(w, m) })
	}
	foreign := map[report.Format]func(io.Writer, preflight.Report, pipeline.Options) error{
		report.SARIF: pipeline.SARIF, report.JUnit: pipeline.JUnit, report.Markdown: pipeline.Markdown,
	}
	if write := foreign[a.printer.Format()]; write != nil {
		o := pipeline.Options{Version: release.Version(), Gate: flags.gate()}
		return a.printer.Foreign(func(w io.Writer) error { return write(w, r, o) })
	}
	return a.printer.Document(r, func(w io.Writer) { writePreflight(w, r) })
}

// planned signs in and makes the plan. A region that the subscription does not
// have is bad input too.
func (a *app) planned(ctx context.Context, flags *planFlags) (*session, *plan.Plan, error) {
	s, err := a.signIn(ctx, wanted{local: a.flags.local, as: a.flags.as, subscription: a.flags.subscription, tenant: a.flags.tenant})
	if err != nil {
		return nil, nil, err
	}
	var p *plan.Plan
	err = s.inTime(ctx, func(ctx context.Context) error {
		if err := flags.findAccount(ctx, s); err != nil {
			return err
		}
		if p, err = flags.plan(a, s); err != nil {
			return err
		}
		return checkRegion(ctx, s, p)
	})
	return s, p, err
}

// preflight is what up decides by.
func (a *app) preflight(ctx context.Context, s *session, p *plan.Plan, flags *judgeFlags) preflight.Report {
	f := preflight.Gather(ctx, a.preflightOptions(s, p))
	return flags.judged(preflight.Decide(p, f), f)
}

func (a *app) preflightOptions(s *session, p *plan.Plan) preflight.Options {
	return preflight.Options{
		Plan: p, Caller: s.caller, ARM: s.arm, Directory: s.graph, LocalPrincipal: s.as,
		Kubernetes: a.installed(s, p), Token: a.origin(s),
		Timeout: max(time.Until(s.deadline), time.Second),
	}
}

// verdictError is the exit that a report asks for; what there is to say has
// been said.
func verdictError(r preflight.Report, gate preflight.Gate) error {
	switch blocked, undecided := gate.Of(r); {
	case blocked:
		return &codeError{code: exitBlocked}
	case undecided:
		return &codeError{code: exitUnknown}
	}
	return nil
}

// writePreflight shows what did not pass, then the commands that would change
// it, then the summary.
func writePreflight(w io.Writer, r preflight.Report) {
	var rights, others []preflight.Finding
	for _, f := range r.Of(preflight.Fail) {
		switch f.Category {
		case preflight.CategoryRBAC, preflight.CategoryDirectory:
			rights = append(rights, f)
		default:
			others = append(others, f)
		}
	}
	for _, group := range []struct {
		title string
		found []preflight.Finding
	}{
		{r.Caller.DisplayName + " lacks", rights},
		{"in the way", others},
		{"could not be decided", r.Of(preflight.Unknown)},
		{"to be known before the run", r.Of(preflight.Warn)},
	} {
		if len(group.found) > 0 {
			_, _ = fmt.Fprintf(w, "%s:\n", group.title)
			writeFindings(w, group.found)
		}
	}
	_, _ = fmt.Fprint(w, commands(r))
	for _, f := range r.Of(preflight.Pass) {
		if len(f.Fix) > 0 { // advice
			_, _ = fmt.Fprintf(w, "%-12s %s\n", "note", strings.Join(f.Evidence, "; "))
		}
	}
	if r.Verdict != preflight.Pass {
		_, _ = fmt.Fprintf(w, "%-12s %s\n", "more", "what each finding means: "+preflight.FindingsURL)
	}
	_, _ = fmt.Fprintf(w, "%-12s %s\n", "preflight", r.Summary())
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

// writeFindings writes a line for each finding and, below, the evidence, each
// once. Findings that differ in their place alone share a line.
func writeFindings(w io.Writer, found []preflight.Finding) {
	var rows [][]string
	var evidence []string
	for _, f := range found {
		where := place(f.Scope)
		if where == f.Subject {
			where = ""
		}
		same := slices.IndexFunc(rows, func(r []string) bool { return r[0] == "  "+f.Subject && r[2] == f.Why })
		if same >= 0 {
			rows[same][1] += ", " + where
		} else {
			rows = append(rows, []string{"  " + f.Subject, where, f.Why})
		}
		for _, e := range f.Evidence {
			if !slices.Contains(evidence, e) {
				evidence = append(evidence, e)
			}
		}
		for _, fix := range f.Fix {
			if fix.Command == "" && !slices.Contains(evidence, fix.Text) {
				evidence = append(evidence, fix.Text)
			}
		}
	}
	report.Table(w, rows...)
	for _, e := range evidence {
		_, _ = fmt.Fprintf(w, "  %s\n", visible(e))
	}
	_, _ = fmt.Fprintln(w)
}

// commands are what would change the findings, each once: one role is the fix
// of many.
func commands(r preflight.Report) string {
	var b strings.Builder
	seen := map[string]bool{}
	for _, f := range r.Findings {
		for _, fix := range f.Fix {
			if fix.Command == "" || seen[fix.Command] || f.Verdict == preflight.Pass {
				continue
			}
			seen[fix.Command] = true
			fmt.Fprintf(&b, "%s:\n  %s\n", fix.Text, fix.Command)
		}
	}
	return b.String()
}

// checkRegion refuses a region that the subscription does not have.
func checkRegion(ctx context.Context, s *session, p *plan.Plan) error {
	locations, err := s.arm.List(ctx, "/subscriptions/"+p.SubscriptionID+"/locations", "2022-12-01", nil)
	if arm.IsForbidden(err) {
		return nil // the owner of a group cannot look (U10); the group's region is checked against the plan's
	}
	if err != nil {
		return fmt.Errorf("listing the subscription's regions: %w", err)
	}
	regions := make([]string, 0, len(locations))
	for _, l := range locations {
		name, _ := l["name"].(string)
		regions = append(regions, name)
	}
	for _, r := range regions {
		if strings.EqualFold(r, p.Options.Region) {
			return nil
		}
	}
	if len(regions) == 0 {
		return errors.New("the subscription has no region")
	}
	return &plan.InputError{
		Field: "region", Value: p.Options.Region,
		Problem: "is not a region of this subscription; it has " + strings.Join(regions, ", "),
		Fix:     "--region " + closest(p.Options.Region, regions),
	}
}

// closest is the name that shares the longest beginning.
func closest(name string, all []string) string {
	best, length := all[0], -1
	for _, candidate := range all {
		n := 0
		for n < len(name) && n < len(candidate) && name[n] == candidate[n] {
			n++
		}
		if n > length {
			best, length = candidate, n
		}
	}
	return best
}
