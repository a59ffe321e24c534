package localcluster

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	core "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/kars-dev/kars/localazure"
)

func testSpec() localazure.ClusterSpec {
	return localazure.ClusterSpec{
		ID:          "/subscriptions/0/resourceGroups/rg/providers/Microsoft.ContainerService/managedClusters/Test-aks",
		Version:     "1.36.3",
		FQDN:        "test-aks-dns-1a2b3c4d.hcp.eastus2.azmk8s.io",
		Issuer:      "https://eastus2.oic.prod-aks.azure.com/00000000-0000-0000-0000-000000000001/00000000-0000-0000-0000-000000000002/",
		ServiceCIDR: "10.0.0.0/16",
		DNSService:  "10.0.0.10",
		PodCIDR:     "10.244.0.0/16",
		Pools: []localazure.Pool{
			{Name: "system", Mode: "System", Count: 1, Taints: []string{"CriticalAddonsOnly=true:NoSchedule"}},
			{Name: "clawpool", Mode: "User", Count: 1, Labels: map[string]string{"kars.azure.com/pool": "claw"}},
		},
		PauseImage: "mcr.microsoft.com/oss/kubernetes/pause:3.10.1",
		DNSImage:   "mcr.microsoft.com/oss/v2/kubernetes/coredns:v1.14.7",
		CABundle:   []byte("test"),
	}
}

// cacheDir is where hack/build.sh puts what it builds.
func cacheDir(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("KARS_CACHE"); dir != "" {
		return dir
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "kars")
}

// newClusters returns clusters in a home of their own, which are gone when the
// test ends. It skips the test where nodes cannot run, unless KARS_REQUIRE
// says that they must.
func newClusters(t *testing.T) *Clusters {
	t.Helper()
	c := New(Options{
		Home: t.TempDir(), CacheDir: cacheDir(t),
		Executable: "/proc/self/exe", Args: []string{superviseArgument},
	})
	if _, err := c.check(testSpec()); err != nil {
		if os.Getenv("KARS_REQUIRE") == "pods" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			showLogs(t, c)
		}
		if err := c.Stop(context.Background()); err != nil {
			t.Errorf("stopping: %v", err)
		}
	})
	return c
}

func ensure(t *testing.T, c *Clusters, spec localazure.ClusterSpec) localazure.Cluster {
	t.Helper()
	began := time.Now()
	cluster, err := c.Ensure(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("ready after %s, %d MiB", time.Since(began).Round(time.Millisecond), cluster.ResidentBytes>>20)
	return cluster
}

func TestEnsureSaysWhatIsMissingBeforeItWrites(t *testing.T) {
	home, spec := t.TempDir(), testSpec()
	c := New(Options{Home: home, CacheDir: t.TempDir(), Executable: "/proc/self/exe", Args: []string{superviseArgument}})
	_, err := c.Ensure(t.Context(), spec)
	missing, root := new(*MissingBinaryError), errors.Is(err, ErrNeedsRoot)
	if !root && (!errors.As(err, missing) || !strings.Contains(err.Error(), "run make build")) {
		t.Errorf("without binaries: got %v, want a MissingBinaryError", err)
	}
	spec.Version = "1.2.3"
	if _, err := c.Ensure(t.Context(), spec); !errors.As(err, new(*UnsupportedVersionError)) {
		t.Errorf("another version: got %v, want an UnsupportedVersionError", err)
	}
	if entries, _ := os.ReadDir(home); len(entries) > 0 {
		t.Errorf("something was written: %v", entries)
	}
}

// TestStartThatIsKilled ends starts at several points, each told by the log
// that it begins, and their callers with them.
func TestStartThatIsKilled(t *testing.T) {
	c := newClusters(t)
	spec := testSpec()
	dir := state(filepath.Join(c.dir(), folder(spec.ID)))
	kubelet := nodeName(spec.ID, "clawpool", 0) + "-kubelet"
	for _, begun := range []string{"supervisor", "etcd", "kube-apiserver", kubelet} {
		log := filepath.Join(dir.logs(), begun+".log")
		var before int64
		if info, err := os.Stat(log); err == nil {
			before = info.Size()
		}
		ctx, cancel := context.WithCancel(t.Context())
		returned := make(chan error, 1)
		go func() {
			_, err := c.Ensure(ctx, spec)
			returned <- err
		}()
		eventually(t, "beginning of "+begun, func(context.Context) error {
			info, err := os.Stat(log)
			if err == nil && info.Size() == before && begun != "supervisor" {
				err = errors.New("nothing new")
			}
			return err
		})
		cancel()
		if err := <-returned; err == nil {
			t.Errorf("%s: the start succeeded before it could be killed", begun)
		}
		p, s, err := settledSupervisor(t.Context(), dir)
		if errors.Is(err, errEnded) {
			continue // the caller gave up before it began
		} else if err != nil {
			t.Fatal(err)
		}
		namespace := pidNamespace(t, s.PID)
		if err := p.signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		if err := p.wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		p.close()
		checkNothingRuns(t, dir, namespace)
	}
	ensure(t, c, spec)
}

// TestClusterThatIsKilledAndStopped follows a cluster through its life. The
// steps build on each other, since a start takes seconds.
func TestClusterThatIsKilledAndStopped(t *testing.T) {
	c := newClusters(t)
	spec := testSpec()
	a := newAzure(t, spec)
	spec.CABundle = a.ca
	dir := state(filepath.Join(c.dir(), folder(spec.ID)))

	sysctls := readSysctls(t)
	started := time.Now()
	cluster := ensure(t, c, spec)
	ended := a.serve(t, cluster)
	u := connectTo(t, cluster)
	u.create(t, echoPod("plain", nil))
	u.create(t, echoPod("mapped", func(p *core.PodSpec) { p.HostUsers = ptr.To(false) }))
	before := u.awaitReady(t, "plain", started)
	u.awaitReady(t, "mapped", started)

	t.Run("a pod answers through a port-forward", func(t *testing.T) {
		if got := u.ask(t, "plain", "hello", "name", "kars"); got != "hello kars" {
			t.Errorf("got %q", got)
		}
	})
	t.Run("a pod with hostUsers false is root of nothing outside", func(t *testing.T) {
		// Inside, outside, count: without mapping all three are of the machine.
		fields := strings.Fields(u.ask(t, "mapped", "file", "path", "/proc/self/uid_map"))
		if len(fields) != 3 || fields[0] != "0" || fields[1] == "0" {
			t.Errorf("uid_map is %v, want a mapping to another user", fields)
		}
	})
	t.Run("nodes are as AKS names and labels them", func(t *testing.T) { checkNodes(t, u, cluster) })
	t.Run("names resolve as they do in Azure", func(t *testing.T) { checkNames(t, u) })
	t.Run("there is no way out", func(t *testing.T) { checkWays(t, u) })
	t.Run("a projected token verifies by the issuer's keys", func(t *testing.T) { checkToken(t, u, cluster, spec) })
	t.Run("the machine's settings are as before", func(t *testing.T) {
		if diff := cmp.Diff(sysctls, readSysctls(t)); diff != "" {
			t.Errorf("(-before +after):\n%s", diff)
		}
	})
	t.Run("ensuring again changes nothing", func(t *testing.T) {
		began := time.Now()
		again := ensure(t, c, spec)
		if again.Server != cluster.Server || time.Since(began) > 2*time.Second {
			t.Errorf("server %s after %s, want %s at once", again.Server, time.Since(began), cluster.Server)
		}
	})
	t.Run("a kill leaves nothing and loses nothing", func(t *testing.T) {
		p, s, err := findSupervisor(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer p.close()
		namespace := pidNamespace(t, s.PID)
		if err := p.signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		if err := p.wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		checkNothingRuns(t, dir, namespace)
		for range 2 * len(cluster.Nodes) {
			if err := <-ended; !errors.Is(err, net.ErrClosed) && !errors.Is(err, http.ErrServerClosed) {
				t.Errorf("a listener at a node ended with %v", err)
			}
		}
		restarted := time.Now()
		cluster = ensure(t, c, spec)
		a.serve(t, cluster)
		u = connectTo(t, cluster)
		after := u.awaitReady(t, "plain", restarted)
		if after.UID != before.UID {
			t.Errorf("pod has UID %s, want %s as before", after.UID, before.UID)
		}
		u.awaitReady(t, "mapped", restarted)
		if got := u.ask(t, "plain", "hello", "name", "again"); got != "hello again" {
			t.Errorf("got %q", got)
		}
	})
	t.Run("stopping leaves nothing", func(t *testing.T) {
		_, s, err := findSupervisor(dir)
		if err != nil {
			t.Fatal(err)
		}
		namespace := pidNamespace(t, s.PID)
		began := time.Now()
		if err := c.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Logf("stopped after %s", time.Since(began).Round(time.Millisecond))
		checkNothingRuns(t, dir, namespace)
		if groups, _ := filepath.Glob("/sys/fs/cgroup/*/kars-" + key(c.options.Home, spec.ID)); len(groups) > 0 {
			t.Errorf("control groups are left: %v", groups)
		}
	})
	t.Run("deleting forgets", func(t *testing.T) {
		if err := c.Delete(t.Context(), strings.ToUpper(spec.ID)); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(string(dir)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the folder is still there: %v", err)
		}
	})
}
