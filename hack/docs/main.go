// Command docs writes the generated pages of docs/ into the folder that it is
// given: errors.md from what internal/diagnose knows, findings.md from the
// catalogue of internal/preflight, permissions.md from what plans need, and cli/
// with a page for each command. The same source always gives the same bytes.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra/doc"

	"github.com/kars-dev/kars/internal/cli"
	"github.com/kars-dev/kars/internal/diagnose"
	"github.com/kars-dev/kars/internal/permissions"
	"github.com/kars-dev/kars/internal/preflight"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go run ./hack/docs FOLDER")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "docs:", err)
		os.Exit(1)
	}
}

func write(dir string) error {
	pages := filepath.Join(dir, "cli")
	if err := os.MkdirAll(pages, 0o755); err != nil { //nolint:gosec // pages for all to read
		return err
	}
	reference, err := permissions.Reference()
	if err != nil {
		return err
	}
	for name, page := range map[string]string{
		"errors.md": diagnose.Markdown(), "findings.md": preflight.FindingsPage(), "permissions.md": reference,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(page), 0o644); err != nil { //nolint:gosec // a page for all to read
			return err
		}
	}
	root := cli.Commands()
	root.DisableAutoGenTag = true // it holds the date
	says := func(string) string { return "<!-- Generated from internal/cli; do not edit. -->\n\n" }
	return doc.GenMarkdownTreeCustom(root, pages, says, func(name string) string { return name })
}
