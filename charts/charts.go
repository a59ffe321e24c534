// Package charts holds the Helm chart of kars and the custom resource
// definitions, embedded, so that the binary brings what it installs.
package charts

import (
	"embed"
	"io/fs"
)

//go:embed all:kars
var files embed.FS

// Kars is the chart, with Chart.yaml at its root.
func Kars() fs.FS { return sub("kars") }

// CRDs are the custom resource definitions, one YAML file each. They are
// applied before the chart, whose release neither makes nor removes them:
// removing a definition removes every resource of its kind.
func CRDs() fs.FS { return sub("kars/crds") }

// sub panics only when the build is broken: the folder is embedded above.
func sub(dir string) fs.FS {
	sub, err := fs.Sub(files, dir)
	if err != nil {
		panic(err)
	}
	return sub
}
