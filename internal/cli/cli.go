// Package cli is the command line: one file for each command. A command reads
// its flags, makes one call into the working rooms and hands what comes back to
// report.
package cli

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"golang.org/x/term"
	"k8s.io/klog/v2"

	"github.com/kars-dev/kars/internal/azure/cloud"
	"github.com/kars-dev/kars/internal/azure/wire"
	"github.com/kars-dev/kars/internal/home"
	"github.com/kars-dev/kars/internal/plan"
	"github.com/kars-dev/kars/internal/release"
	"github.com/kars-dev/kars/internal/report"
)

// Streams are the process's.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// Main runs one command and returns the process's exit code.
func Main(ctx context.Context, args []string, streams Streams, getenv func(string) string) int {
	return newApp(streams, getenv).main(ctx, args)
}

func newApp(streams Streams, getenv func(string) string) *app {
	return &app{
		streams: streams, getenv: getenv, images: release.Images,
		reach: func(o cloud.TransportOptions) (http.RoundTripper, error) { return cloud.Transport(o) },
	}
}

func (a *app) main(ctx context.Context, args []string) int {
	// Kubernetes' client libraries log what they also return as errors.
	klog.SetLogger(logr.Discard())
	ctx, stop := interruptible(ctx)
	defer stop()
	root := a.root()
	root.SetArgs(args)
	root.SetIn(a.streams.In)
	root.SetOut(a.streams.Out)
	root.SetErr(a.streams.Err)
	err := root.ExecuteContext(ctx)
	if a.printer == nil {
		a.printer = report.New(report.Options{Out: a.streams.Out, Err: a.streams.Err})
	}
	return a.exit(ctx, err)
}

// interruptible cancels the context at the first Ctrl-C, so that a run ends
// cleanly; the second ends the process at once.
func interruptible(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		select {
		case <-signals:
			cancel(errInterrupted)
			signal.Stop(signals)
		case <-ctx.Done():
		}
	}()
	return ctx, func() { signal.Stop(signals); cancel(nil) }
}

var errInterrupted = errors.New("interrupted")

// app is what all commands share: the global flags and what they stand for.
type app struct {
	streams Streams
	getenv  func(string) string
	images  func() ([]plan.Image, error)                            // those that belong to this build
	reach   func(cloud.TransportOptions) (http.RoundTripper, error) // Azure
	retry   wire.Retry
	printer *report.Printer
	home    home.Home
	session *session // the last that was opened

	flags globalFlags
}

type globalFlags struct {
	context      string
	local        bool
	as           string
	subscription string
	tenant       string
	namespace    string
	output       string
	yes          bool
	quiet        bool
	verbose      bool
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "kars",
		Short: "A secure-by-default runtime for AI agents on Azure Kubernetes Service",
		Long: `kars brings up everything that an AI agent needs to run on Azure Kubernetes
Service, with an Entra identity of its own, no credential in its hands, and no
network but its router. Every permission is proved before the first write.

With --local the same commands run against a local Azure and a real Kubernetes
on this machine.`,
		Example: `  kars up --local                          everything, on this machine
  kars connect my-assistant -m "say hello"
  kars up --dry-run                        all checks and the plan, no write
  kars down --local`,
		SilenceErrors: true, SilenceUsage: true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return a.prepare(cmd) },
	}
	f := root.PersistentFlags()
	f.StringVar(&a.flags.context, "context", "", "the cluster to work with: <cluster> or <cluster>@local (default: the last used)")
	f.BoolVar(&a.flags.local, "local", false, "work with the local Azure (also KARS_CLOUD=local)")
	f.StringVar(&a.flags.as, "as", "", "the local principal to act as (default owner)")
	f.StringVar(&a.flags.subscription, "subscription", "", "id of the subscription")
	f.StringVar(&a.flags.tenant, "tenant", "", "id of the tenant")
	f.StringVarP(&a.flags.namespace, "namespace", "n", "kars", "namespace of the sandbox")
	f.StringVarP(&a.flags.output, "output", "o", "text", "text, json or yaml")
	f.BoolVar(&a.flags.yes, "yes", false, "do not ask")
	f.BoolVar(&a.flags.quiet, "quiet", false, "print data and errors only")
	f.BoolVarP(&a.flags.verbose, "verbose", "v", false, "print every request")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return &usageError{err: err, hint: "see '" + cmd.CommandPath() + " --help'"}
	})
	root.AddCommand(
		a.upCommand(), a.downCommand(), a.preflightCommand(), a.permissionsCommand(), a.statusCommand(), a.listCommand(),
		a.addCommand(), a.deleteCommand(), a.logsCommand(), a.connectCommand(), a.meshCommand(),
		a.localCommand(), a.versionCommand(),
	)
	root.InitDefaultCompletionCmd()
	root.SetHelpCommand(helpCommand(root))
	refuseUnknown(root)
	return root
}

// prepare makes what every command needs of its global flags.
func (a *app) prepare(cmd *cobra.Command) error {
	if err := a.checkFormat(cmd); err != nil {
		return err
	}
	a.printer = report.New(report.Options{
		Out: a.streams.Out, Err: a.streams.Err, Format: report.Format(a.flags.output), Quiet: a.flags.quiet,
		Terminal: isTerminal(a.streams.Err), NoColour: a.getenv("NO_COLOR") != "", Width: width(a.streams.Err),
	})
	if a.getenv("KARS_CLOUD") == "local" {
		a.flags.local = true
	}
	var err error
	a.home, err = home.Find(a.getenv)
	return err
}

// foreignFormats is the annotation of a command that prints in forms of others
// too: their names, with commas between them.
const foreignFormats = "foreign-formats"

func (a *app) checkFormat(cmd *cobra.Command) error {
	formats := []string{string(report.Text), string(report.JSON), string(report.YAML)}
	if more := cmd.Annotations[foreignFormats]; more != "" {
		formats = append(formats, strings.Split(more, ",")...)
	}
	if !slices.Contains(formats, a.flags.output) {
		return usagef("for example: -o json", "-o %q is not one of %s", a.flags.output, strings.Join(formats, ", "))
	}
	return nil
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// width is how many characters a line of the terminal has, 0 if that cannot be
// known.
func width(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok {
		return 0
	}
	columns, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return columns
}
