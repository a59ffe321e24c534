package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kars-dev/kars/api/v1alpha1"
	"github.com/kars-dev/kars/internal/event"
	"github.com/kars-dev/kars/internal/kube"
	"github.com/kars-dev/kars/internal/plan"
	"github.com/kars-dev/kars/internal/provision"
)

func (a *app) addCommand() *cobra.Command {
	var isolation, image string
	var noWait bool
	cmd := &cobra.Command{
		Use: "add NAME", Short: "Add a sandbox with an identity of its own", Args: exactly(1, "NAME"),
		Example: "  kars add researcher\n  kars add helper --image myregistry.azurecr.io/helper@sha256:…",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkSandbox(args[0], isolation); err != nil {
				return err
			}
			k, _, err := a.cluster(cmd.Context())
			if err != nil {
				return err
			}
			sb := provision.NewSandbox(a.flags.namespace, args[0], plan.Isolation(isolation))
			if image != "" {
				sb.Spec.Runtime = v1alpha1.Runtime{Kind: v1alpha1.RuntimeBYO, BYO: &v1alpha1.BYORuntime{Image: image}}
			}
			return a.addSandbox(cmd.Context(), k, sb, noWait)
		},
	}
	cmd.Flags().StringVar(&isolation, "isolation", string(plan.Enhanced), "standard or enhanced")
	cmd.Flags().StringVar(&image, "image", "", "an image that keeps the agent contract (default: kars' reference agent)")
	cmd.Flags().BoolVar(&noWait, "no-wait", false, "do not wait until it is ready")
	return cmd
}

// checkSandbox refuses what the plan would refuse. The name is an argument
// here, not a flag.
func checkSandbox(name, isolation string) error {
	if name == "" {
		return usagef("for example: kars add researcher", "the name is empty")
	}
	err := plan.Options{Name: name, Isolation: plan.Isolation(isolation)}.WithDefaults().Validate()
	if input := new(plan.InputError); errors.As(err, &input) && input.Field == "name" {
		return usagef("for example: kars add researcher", "the name %q %s", input.Value, input.Problem)
	}
	return err
}

func (a *app) addSandbox(ctx context.Context, k *kube.Client, sb *v1alpha1.KarsSandbox, noWait bool) error {
	sink, began, id := a.printer.Sink(), time.Now(), "sandbox/"+sb.Name
	sink(event.StepStarted{ID: id})
	status, err := k.Apply(ctx, sb)
	if err != nil {
		return fmt.Errorf("applying the sandbox: %w", err)
	}
	detail := sb.Name + " is asked for"
	if !noWait {
		_, err := provision.WaitSandbox(ctx, k, sb, func(seen string) { sink(event.StepProgress{ID: id, Detail: seen}) })
		if err != nil {
			return err
		}
		detail = sb.Name + " is running"
	}
	sink(event.StepEnded{ID: id, Status: status, Detail: detail, Duration: time.Since(began)})
	return nil
}

func (a *app) deleteCommand() *cobra.Command {
	var noWait bool
	cmd := &cobra.Command{
		Use: "delete NAME", Short: "Delete a sandbox, its identity and its role assignments", Args: exactly(1, "NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			k, _, err := a.cluster(ctx)
			if err != nil {
				return err
			}
			sb, err := a.sandbox(ctx, k, args[0])
			if err != nil {
				return err
			}
			sink, began, id := a.printer.Sink(), time.Now(), "sandbox/"+sb.Name
			sink(event.StepStarted{ID: id})
			if err := client.IgnoreNotFound(k.Client().Delete(ctx, sb)); err != nil {
				return fmt.Errorf("deleting the sandbox: %w", err)
			}
			detail := sb.Name + " is going"
			if !noWait {
				if err := provision.WaitGone(ctx, k, sb, func(seen string) { sink(event.StepProgress{ID: id, Detail: seen}) }); err != nil {
					return err
				}
				detail = sb.Name + " is gone"
			}
			sink(event.StepEnded{ID: id, Status: event.Deleted, Detail: detail, Duration: time.Since(began)})
			return nil
		},
	}
	cmd.Flags().BoolVar(&noWait, "no-wait", false, "do not wait until all of it is gone")
	return cmd
}
