// Package charts holds the Helm chart of kars and the custom resource
// definitions, embedded, so that the binary brings what it installs.
package charts

import (
	"embed"
	"fmt"
	"io/fs"

	"sigs.k8s.io/yaml"
)

//go:embed all:kars
var files embed.FS

// Kars is the chart, with Chart.yaml at its root.
func Kars() fs.FS { return sub("kars") }

// CRDs are the custom resource definitions, one YAML file each. They are
// applied before the chart, whose release neither makes nor removes them:
// removing a definition removes every resource of its kind.
func CRDs() fs.FS { return sub("kars/crds") }

// Version is the chart's version, as "0.1.0".
func Version() (string, error) {
	raw, err := fs.ReadFile(Kars(), "Chart.yaml")
	if err != nil {
		return "", err
	}
	var chart struct {
		Version string `json:"version"`
	}
	if err := yaml.Unmarshal(raw, &chart); err != nil {
		return "", fmt.Errorf("reading Chart.yaml: %w", err)
	}
	return chart.Version, nil
}

// sub panics only when the build is broken: the folder is embedded above.
func sub(dir string) fs.FS {
	sub, err := fs.Sub(files, dir)
	if err != nil {
		panic(err)
	}
	return sub
}
