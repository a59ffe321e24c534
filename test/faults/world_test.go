package faults

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/random"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/kars-dev/kars/images"
	"github.com/kars-dev/kars/internal/azure/arm"
	"github.com/kars-dev/kars/internal/azure/cloud"
	"github.com/kars-dev/kars/internal/azure/credential"
	"github.com/kars-dev/kars/internal/azure/graph"
	"github.com/kars-dev/kars/internal/azure/registry"
	"github.com/kars-dev/kars/internal/azure/wire"
	"github.com/kars-dev/kars/internal/event"
	"github.com/kars-dev/kars/internal/journal"
	"github.com/kars-dev/kars/internal/kube"
	"github.com/kars-dev/kars/internal/plan"
	"github.com/kars-dev/kars/internal/provision"
	"github.com/kars-dev/kars/localazure"
)

const imageVersion = "0.0.1"

// snapshot is what every case begins with, made once: a local Azure that has
// just been founded, the credential of its owner, and a source of images.
type snapshot struct {
	dir    string
	images []plan.Image
}

var (
	founded  snapshot
	foundErr error
	once     sync.Once
)

func begin(t testing.TB) snapshot {
	t.Helper()
	once.Do(func() { founded, foundErr = found() })
	if foundErr != nil {
		t.Fatal(foundErr)
	}
	return founded
}

func found() (snapshot, error) {
	dir, err := os.MkdirTemp("", "kars-faults-")
	if err != nil {
		return snapshot{}, err
	}
	s := snapshot{dir: dir}
	layout := s.layout()
	refs := []string{images.Pause, images.CoreDNS("v1.0.0")}
	for _, name := range plan.ImageNames {
		refs = append(refs, images.Reference(name, imageVersion))
	}
	for _, ref := range refs {
		image, err := random.Image(64, 1)
		if err != nil {
			return s, err
		}
		if err := layout.Put(context.Background(), ref, image); err != nil {
			return s, err
		}
	}
	for _, name := range plan.ImageNames {
		d, err := layout.Resolve(images.Reference(name, imageVersion))
		if err != nil {
			return s, err
		}
		s.images = append(s.images, plan.Image{Name: name, Digest: d.Digest.String(), Tag: imageVersion})
	}
	azure, err := localazure.Open(localazure.Options{Dir: s.azure(), Keep: keepIn(s.azure())})
	if err != nil {
		return s, err
	}
	return s, azure.Close()
}

func (s snapshot) azure() string          { return filepath.Join(s.dir, "azure") }
func (s snapshot) layout() *images.Layout { return images.Open(filepath.Join(s.dir, "images")) }

// keepIn writes credentials beside the local Azure's state.
func keepIn(dir string) func(localazure.Credential) error {
	return func(c localazure.Credential) error {
		raw, err := json.Marshal(c)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, c.Name+".json"), raw, 0o600)
	}
}

// world is one case: a local Azure in this process, and an empty API server
// behind its clusters.
type world struct {
	testing.TB
	dir    string
	images []plan.Image
	azure  *localazure.Server
	config *rest.Config
}

func newWorld(t testing.TB) *world {
	t.Helper()
	config := apiServer.Config(t)
	from := begin(t)
	w := &world{TB: t, dir: t.TempDir(), images: from.images, config: config}
	if err := os.CopyFS(w.home(), os.DirFS(from.azure())); err != nil {
		t.Fatal(err)
	}
	empty(t, config)
	var err error
	w.azure, err = localazure.Open(localazure.Options{
		Dir: w.home(), Clusters: oneCluster{config}, Images: from.layout(), Keep: keepIn(w.home()),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.azure.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func (w *world) home() string { return filepath.Join(w.dir, "azure") }

// caller is a signed-in principal and its doors, all through one tap.
type caller struct {
	*world
	tap       *tap
	who       credential.Caller
	arm       *arm.Client
	graph     *graph.Client
	registry  *registry.Client
	plan      *plan.Plan
	transport http.RoundTripper
}

// as signs in anew, as another process would.
func (w *world) as(name string, t *tap) *caller {
	w.Helper()
	c := &caller{world: w, tap: t}
	azure := served(w.azure.Handler())
	c.transport = t.over(azure)
	tokens, err := credential.ForLocal(filepath.Join(w.home(), name+".json"), credential.Options{Transport: c.transport})
	if err != nil {
		w.Fatal(err)
	}
	// Who calls is not part of the run.
	quiet, err := credential.ForLocal(filepath.Join(w.home(), name+".json"), credential.Options{Transport: azure})
	if err != nil {
		w.Fatal(err)
	}
	if c.who, err = credential.Identify(w.Context(), quiet, cloud.Public); err != nil {
		w.Fatal(err)
	}
	soon := wire.Retry{Delay: time.Millisecond}
	if c.arm, err = arm.New(tokens, arm.Options{Transport: c.transport, Retry: soon, Sleep: hurry}); err != nil {
		w.Fatal(err)
	}
	if c.graph, err = graph.New(tokens, graph.Options{Transport: c.transport, Retry: soon}); err != nil {
		w.Fatal(err)
	}
	c.registry = registry.New(tokens, cloud.Public.ResourceManagerScope(), c.transport)
	c.plan, err = plan.New(plan.Options{
		SubscriptionID: w.azure.SubscriptionID(), TenantID: w.azure.TenantID(),
		Images: w.images, MeshTrust: plan.TrustEntra,
	})
	if err != nil {
		w.Fatal(err)
	}
	return c
}

// hurry asks again after a moment where Azure would have one wait for longer.
func hurry(ctx context.Context, d time.Duration) error {
	return wire.Sleep(ctx, min(d, 10*time.Millisecond))
}

// apply runs all steps that need no node, with its journal in the folder runs.
func (c *caller) apply(ctx context.Context, runs string) (provision.Result, error) {
	c.Helper()
	return c.applyUntil(ctx, runs, plan.StepTrust)
}

func (c *caller) applyUntil(ctx context.Context, runs string, last plan.Step) (provision.Result, error) {
	c.Helper()
	j, err := journal.Open(journal.Options{Dir: runs, Context: "kars@local", Command: "up", Now: time.Now})
	if err != nil {
		c.Fatal(err)
	}
	run := &provision.Run{
		Plan: c.plan, Cloud: cloud.Public, ARM: c.arm, Directory: c.graph, Registry: c.registry,
		Caller:     provision.Caller{ObjectID: c.who.ObjectID, IsUser: c.who.Type == credential.User},
		Connect:    c.connect,
		Journal:    j,
		Emit:       func(event.Event) {},
		Kubeconfig: filepath.Join(c.dir, "kubeconfig"),
		CABundle:   c.azure.CA(),
		Until:      last,
		Now:        time.Now,
	}
	result, failed := provision.Apply(ctx, run)
	if err := j.Close(); err != nil {
		c.Fatal(err)
	}
	return result, failed
}

// connect reaches the cluster through the tap too.
func (c *caller) connect(kubeconfig []byte) (*kube.Client, error) {
	config, err := clientcmd.RESTConfigFromKubeConfig(kubeconfig)
	if err != nil {
		return nil, err
	}
	config.Wrap(c.tap.over)
	return kube.ForConfig(config, kube.Options{})
}

// settle asserts that a run, made by nobody else's fault, ends well.
func (w *world) settle(runs string) provision.Result {
	w.Helper()
	result, err := w.as(localazure.OwnerName, &tap{}).apply(w.Context(), runs)
	if err != nil {
		w.Fatalf("the next run fails: %v", err)
	}
	return result
}

// idle asserts that one more run changes nothing.
func (w *world) idle(runs string) {
	w.Helper()
	result := w.settle(runs)
	if n := result.Requests; n.Azure.Writes != 0 || n.Kubernetes.Writes != 0 {
		w.Errorf("one more run writes: %+v", n)
	}
	for _, s := range result.Steps {
		if s.Status != event.Unchanged {
			w.Errorf("one more run ends the step %s as %s: %s", s.ID, s.Status, s.Detail)
		}
	}
}

// describe is a run in one line.
func describe(r provision.Result) string {
	parts := make([]string, len(r.Steps))
	for i, s := range r.Steps {
		parts[i] = s.ID + " " + string(s.Status)
	}
	return strings.Join(parts, ", ")
}
