package cli

import (
	"github.com/spf13/cobra"

	"github.com/kars-dev/kars/internal/kube"
)

func (a *app) logsCommand() *cobra.Command {
	var container string
	var follow bool
	cmd := &cobra.Command{
		Use: "logs [NAME]", Short: "Print a sandbox's log", Args: oneSandbox,
		Example: "  kars logs my-assistant\n  kars logs my-assistant -c router -f",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			k, sb, err := a.chosenSandbox(ctx, args)
			if err != nil {
				return err
			}
			if sb.Status.Pod == "" {
				return &codeError{code: exitFailed, text: "the sandbox " + sb.Name + " has no pod", hints: []string{"see why: kars status"}}
			}
			out := a.streams.Out
			if isTerminal(out) {
				out = &visibleWriter{out: out}
			}
			return k.Logs(ctx, sb.Status.Namespace, sb.Status.Pod, kube.LogOptions{Container: container, Follow: follow}, out)
		},
	}
	cmd.Flags().StringVarP(&container, "container", "c", "agent", "agent, router, token or guard")
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on as more is written")
	return cmd
}
