package cli

import (
	"fmt"
	"io"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/kars-dev/kars/internal/plan"
	"github.com/kars-dev/kars/internal/release"
	"github.com/kars-dev/kars/internal/report"
)

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version of kars", Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			v := struct {
				APIVersion string `json:"apiVersion"`
				Kind       string `json:"kind"`
				Version    string `json:"version"`
				Kubernetes string `json:"kubernetes"`
				Go         string `json:"go"`
			}{report.APIVersion, "Version", release.Version(), plan.KubernetesVersion, runtime.Version()}
			return a.printer.Document(v, func(w io.Writer) { _, _ = fmt.Fprintln(w, "kars", v.Version) })
		},
	}
}
