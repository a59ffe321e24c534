package localcluster

import (
	"os"
	"path/filepath"
)

// Check says what this machine lacks to run a cluster: [ErrNeedsRoot],
// [*MissingBinaryError] or [*MissingToolError]. cacheDir is that of [Options].
func Check(cacheDir string) error {
	if os.Geteuid() != 0 {
		return ErrNeedsRoot
	}
	if err := binaries(filepath.Join(cacheDir, "bin")).check(); err != nil {
		return err
	}
	return checkTools()
}
