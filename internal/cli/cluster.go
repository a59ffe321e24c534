package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"strings"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kars-dev/kars/api/v1alpha1"
	"github.com/kars-dev/kars/internal/azure/arm"
	"github.com/kars-dev/kars/internal/barrier"
	"github.com/kars-dev/kars/internal/home"
	"github.com/kars-dev/kars/internal/kube"
	"github.com/kars-dev/kars/internal/plan"
	"github.com/kars-dev/kars/localazure"
)

// cluster opens the cluster of the chosen context. The kubeconfig that the last
// run kept is used; without one it is asked for.
func (a *app) cluster(ctx context.Context) (*kube.Client, home.Context, error) {
	x, err := a.chosen()
	if err != nil {
		return nil, x, err
	}
	if x.Local {
		if err := a.ensureLocal(ctx); err != nil {
			return nil, x, err
		}
	}
	raw, err := os.ReadFile(a.kubeconfig(x.Name))
	if errors.Is(err, fs.ErrNotExist) {
		raw, err = a.fetchKubeconfig(ctx, x)
	}
	if err != nil {
		return nil, x, fmt.Errorf("reading the cluster's kubeconfig: %w", err)
	}
	k, err := kube.New(raw, kube.Options{})
	return k, x, err
}

// ensureLocal starts the local Azure when it was stopped, and waits until its
// clusters, which it starts again, run.
func (a *app) ensureLocal(ctx context.Context) error {
	started, err := a.startLocal(ctx, a.home.Port())
	if err != nil {
		return err
	}
	if started {
		a.printer.Say("the local Azure was stopped and is started again")
	}
	door, _, ok := a.running()
	if !ok {
		return errStopped()
	}
	_, err = barrier.Wait(ctx, barrier.Options{
		What:     "the local cluster to run",
		Interval: 50 * time.Millisecond, MaxInterval: time.Second, Timeout: 2 * time.Minute,
		Probe: func(ctx context.Context) (barrier.Result, error) {
			var s localazure.Status
			if err := door.do(ctx, http.MethodGet, "/status", nil, &s); err != nil {
				return barrier.Result{}, err
			}
			for _, c := range s.Clusters {
				if c.State == "Starting" {
					return barrier.Result{Evidence: "it is starting"}, nil
				}
			}
			return barrier.Result{Done: true}, nil
		},
	})
	return err
}

func (a *app) fetchKubeconfig(ctx context.Context, x home.Context) ([]byte, error) {
	s, err := a.open(ctx, x)
	if err != nil {
		return nil, err
	}
	p, err := a.planOf(s, x)
	if err != nil {
		return nil, err
	}
	raw, err := s.arm.UserCredential(ctx, p.ClusterID())
	if arm.IsNotFound(err) {
		return nil, &codeError{code: exitFailed, text: fmt.Sprintf("the cluster of %s is not there", x.Name), hints: []string{"make it: " + a.upCommandOf(x)}}
	}
	return raw, err
}

// upCommandOf is what makes, or goes on making, the cluster of a context.
func (a *app) upCommandOf(x home.Context) string {
	args := []string{"kars", "up"}
	if x.Local {
		args = append(args, "--local")
	} else {
		args = append(args, "--subscription", x.Subscription)
	}
	fresh := plan.Options{}.WithDefaults()
	if x.Region != fresh.Region {
		args = append(args, "--region", x.Region)
	}
	if x.ResourceGroup != (plan.Options{Region: x.Region}).WithDefaults().ResourceGroup {
		args = append(args, "--resource-group", x.ResourceGroup)
	}
	if x.Cluster != fresh.ClusterName {
		args = append(args, "--cluster-name", x.Cluster)
	}
	if x.Model != fresh.Model {
		args = append(args, "--model", x.Model)
	}
	if x.As != "" {
		args = append(args, "--as", x.As)
	}
	return strings.Join(args, " ")
}

// sandbox reads one sandbox of the chosen cluster.
func (a *app) sandbox(ctx context.Context, k *kube.Client, name string) (*v1alpha1.KarsSandbox, error) {
	sb := &v1alpha1.KarsSandbox{}
	err := k.Client().Get(ctx, client.ObjectKey{Namespace: a.flags.namespace, Name: name}, sb)
	if client.IgnoreNotFound(err) != nil {
		return nil, fmt.Errorf("reading the sandbox %s: %w", name, err)
	}
	if err != nil {
		return nil, &codeError{code: exitFailed, text: fmt.Sprintf("there is no sandbox %q in namespace %s", name, a.flags.namespace), hints: []string{
			"see those there are: kars list", "make it: kars add " + name,
		}}
	}
	return sb, nil
}

// chosenSandbox opens the chosen cluster and reads the sandbox that the
// arguments name, or the only one.
func (a *app) chosenSandbox(ctx context.Context, args []string) (*kube.Client, *v1alpha1.KarsSandbox, error) {
	k, _, err := a.cluster(ctx)
	if err != nil {
		return nil, nil, err
	}
	name, err := a.sandboxName(ctx, k, args)
	if err != nil {
		return nil, nil, err
	}
	sb, err := a.sandbox(ctx, k, name)
	return k, sb, err
}

// sandboxName is the argument, or the only sandbox's.
func (a *app) sandboxName(ctx context.Context, k *kube.Client, args []string) (string, error) {
	if len(args) == 1 {
		return args[0], nil
	}
	var all v1alpha1.KarsSandboxList
	if err := k.Client().List(ctx, &all, client.InNamespace(a.flags.namespace)); err != nil {
		return "", fmt.Errorf("listing sandboxes: %w", err)
	}
	if len(all.Items) != 1 {
		return "", usagef("see them: kars list", "there are %d sandboxes: say which", len(all.Items))
	}
	return all.Items[0].Name, nil
}
