package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kars-dev/kars/api/v1alpha1"
	"github.com/kars-dev/kars/internal/event"
	"github.com/kars-dev/kars/internal/kube"
	"github.com/kars-dev/kars/internal/plan"
	"github.com/kars-dev/kars/internal/provision"
	"github.com/kars-dev/kars/internal/report"
)

func (a *app) meshCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "mesh", Short: "The trust between the cluster and Entra", Args: noArgs}
	var timeout time.Duration
	setup := &cobra.Command{
		Use: "setup-trust", Short: "Set up trust with Entra, or repair it; sandboxes then get identities", Args: noArgs,
		Long: `Make the agent identity blueprint, its principal and its federated credential,
and tell the cluster. Sandboxes that ran in the anonymous tier get an identity
each. It takes the directory role Agent ID Developer or Agent ID Administrator,
and may be run again at any time: what is right is left alone.`,
		Example: "  kars mesh setup-trust --local",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			return a.setUpTrust(ctx)
		},
	}
	setup.Flags().DurationVar(&timeout, "timeout", 15*time.Minute, "give up after this long")
	cmd.AddCommand(setup)
	return cmd
}

func (a *app) setUpTrust(ctx context.Context) (err error) {
	x, err := a.chosen()
	if err != nil {
		return err
	}
	s, err := a.open(ctx, x)
	if err != nil {
		return err
	}
	p, err := a.planOf(s, x)
	if err != nil {
		return err
	}
	p.Options.MeshTrust = plan.TrustEntra
	j, err := a.openJournal(x.Name, "mesh setup-trust", false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	run := a.newRun(s, p, j, x.Name)
	result, failed := provision.SetUpTrust(ctx, run)
	if failed == nil {
		failed = a.identified(ctx, &result, x.Name)
	}
	result.Error = a.failure(ctx, failed)
	doc := upResult{Result: result}
	doc.APIVersion, doc.Kind = report.APIVersion, "UpResult"
	if err := a.printer.Document(doc, func(io.Writer) {}); err != nil {
		return errors.Join(failed, err)
	}
	return failed
}

// identified waits until every sandbox that is not suspended has its identity
// and is ready with it.
func (a *app) identified(ctx context.Context, result *provision.Result, name string) error {
	k, _, err := a.cluster(ctx)
	if err != nil {
		return err
	}
	all, err := sandboxes(ctx, k)
	if err != nil {
		return err
	}
	sink := a.printer.Sink()
	for i := range all {
		sb := &all[i]
		id, began := "sandbox/"+sb.Name, time.Now()
		was := sb.Status.AgentIdentity != nil
		sink(event.StepStarted{ID: id})
		ready, err := provision.WaitIdentity(ctx, k, sb, func(seen string) { sink(event.StepProgress{ID: id, Detail: seen}) })
		if err != nil {
			return fmt.Errorf("in %s: %w", name, err)
		}
		status := event.Updated
		if was {
			status = event.Unchanged
		}
		done := event.StepEnded{ID: id, Status: status, Detail: sb.Name + " is running", Duration: time.Since(began)}
		sink(done)
		result.Steps = append(result.Steps, provision.StepResult{ID: id, Status: status, Detail: done.Detail, DurationMS: done.Duration.Milliseconds()})
		result.Outputs.Sandboxes = append(result.Outputs.Sandboxes, provision.ShowSandbox(ready))
	}
	return nil
}

// sandboxes are those of all namespaces that are to run.
func sandboxes(ctx context.Context, k *kube.Client) ([]v1alpha1.KarsSandbox, error) {
	var all v1alpha1.KarsSandboxList
	if err := k.Client().List(ctx, &all, client.InNamespace("")); err != nil {
		return nil, fmt.Errorf("listing sandboxes: %w", err)
	}
	var out []v1alpha1.KarsSandbox
	for _, sb := range all.Items {
		if !sb.Spec.Suspended && sb.DeletionTimestamp == nil {
			out = append(out, sb)
		}
	}
	return out, nil
}
