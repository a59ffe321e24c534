package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/kars-dev/kars/internal/home"
	"github.com/kars-dev/kars/internal/provision"
	"github.com/kars-dev/kars/internal/report"
)

type downResult struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	provision.DownResult
}

func (a *app) downCommand() *cobra.Command {
	var timeout time.Duration
	cmd := &cobra.Command{
		Use: "down", Short: "Take away all that `kars up` made, and list what Azure keeps", Args: noArgs,
		Example: "  kars down --local --yes\n  kars down --context demo",
		RunE: func(cmd *cobra.Command, _ []string) error {
			x, err := a.chosen()
			if none := new(noClusterError); errors.As(err, &none) {
				a.printer.Say("%s: nothing is left to take away", none)
				return a.printDown(provision.DownResult{Steps: []provision.StepResult{}, Kept: []provision.Kept{}})
			}
			if err != nil {
				return err
			}
			if !x.Local {
				if err := a.confirm(fmt.Sprintf("delete the cluster %s and the resource group %s", x.Name, x.ResourceGroup)); err != nil {
					return err
				}
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			return a.down(ctx, x)
		},
	}
	cmd.Flags().DurationVar(&timeout, "timeout", time.Hour, "give up after this long")
	return cmd
}

func (a *app) down(ctx context.Context, x home.Context) (err error) {
	s, err := a.open(ctx, x)
	if err != nil {
		return err
	}
	p, err := a.planOf(s, x)
	if err != nil {
		return err
	}
	j, err := a.openJournal(x.Name, "down", false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	run := a.newRun(s, p, j, x.Name)
	result, failed := provision.Down(ctx, run)
	result.Error = a.failure(ctx, failed)
	if err := a.printDown(result); err != nil {
		return errors.Join(failed, err)
	}
	if failed != nil {
		return failed
	}
	return a.forget(x.Name)
}

func (a *app) printDown(r provision.DownResult) error {
	doc := downResult{report.APIVersion, "DownResult", r}
	return a.printer.Document(doc, func(w io.Writer) { writeKept(w, r.Kept) })
}

func writeKept(w io.Writer, kept []provision.Kept) {
	for _, k := range kept {
		_, _ = fmt.Fprintf(w, "still there: %s\n             %s\n", k.ID, k.Why)
	}
}
