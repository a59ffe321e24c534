package cli

import (
	"time"

	"github.com/kars-dev/kars/internal/azure/credential"
	"github.com/kars-dev/kars/internal/azure/registry"
	"github.com/kars-dev/kars/internal/journal"
	"github.com/kars-dev/kars/internal/kube"
	"github.com/kars-dev/kars/internal/localcluster"
	"github.com/kars-dev/kars/internal/plan"
	"github.com/kars-dev/kars/internal/provision"
)

// newRun wires the doors of a session into a run of provision.
func (a *app) newRun(s *session, p *plan.Plan, j *journal.Journal, context string) *provision.Run {
	return &provision.Run{
		Plan: p, Cloud: s.cloud, ARM: s.arm, Directory: s.graph, Journal: j,
		Caller:     provision.Caller{ObjectID: s.caller.ObjectID, IsUser: s.caller.Type == credential.User},
		Registry:   registry.New(s.credential, s.cloud.ResourceManagerScope(), a.tracing(s.transport)),
		Connect:    func(kubeconfig []byte) (*kube.Client, error) { return kube.New(kubeconfig, kube.Options{}) },
		Emit:       a.printer.Sink(),
		Kubeconfig: a.kubeconfig(context),
		CABundle:   s.caBundle,
		Now:        time.Now,
	}
}

// machineReady says, before anything is started, what this machine lacks to
// run a local cluster.
func (a *app) machineReady() error {
	cache, err := a.cacheDir()
	if err != nil {
		return err
	}
	if err := localcluster.Check(cache); err != nil {
		return &codeError{code: exitFailed, text: err.Error()}
	}
	return nil
}
