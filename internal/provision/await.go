package provision

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kars-dev/kars/api/v1alpha1"
	"github.com/kars-dev/kars/internal/barrier"
	"github.com/kars-dev/kars/internal/kube"
	"github.com/kars-dev/kars/internal/plan"
)

// routerPort is the router's kubelet port.
const routerPort = 9090

// answerTimeout bounds the wait for a router whose sandbox says it is Ready.
const answerTimeout = 2 * time.Minute

// WaitSandbox waits until the sandbox is Ready in its present generation and its
// router says so itself: after a restart of the nodes a status may be older than
// the pod. see is told what is seen meanwhile; what was seen last is returned
// with every error.
func WaitSandbox(ctx context.Context, k *kube.Client, sb *v1alpha1.KarsSandbox, see func(string)) (*v1alpha1.KarsSandbox, error) {
	have, err := watchSandbox(ctx, k, sb, "to be ready", see, sandboxReady)
	if err != nil || have.Spec.Suspended {
		return have, err
	}
	return have, routerAnswers(ctx, k, sb, see)
}

// WaitIdentity waits until the sandbox is Ready in the entra tier: with an
// agent identity of its own.
func WaitIdentity(ctx context.Context, k *kube.Client, sb *v1alpha1.KarsSandbox, see func(string)) (*v1alpha1.KarsSandbox, error) {
	return watchSandbox(ctx, k, sb, "to have its identity", see, func(have *v1alpha1.KarsSandbox) (bool, string) {
		ready, evidence := sandboxReady(have)
		if ready && (have.Status.Tier != v1alpha1.TierEntra || have.Status.AgentIdentity == nil) {
			return false, "it is still in the anonymous tier"
		}
		return ready, evidence
	})
}

// WaitGone waits until a deleted sandbox is gone: its finalizer has then removed
// its pod, its namespace, its role assignments and its identity.
func WaitGone(ctx context.Context, k *kube.Client, sb *v1alpha1.KarsSandbox, see func(string)) error {
	return bounded(ctx, "the sandbox "+sb.Name+" to be gone", func(ctx context.Context, note func(string)) error {
		return k.Wait(ctx, sb, func(live client.Object) (bool, error) {
			if have, ok := live.(*v1alpha1.KarsSandbox); ok {
				_, evidence := sandboxReady(have)
				note(evidence)
				see(evidence)
			}
			return live == nil, nil
		})
	})
}

func watchSandbox(
	ctx context.Context, k *kube.Client, sb *v1alpha1.KarsSandbox, what string,
	see func(string), good func(*v1alpha1.KarsSandbox) (bool, string),
) (last *v1alpha1.KarsSandbox, err error) {
	err = bounded(ctx, "the sandbox "+sb.Name+" "+what, func(ctx context.Context, note func(string)) error {
		return k.Wait(ctx, sb, func(live client.Object) (bool, error) {
			have, ok := live.(*v1alpha1.KarsSandbox)
			if !ok {
				return false, nil
			}
			last = have.DeepCopy()
			done, evidence := good(have)
			if !done {
				note(evidence)
				see(evidence)
			}
			return done, nil
		})
	})
	return last, err
}

// bounded gives a watch its time; note keeps what was seen last, for the
// [*barrier.TimeoutError] at its end.
func bounded(ctx context.Context, what string, watch func(ctx context.Context, note func(string)) error) error {
	limit := waits[plan.StepSandbox]
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	evidence := ""
	err := watch(limited, func(seen string) { evidence = seen })
	if err != nil && ctx.Err() == nil && errors.Is(limited.Err(), context.DeadlineExceeded) {
		return &barrier.TimeoutError{What: what, Waited: limit, Probes: 1, Evidence: evidence}
	}
	return err
}

// routerAnswers asks the sandbox's router, through a port-forward, until it
// says that it is ready.
func routerAnswers(ctx context.Context, k *kube.Client, sb *v1alpha1.KarsSandbox, see func(string)) error {
	_, err := barrier.Wait(ctx, barrier.Options{
		What:     "the router of " + sb.Name + " to answer",
		Interval: 200 * time.Millisecond, MaxInterval: time.Second, Timeout: answerTimeout,
		Retryable: func(error) bool { return true }, // the pod may be restarting
		Progress: func(r barrier.Result) {
			if !r.Done {
				see("the router does not answer yet")
			}
		},
		Probe: func(ctx context.Context) (barrier.Result, error) {
			evidence, err := askRouter(ctx, k, sb)
			return barrier.Result{Done: err == nil && evidence == "", Evidence: evidence}, err
		},
	})
	return err
}

// askRouter returns what keeps the router from being ready, "" when it is.
func askRouter(ctx context.Context, k *kube.Client, sb *v1alpha1.KarsSandbox) (string, error) {
	have := &v1alpha1.KarsSandbox{}
	if err := k.Client().Get(ctx, client.ObjectKeyFromObject(sb), have); err != nil {
		return "", fmt.Errorf("reading the sandbox: %w", err)
	}
	if have.Status.Pod == "" {
		return "it has no pod", nil
	}
	address, stop, err := k.PortForward(ctx, have.Status.Namespace, have.Status.Pod, routerPort)
	if err != nil {
		return "", err
	}
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/readyz", nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close() //nolint:errcheck // its status is all that is read
	if resp.StatusCode != http.StatusOK {
		return "its router says " + resp.Status, nil
	}
	return "", nil
}

func sandboxReady(sb *v1alpha1.KarsSandbox) (bool, string) {
	if sb.Spec.Suspended && sb.Status.Phase == v1alpha1.PhaseSuspended {
		return true, ""
	}
	for _, c := range sb.Status.Conditions {
		if c.Type != v1alpha1.ConditionReady || c.ObservedGeneration != sb.Generation {
			continue
		}
		if c.Status == metav1.ConditionTrue {
			return true, ""
		}
		return false, c.Reason + ": " + c.Message
	}
	return false, "the controller has not seen it yet"
}
