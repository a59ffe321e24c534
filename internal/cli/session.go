package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"github.com/kars-dev/kars/internal/azure/arm"
	"github.com/kars-dev/kars/internal/azure/cloud"
	"github.com/kars-dev/kars/internal/azure/credential"
	"github.com/kars-dev/kars/internal/azure/graph"
	"github.com/kars-dev/kars/internal/home"
	"github.com/kars-dev/kars/internal/preflight"
	"github.com/kars-dev/kars/internal/release"
	"github.com/kars-dev/kars/localazure"
)

// session is a signed-in caller and the doors to one cloud.
type session struct {
	cloud        cloud.Cloud
	local        bool
	as           string // the local principal
	transport    http.RoundTripper
	credential   azcore.TokenCredential
	caller       credential.Caller
	subscription string
	tenant       string
	arm          *arm.Client
	graph        *graph.Client
	// deadline is of everything that is asked before the first write (U05).
	deadline time.Time
	caBundle []byte // what pods must trust beside the system's roots
}

// wanted is what a command asks of its session.
type wanted struct {
	local        bool
	as           string
	subscription string
	tenant       string
}

// signIn opens a session. With --local the local Azure is started first.
func (a *app) signIn(ctx context.Context, w wanted) (*session, error) {
	s := &session{cloud: cloud.Public, local: w.local, subscription: w.subscription, tenant: w.tenant}
	var err error
	if w.local {
		err = a.openLocal(ctx, s, w.as)
	} else {
		err = a.openCloud(s, w)
	}
	if err != nil {
		return nil, err
	}
	options := arm.Options{Cloud: s.cloud, Transport: a.tracing(s.transport), Version: release.Version(), Retry: a.retry}
	if s.arm, err = arm.New(s.credential, options); err != nil {
		return nil, err
	}
	if s.graph, err = graph.New(s.credential, graph.Options{Cloud: s.cloud, Transport: a.tracing(s.transport), Version: release.Version(), Retry: a.retry}); err != nil {
		return nil, err
	}
	s.deadline = time.Now().Add(preflight.DefaultTimeout)
	err = s.inTime(ctx, func(ctx context.Context) error {
		if s.caller, err = credential.Identify(ctx, s.credential, s.cloud); err != nil {
			return err
		}
		a.session = s
		return s.settle(ctx)
	})
	return s, err
}

// inTime asks before the session's deadline, so that a server which does not
// answer, or wants to be asked again in an hour, ends the command soon.
func (s *session) inTime(ctx context.Context, ask func(context.Context) error) error {
	bounded, cancel := context.WithDeadline(ctx, s.deadline)
	defer cancel()
	err := ask(bounded)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return &unansweredError{err}
	}
	return err
}

// unansweredError says that Azure or Entra did not answer in time.
type unansweredError struct{ err error }

func (e *unansweredError) Error() string {
	return fmt.Sprintf("no answer within %s: %v", preflight.DefaultTimeout, e.err)
}

func (e *unansweredError) Unwrap() error { return e.err }

// openLocal reaches the local Azure as one of its principals.
func (a *app) openLocal(ctx context.Context, s *session, as string) error {
	if as == "" {
		as = localazure.OwnerName
	}
	s.as = as
	if _, err := a.startLocal(ctx, a.home.Port()); err != nil {
		return err
	}
	door, where, ok := a.running()
	if !ok {
		return errStopped()
	}
	var status localazure.Status
	if err := door.do(ctx, http.MethodGet, "/status", nil, &status); err != nil {
		return err
	}
	if _, err := os.Stat(a.home.PrincipalFile(as)); err != nil {
		return usagef("add it: kars local principal add "+as+" --role Reader", "there is no local principal %q", as)
	}
	var err error
	if s.caBundle, err = os.ReadFile(a.home.CAFile()); err != nil {
		return fmt.Errorf("reading the local Azure's authority: %w", err)
	}
	transport, err := cloud.Local(where.Address, s.caBundle)
	if err != nil {
		return err
	}
	s.transport = transport
	if s.subscription == "" {
		s.subscription = status.SubscriptionID
	}
	s.tenant = status.TenantID
	s.credential, err = credential.ForLocal(a.home.PrincipalFile(as), credential.Options{Cloud: s.cloud, Transport: transport})
	return err
}

// openCloud reaches Azure with the credential that azidentity finds.
func (a *app) openCloud(s *session, w wanted) error {
	bundle := a.getenv(cloud.CABundleVariable)
	transport, err := a.reach(cloud.TransportOptions{CABundle: bundle})
	if err != nil {
		return err
	}
	if bundle != "" {
		if s.caBundle, err = os.ReadFile(bundle); err != nil {
			return fmt.Errorf("reading %s: %w", cloud.CABundleVariable, err)
		}
	}
	if s.subscription == "" {
		s.subscription = a.getenv("AZURE_SUBSCRIPTION_ID")
	}
	s.transport = transport
	s.credential, err = credential.Default(credential.Options{Cloud: s.cloud, Transport: transport, TenantID: w.tenant, Retry: a.retry})
	return err
}

// settle finds the subscription when it was not named and there is only one.
func (s *session) settle(ctx context.Context) error {
	if s.tenant == "" {
		s.tenant = s.caller.TenantID
	}
	if s.subscription != "" {
		return nil
	}
	all, err := s.arm.Subscriptions(ctx)
	if err != nil {
		return fmt.Errorf("listing subscriptions: %w", err)
	}
	switch len(all) {
	case 0:
		return errors.New("the caller sees no subscription")
	case 1:
		s.subscription = all[0].ID
		return nil
	}
	return usagef("for example: --subscription "+all[0].ID, "the caller sees %d subscriptions: say which", len(all))
}

// kubeconfig is the file in which a context's kubeconfig is kept.
func (a *app) kubeconfig(context string) string {
	return filepath.Join(a.home.Dir, "kubeconfigs", context+".yaml")
}

// chosen is the context that a command works with: the one that was named, or
// the last used in the same cloud.
func (a *app) chosen() (home.Context, error) {
	all, err := a.home.ReadContexts()
	if err != nil {
		return home.Context{}, err
	}
	if a.flags.context == "" && a.flags.local {
		for i := len(all.Contexts) - 1; i >= 0; i-- {
			if all.Contexts[i].Local {
				return all.Contexts[i], nil
			}
		}
		return home.Context{}, &noClusterError{local: true}
	}
	if found, ok := all.Find(a.flags.context); ok {
		return found, nil
	}
	if a.flags.context != "" {
		return home.Context{}, usagef(known(all), "there is no context %q", a.flags.context)
	}
	return home.Context{}, &noClusterError{}
}

// noClusterError says that nothing was brought up yet.
type noClusterError struct{ local bool }

func (e *noClusterError) Error() string {
	if e.local {
		return "there is no local cluster"
	}
	return "there is no cluster yet"
}

func (e *noClusterError) fix() string {
	if e.local {
		return "make one: kars up --local"
	}
	return "make one: kars up, or kars up --local"
}

// known lists the contexts for a person.
func known(all home.Contexts) string {
	if len(all.Contexts) == 0 {
		return (&noClusterError{}).fix()
	}
	names := make([]string, 0, len(all.Contexts))
	for _, x := range all.Contexts {
		names = append(names, x.Name)
	}
	return "there are " + strings.Join(names, ", ")
}

// open signs in to the cloud of a context.
func (a *app) open(ctx context.Context, x home.Context) (*session, error) {
	as := a.flags.as
	if as == "" {
		as = x.As
	}
	return a.signIn(ctx, wanted{local: x.Local, as: as, subscription: x.Subscription, tenant: x.Tenant})
}
