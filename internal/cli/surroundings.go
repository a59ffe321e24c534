package cli

import (
	"os"
	"path/filepath"
	"time"

	"github.com/kars-dev/kars/internal/azure/credential"
	"github.com/kars-dev/kars/internal/home"
	"github.com/kars-dev/kars/internal/kube"
	"github.com/kars-dev/kars/internal/plan"
	"github.com/kars-dev/kars/internal/preflight"
)

// origin tells which credential a session's tokens come from. The Azure CLI's
// profile, which holds no token, is read and never written. A local principal's
// need no telling.
func (a *app) origin(s *session) credential.Origin {
	if s.local {
		return credential.Origin{}
	}
	folder := a.getenv("AZURE_CONFIG_DIR")
	if folder == "" {
		folder = filepath.Join(a.getenv("HOME"), ".azure")
	}
	profile, err := os.ReadFile(filepath.Join(folder, "azureProfile.json")) //nolint:gosec // the user's own file
	if err != nil {
		profile = nil
	}
	return credential.OriginOf(s.caller, a.getenv, profile)
}

// aliveWithin is how long a cluster may take to answer preflight.
const aliveWithin = 5 * time.Second

// installed opens the plan's cluster by the kubeconfig that an earlier run kept;
// nil if there is none.
func (a *app) installed(s *session, p *plan.Plan) preflight.Kubernetes {
	kubeconfig, err := os.ReadFile(a.kubeconfig(home.ContextName(p.Options.ClusterName, s.local)))
	if err != nil {
		return nil
	}
	k, err := kube.New(kubeconfig, kube.Options{Timeout: aliveWithin})
	if err != nil {
		return nil // the run gets a new one
	}
	return k
}
