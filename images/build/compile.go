package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// goBuild links packages into dir. The go command links again only what has
// changed, because it compares with the files in dir; they must therefore be
// whole, so its work folder is on the same file system, where its last act is
// a rename.
func goBuild(ctx context.Context, dir, version string, packages []string) error {
	work := filepath.Join(dir, ".work")
	if err := os.MkdirAll(work, 0o700); err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(work) }()
	args := []string{
		"build", "-trimpath", "-buildvcs=false",
		"-ldflags", "-s -w -X main.version=" + version,
		"-o", dir + string(filepath.Separator),
	}
	//nolint:gosec // the arguments are our own packages and a version flag
	cmd := exec.CommandContext(ctx, "go", append(args, packages...)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOTMPDIR="+work)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("building %s: %w", strings.Join(packages, " "), err)
	}
	return nil
}
