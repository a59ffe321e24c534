package provision

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kars-dev/kars/internal/azure/arm"
	"github.com/kars-dev/kars/internal/azure/cloud"
	"github.com/kars-dev/kars/internal/azure/credential"
	"github.com/kars-dev/kars/internal/azure/graph"
	"github.com/kars-dev/kars/internal/azure/registry"
	"github.com/kars-dev/kars/internal/event"
	"github.com/kars-dev/kars/internal/journal"
	"github.com/kars-dev/kars/internal/plan"
	"github.com/kars-dev/kars/localazure"
)

// world is a local Azure in this process, with no cluster: runs go as far as
// the grants.
type world struct {
	*localazure.Server
	address    string
	principals string
	runs       string
}

func newWorld(t *testing.T) *world { return newWorldWith(t, localazure.Options{}) }

func newWorldWith(t *testing.T, o localazure.Options) *world {
	t.Helper()
	w := &world{principals: t.TempDir(), runs: t.TempDir()}
	o.Dir = t.TempDir()
	o.Keep = func(c localazure.Credential) error {
		raw, err := json.Marshal(c)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(w.principals, c.Name+".json"), raw, 0o600)
	}
	s, err := localazure.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	w.Server = s
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.address = ln.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, ln) }()
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-done, s.Close()); err != nil {
			t.Errorf("closing the local Azure: %v", err)
		}
	})
	return w
}

// run is a run of the owner that ends with the grants. wrap may put something
// between it and Azure; nil puts nothing.
func (w *world) run(t *testing.T, o plan.Options, wrap func(http.RoundTripper) http.RoundTripper) *Run {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var transport http.RoundTripper
	transport, err := cloud.Local(w.address, w.CA())
	must(err)
	if wrap != nil {
		transport = wrap(transport)
	}
	cred, err := credential.ForLocal(filepath.Join(w.principals, localazure.OwnerName+".json"), credential.Options{Transport: transport})
	must(err)
	client, err := arm.New(cred, arm.Options{Transport: transport})
	must(err)
	directory, err := graph.New(cred, graph.Options{Transport: transport})
	must(err)
	o.SubscriptionID, o.TenantID = w.SubscriptionID(), w.TenantID()
	p, err := plan.New(o)
	must(err)
	return &Run{
		Plan: p, Cloud: cloud.Public, ARM: client, Directory: directory,
		Registry: registry.New(cred, cloud.Public.ResourceManagerScope(), transport),
		Emit:     func(event.Event) {}, Until: plan.StepGrants, Now: time.Now,
		Journal: w.journal(t),
	}
}

// journal opens the next journal; the run before must have closed its own.
func (w *world) journal(t *testing.T) *journal.Journal {
	t.Helper()
	j, err := journal.Open(journal.Options{Dir: w.runs, Context: "kars@local", Command: "up", Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// apply makes a run and returns what it came to.
func (w *world) apply(t *testing.T, r *Run) (Result, error) {
	t.Helper()
	result, failed := Apply(t.Context(), r)
	if err := r.Journal.Close(); err != nil {
		t.Fatal(err)
	}
	return result, failed
}

// up applies a plan, which must succeed, and returns its steps as
// "group created, registration unchanged, …".
func (w *world) up(t *testing.T, o plan.Options) (*Run, string) {
	t.Helper()
	r := w.run(t, o, nil)
	result, err := w.apply(t, r)
	if err != nil {
		t.Fatalf("up: %v", err)
	}
	return r, steps(result.Steps)
}

func steps(all []StepResult) string {
	var out []string
	for _, s := range all {
		out = append(out, s.ID+" "+string(s.Status))
	}
	return strings.Join(out, ", ")
}

// get reads a resource that must be there.
func get(t *testing.T, r *Run, id, version string) Tree {
	t.Helper()
	have, found, err := r.get(t.Context(), id, version)
	if err != nil || !found {
		t.Fatalf("reading %s: found %t, %v", id, found, err)
	}
	return have
}

func put(t *testing.T, r *Run, id, version string, body Tree) {
	t.Helper()
	if err := r.put(t.Context(), id, version, body); err != nil {
		t.Fatal(err)
	}
}
