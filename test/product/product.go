// Package product runs the built kars as its user does: in a KARS_HOME of a
// test's own, one command at a time, with real pods. Start with [Open].
//
// A test that uses it needs root and what `make build` builds. Without root it
// is skipped, or fails where KARS_REQUIRE=pods is set. Only one such test runs
// on a machine at a time, whatever `go test` runs beside it: a local cluster
// wants the memory and the processors.
package product

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/gofrs/flock"

	"github.com/kars-dev/kars/internal/azure/arm"
	"github.com/kars-dev/kars/internal/azure/cloud"
	"github.com/kars-dev/kars/internal/azure/credential"
	"github.com/kars-dev/kars/internal/azure/graph"
	"github.com/kars-dev/kars/internal/home"
	"github.com/kars-dev/kars/internal/kube"
)

// Context is the context of the cluster that `kars up --local` makes.
const Context = "kars@local"

// Home is a KARS_HOME and what was said and run in it.
type Home struct {
	home.Home

	// Root is the module's folder.
	Root   string
	binary string
	env    []string
	said   transcript
	seen   *arguments
}

// Open makes an empty home. When the test ends everything that was started in
// it is ended and forgotten.
func Open(t *testing.T) *Home {
	t.Helper()
	requirePods(t)
	root := moduleRoot(t)
	binary := filepath.Join(root, "bin", "kars")
	if _, err := os.Stat(binary); err != nil {
		t.Fatalf("there is no %s: run make build", binary)
	}
	lockMachine(t)
	// Not below t.TempDir, whose long path a Unix socket could not have.
	dir, err := os.MkdirTemp("", "kars-test-")
	if err != nil {
		t.Fatal(err)
	}
	h := &Home{Home: home.Home{Dir: dir}, Root: root, binary: binary, env: environment(dir)}
	h.seen = watchArguments()
	t.Cleanup(func() {
		h.seen.stop()
		if got := h.Run(t, "local", "reset", "--yes"); got.Code != 0 {
			t.Errorf("kars local reset: exit %d: %s", got.Code, got.Stderr)
			return // what is left may tell why
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return h
}

// environment is the user's, with the home and without any Azure of theirs.
func environment(dir string) []string {
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "AZURE_") && !strings.HasPrefix(v, "KARS_HOME=") && !strings.HasPrefix(v, "KUBECONFIG=") {
			env = append(env, v)
		}
	}
	return append(env, "KARS_HOME="+dir)
}

func requirePods(t *testing.T) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	if os.Getenv("KARS_REQUIRE") == "pods" {
		t.Fatal("real pods need root")
	}
	t.Skip("real pods need root")
}

func moduleRoot(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("there is no go.mod above the test")
		}
		dir = filepath.Dir(dir)
	}
}

// lockMachine waits until no other test runs a cluster by this package.
func lockMachine(t *testing.T) {
	t.Helper()
	lock := flock.New(filepath.Join(os.TempDir(), "kars-test.lock"))
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	defer cancel()
	if ok, err := lock.TryLockContext(ctx, 100*time.Millisecond); err != nil || !ok {
		t.Fatalf("waiting for the test that has the machine: %v", err)
	}
	t.Cleanup(func() { _ = lock.Close() })
}

// Kube is the cluster's API as the owner's kubeconfig gives it.
func (h *Home) Kube(t testing.TB) *kube.Client {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(h.Dir, "kubeconfigs", Context+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	k, err := kube.New(raw, kube.Options{UserAgent: "kars-test"})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// Azure is the local Azure as its owner.
type Azure struct {
	Credential azcore.TokenCredential
	Transport  http.RoundTripper
	ARM        *arm.Client
	Graph      *graph.Client
}

// Azure signs in as the owner.
func (h *Home) Azure(t testing.TB) Azure {
	t.Helper()
	where, found, err := h.ReadAzure()
	if err != nil || !found {
		t.Fatalf("the local Azure does not run: %v", err)
	}
	ca, err := os.ReadFile(h.CAFile())
	if err != nil {
		t.Fatal(err)
	}
	transport, err := cloud.Local(where.Address, ca)
	if err != nil {
		t.Fatal(err)
	}
	owner, err := credential.ForLocal(h.PrincipalFile("owner"), credential.Options{Transport: transport})
	if err != nil {
		t.Fatal(err)
	}
	a := Azure{Credential: owner, Transport: transport}
	if a.ARM, err = arm.New(owner, arm.Options{Transport: transport, Version: "test"}); err != nil {
		t.Fatal(err)
	}
	if a.Graph, err = graph.New(owner, graph.Options{Transport: transport, Version: "test"}); err != nil {
		t.Fatal(err)
	}
	return a
}

// Await asks until done says so, or fails the test with what it said last.
func Await(t testing.TB, within time.Duration, what string, done func() (bool, string)) {
	t.Helper()
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		ok, seen := done()
		if ok {
			return
		}
		select {
		case <-again.C:
		case <-deadline.C:
			t.Fatalf("after %s still waiting for %s: %s", within, what, seen)
		}
	}
}
