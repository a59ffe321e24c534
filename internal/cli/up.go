package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kars-dev/kars/internal/barrier"
	"github.com/kars-dev/kars/internal/diagnose"
	"github.com/kars-dev/kars/internal/home"
	"github.com/kars-dev/kars/internal/journal"
	"github.com/kars-dev/kars/internal/plan"
	"github.com/kars-dev/kars/internal/preflight"
	"github.com/kars-dev/kars/internal/provision"
	"github.com/kars-dev/kars/internal/report"
)

// upResult is the document of `kars up`.
type upResult struct {
	APIVersion string            `json:"apiVersion"`
	Kind       string            `json:"kind"`
	Preflight  *preflight.Report `json:"preflight,omitempty"`
	provision.Result
}

// upFlags are those of up alone.
type upFlags struct {
	planFlags
	dryRun        bool
	skipPreflight bool
	until         string
}

func (a *app) upCommand() *cobra.Command {
	var flags upFlags
	cmd := &cobra.Command{
		Use: "up", Short: "Bring up everything: from nothing to a sandboxed agent that answers", Args: noArgs,
		Long: `Bring up everything: resource group, network, identities, registry, key vault,
workspace, Foundry with a model, cluster, trust with Entra, chart, and a first
sandbox whose agent has an Entra identity of its own.

Every permission that this takes is checked before the first write. A run can be
interrupted or killed at any time; the same command continues. What is there
already is left as it is: a second run makes no write.`,
		Example: `  kars up --local
  kars up --subscription <id> --region westeurope --cluster-name demo
  kars up --dry-run -o json`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := flags.check(a); err != nil {
				return err
			}
			if !plan.IsStep(flags.until) {
				return usagef("for example: --until cluster", "--until %q is not a step; steps are %s", flags.until, plan.StepNames())
			}
			ctx, cancel := flags.bounded(cmd.Context())
			defer cancel()
			return a.up(ctx, &flags)
		},
	}
	f := cmd.Flags()
	flags.register(f, a.getenv)
	f.BoolVar(&flags.dryRun, "dry-run", false, "all checks and the plan, no write")
	f.BoolVar(&flags.skipPreflight, "skip-preflight", false, "start without proof; recorded in the run's journal")
	f.StringVar(&flags.until, "until", "", "the last step to run, as foundation or cluster")
	return cmd
}

func (a *app) up(ctx context.Context, flags *upFlags) error {
	if err := a.readyFor(flags); err != nil {
		return err
	}
	s, p, err := a.planned(ctx, &flags.planFlags)
	if err != nil {
		return err
	}
	var checked *preflight.Report
	if flags.skipPreflight {
		a.printer.Warn("preflight is skipped: nothing is proved before the first write", "")
	} else {
		r := a.preflight(ctx, s, p, &flags.judgeFlags)
		checked = &r
	}
	if checked != nil {
		a.explain(*checked, flags.gate())
		a.warnOfAccepted(*checked)
		a.announce(*checked, &flags.judgeFlags)
	}
	if flags.dryRun {
		return a.dryRun(p, checked, flags)
	}
	if err := checkBuildable(p); err != nil {
		return errors.Join(err, a.printUp(upResult{Preflight: checked, Result: provision.Nothing()}))
	}
	if checked != nil {
		if err := verdictError(*checked, flags.gate()); err != nil {
			return errors.Join(err, a.printUp(upResult{Preflight: checked, Result: provision.Nothing()}))
		}
	}
	return a.apply(ctx, s, p, checked, flags)
}

// readyFor says what this machine lacks for a local cluster, before anything is
// started; a dry run only warns.
func (a *app) readyFor(flags *upFlags) error {
	if !a.flags.local || !plan.Reaches(flags.until, plan.StepCluster) {
		return nil
	}
	err := a.machineReady()
	if err != nil && flags.dryRun {
		a.printer.Warn("this machine cannot run a local cluster: "+err.Error(), "")
		return nil
	}
	return err
}

// explain says on stderr what did not pass: what blocks, with its fix, and what
// is only to be known.
func (a *app) explain(r preflight.Report, gate preflight.Gate) {
	if verdictError(r, gate) == nil {
		for _, f := range r.Of(preflight.Unknown) {
			a.printer.Warn(visible(fmt.Sprintf("could not decide %s: %s", f.Subject, strings.Join(f.Evidence, "; "))), "")
		}
		for _, f := range r.Of(preflight.Warn) {
			a.printer.Warn(visible(f.Subject+": "+strings.Join(f.Evidence, "; ")), "")
		}
		a.printer.Say("%-12s %s", "preflight", r.Summary())
		return
	}
	a.printer.Block(func(w io.Writer) { writePreflight(w, r) })
}

// apply carries out the plan. The document is printed however that ends.
func (a *app) apply(ctx context.Context, s *session, p *plan.Plan, checked *preflight.Report, flags *upFlags) error {
	result, failed := a.provision(ctx, s, p, flags)
	result.Error = a.failure(ctx, failed)
	if err := a.printUp(upResult{Preflight: checked, Result: result}); err != nil {
		return errors.Join(failed, err)
	}
	return failed
}

func (a *app) provision(ctx context.Context, s *session, p *plan.Plan, flags *upFlags) (result provision.Result, err error) {
	x := a.contextOf(s, p)
	j, err := a.openJournal(x.Name, flags.command(), flags.skipPreflight)
	if err != nil {
		return provision.Nothing(), err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	if err := a.home.KeepContext(x); err != nil {
		return provision.Nothing(), err
	}
	run := a.newRun(s, p, j, x.Name)
	run.Until, run.Values = plan.Step(flags.until), flags.values.values
	return provision.Apply(ctx, run)
}

// command is how the journal names the run: with what kept findings from
// standing in its way.
func (f *upFlags) command() string {
	if f.baselineFile != "" {
		return "up --baseline " + f.baselineFile
	}
	return "up"
}

func (a *app) printUp(doc upResult) error {
	doc.APIVersion, doc.Kind = report.APIVersion, "UpResult"
	return a.printer.Document(doc, func(w io.Writer) {
		if doc.Error != nil || len(doc.Outputs.Sandboxes) == 0 {
			return
		}
		sb := doc.Outputs.Sandboxes[0]
		_, _ = fmt.Fprintf(w, "\nkars connect %s -m \"say hello\"\n", sb.Name)
	})
}

func (a *app) contextOf(s *session, p *plan.Plan) home.Context {
	o := p.Options
	return home.Context{
		Name: home.ContextName(o.ClusterName, s.local), Local: s.local, As: a.flags.as,
		Subscription: p.SubscriptionID, Tenant: p.TenantID, Region: o.Region,
		ResourceGroup: o.ResourceGroup, Cluster: o.ClusterName, Model: o.Model,
		FoundryEndpoint: o.FoundryEndpoint, FoundryID: o.FoundryID,
	}
}

func (a *app) openJournal(context, command string, unproved bool) (*journal.Journal, error) {
	if unproved {
		command += " --skip-preflight"
	}
	if err := a.home.Make(); err != nil {
		return nil, err
	}
	return journal.Open(journal.Options{Dir: a.home.Runs(), Context: context, Command: command, Now: time.Now})
}

// failure is how the document says why the run ended.
func (a *app) failure(ctx context.Context, err error) *provision.Failure {
	if err == nil {
		return nil
	}
	f := &provision.Failure{Code: "Failed", Message: err.Error()}
	var step *provision.StepError
	if errors.As(err, &step) {
		f.Step, f.Message = step.Step, step.Err.Error()
	}
	if errors.Is(context.Cause(ctx), errInterrupted) {
		f.Code, f.Fix = "Interrupted", "run the same command again: it continues"
		return f
	}
	if late := new(barrier.TimeoutError); errors.As(err, &late) || errors.Is(err, context.DeadlineExceeded) {
		f.Code, f.Fix = "TimedOut", "run the same command again: it continues"
		return f
	}
	if known, ok := diagnose.Of(err); ok {
		if known.Code != "" {
			f.Code = known.Code
		}
		if all := a.commands(diagnose.Explain(known)); len(all) > 0 {
			f.Fix = all[0]
		}
	}
	return f
}

// dryRun prints the checks and the plan.
func (a *app) dryRun(p *plan.Plan, checked *preflight.Report, flags *upFlags) error {
	doc := struct {
		APIVersion string            `json:"apiVersion"`
		Kind       string            `json:"kind"`
		Preflight  *preflight.Report `json:"preflight,omitempty"`
		Plan       plan.Document     `json:"plan"`
	}{report.APIVersion, "UpPlan", checked, p.Document()}
	err := a.printer.Document(doc, func(w io.Writer) { writePlan(w, doc.Plan) })
	if err != nil || checked == nil {
		return err
	}
	return verdictError(*checked, flags.gate())
}

func writePlan(w io.Writer, d plan.Document) {
	rows := [][]string{{"RESOURCE", "TYPE"}}
	for _, r := range d.Resources {
		rows = append(rows, []string{r.Name, r.Type})
	}
	report.Table(w, rows...)
	rows = [][]string{{"ROLE ASSIGNMENT", "PRINCIPAL", "SCOPE"}}
	for _, g := range d.Grants {
		rows = append(rows, []string{g.Role, g.Principal, g.Scope})
	}
	_, _ = fmt.Fprintln(w)
	report.Table(w, rows...)
	rows = [][]string{{"NEED", "STEP", "WHY"}}
	for _, n := range d.Needs {
		rows = append(rows, []string{n.Action, string(n.Step), n.Why})
	}
	_, _ = fmt.Fprintln(w)
	report.Table(w, rows...)
}
