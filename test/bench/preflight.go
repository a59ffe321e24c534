package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/kars-dev/kars/internal/azure/arm"
	"github.com/kars-dev/kars/internal/azure/cloud"
	"github.com/kars-dev/kars/internal/azure/credential"
	"github.com/kars-dev/kars/internal/azure/graph"
	"github.com/kars-dev/kars/internal/plan"
	"github.com/kars-dev/kars/internal/preflight"
	"github.com/kars-dev/kars/localazure"
)

// distance is how far away the Azure of the second measurement is: what is
// added to every response.
const distance = 150 * time.Millisecond

// preflights measures preflight by itself, as the owner of a fresh
// subscription, against a local Azure in this process that is asked over TLS:
// next door, far away, and far away with one question after the other.
func (f *figures) preflights(ctx context.Context, o options) error {
	dir, err := os.MkdirTemp("", "kars-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	azure, err := localazure.Open(localazure.Options{Dir: dir, Keep: func(c localazure.Credential) error {
		raw, err := json.Marshal(c)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, c.Name+".json"), raw, 0o600)
	}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, azure.Close()) }()
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	serving, stop := context.WithCancel(ctx)
	defer stop()
	served := make(chan error, 1)
	go func() { served <- azure.Serve(serving, ln) }()
	for range o.runs {
		if err := f.preflight(ctx, azure, dir, ln.Addr().String()); err != nil {
			return err
		}
	}
	stop()
	return <-served
}

// preflight takes one sample of each.
func (f *figures) preflight(ctx context.Context, azure *localazure.Server, dir, address string) error {
	near, err := measurePreflight(ctx, azure, dir, address, &line{})
	if err != nil {
		return err
	}
	f.took("preflight alone", near.took)
	f.count("preflight alone: requests", near.requests)
	far, err := measurePreflight(ctx, azure, dir, address, &line{delay: distance})
	if err != nil {
		return err
	}
	f.took("preflight, 150 ms away", far.took)
	f.add("  as a multiple of its longest chain of requests", "", float64(far.took)/float64(time.Duration(far.chain)*distance))
	f.count("  requests in that chain, tokens included", far.chain)
	queued, err := measurePreflight(ctx, azure, dir, address, &line{delay: distance, one: make(chan struct{}, 1)})
	if err != nil {
		return err
	}
	f.took("the same, one question after the other", queued.took)
	f.add("  as a multiple of all at once", "", float64(queued.took)/float64(far.took))
	return nil
}

type sample struct {
	took            time.Duration
	requests, chain int
}

// measurePreflight signs in and runs preflight once, over connections of its own.
func measurePreflight(ctx context.Context, azure *localazure.Server, dir, address string, l *line) (sample, error) {
	direct, err := cloud.Local(address, azure.CA())
	if err != nil {
		return sample{}, err
	}
	direct.TLSClientConfig.ClientSessionCache = tls.NewLRUClientSessionCache(0)
	defer direct.CloseIdleConnections()
	l.next = direct
	started := time.Now()
	tokens, err := credential.ForLocal(filepath.Join(dir, localazure.OwnerName+".json"), credential.Options{Transport: l})
	if err != nil {
		return sample{}, err
	}
	who, err := credential.Identify(ctx, tokens, cloud.Public)
	if err != nil {
		return sample{}, err
	}
	o := preflight.Options{Caller: who, LocalPrincipal: localazure.OwnerName}
	if o.Plan, err = plan.New(plan.Options{SubscriptionID: azure.SubscriptionID(), TenantID: azure.TenantID()}); err != nil {
		return sample{}, err
	}
	if o.ARM, err = arm.New(tokens, arm.Options{Transport: l}); err != nil {
		return sample{}, err
	}
	if o.Directory, err = graph.New(tokens, graph.Options{Transport: l}); err != nil {
		return sample{}, err
	}
	r := preflight.Run(ctx, o)
	s := sample{took: time.Since(started), requests: r.Requests, chain: l.longest()}
	if r.Verdict != preflight.Pass {
		return s, fmt.Errorf("the owner's preflight ends as %s", r.Verdict)
	}
	return s, nil
}

var _ http.RoundTripper = (*line)(nil)
