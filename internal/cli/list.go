package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kars-dev/kars/api/v1alpha1"
	"github.com/kars-dev/kars/internal/provision"
	"github.com/kars-dev/kars/internal/report"
)

func (a *app) listCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "The sandboxes of the cluster", Args: noArgs,
		Example: "  kars list\n  kars list -o json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			k, _, err := a.cluster(cmd.Context())
			if err != nil {
				return err
			}
			var all v1alpha1.KarsSandboxList
			if err := k.Client().List(cmd.Context(), &all, client.InNamespace(a.flags.namespace)); err != nil {
				return fmt.Errorf("listing sandboxes: %w", err)
			}
			doc := struct {
				APIVersion string              `json:"apiVersion"`
				Kind       string              `json:"kind"`
				Sandboxes  []provision.Sandbox `json:"sandboxes"`
			}{report.APIVersion, "SandboxList", []provision.Sandbox{}}
			for i := range all.Items {
				doc.Sandboxes = append(doc.Sandboxes, provision.ShowSandbox(&all.Items[i]))
			}
			return a.printer.Document(doc, func(w io.Writer) { writeSandboxes(w, doc.Sandboxes) })
		},
	}
}

func writeSandboxes(w io.Writer, all []provision.Sandbox) {
	rows := [][]string{{"NAME", "NAMESPACE", "PHASE", "IDENTITY"}}
	for _, sb := range all {
		identity := "none"
		if sb.AgentIdentity != nil {
			identity = sb.AgentIdentity.DisplayName
		}
		rows = append(rows, []string{sb.Name, sb.Namespace, sb.Phase, identity})
	}
	report.Table(w, rows...)
}
