package localcluster

import "log/slog"

// Options say how clusters are run.
type Options struct {
	// Home is KARS_HOME; clusters are kept in Home/local/clusters.
	Home string
	// CacheDir holds bin/, the programs that hack/build.sh made.
	CacheDir string
	// Executable with Args and the cluster's folder as further arguments must
	// call [Supervise] with that folder.
	Executable string
	Args       []string
	// CredentialProvider is the program kars-acr-credential; without it the
	// nodes pull anonymously.
	CredentialProvider string
	// Log is told what happens; nil: nothing.
	Log *slog.Logger
}
