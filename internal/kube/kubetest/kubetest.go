// Package kubetest gives tests the real API server and etcd, with kars' custom
// resource definitions. There are no controllers and no nodes: nothing collects
// garbage, ends namespaces or runs pods.
package kubetest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/kars-dev/kars/charts"
)

// Cluster is an API server that the tests of a package share. It starts when
// it is first asked for.
type Cluster struct {
	// Bare leaves kars' definitions out, for a test that applies them itself.
	Bare bool

	once   sync.Once
	env    *envtest.Environment
	config *rest.Config
	err    error
}

// Run runs a package's tests and then stops the API server; call it in TestMain.
func (c *Cluster) Run(m *testing.M) int {
	code := m.Run()
	if c.config == nil {
		return code
	}
	if err := c.env.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, "stopping the API server:", err)
		return 1
	}
	return code
}

// Config is an administrator's. Where the binaries are not built the test is
// skipped, unless KARS_REQUIRE asks for everything.
func (c *Cluster) Config(t testing.TB) *rest.Config {
	t.Helper()
	c.once.Do(c.start)
	if errors.Is(c.err, errNoBinaries) && os.Getenv("KARS_REQUIRE") == "" {
		t.Skip(c.err)
	}
	if c.err != nil {
		t.Fatal(c.err)
	}
	return rest.CopyConfig(c.config)
}

// errNoBinaries says that `make build` has not run.
var errNoBinaries = errors.New("no kube-apiserver and etcd; `make build` builds them")

func (c *Cluster) start() {
	dir, err := binaries()
	if err != nil {
		c.err = err
		return
	}
	c.env = &envtest.Environment{BinaryAssetsDirectory: dir}
	if !c.Bare {
		if c.env.CRDs, c.err = charts.Definitions(); c.err != nil {
			return
		}
	}
	c.config, c.err = c.env.Start()
	if c.err == nil {
		c.config.QPS = -1
	}
}

// binaries is the folder of kube-apiserver and etcd: that which hack/build.sh
// fills, or the one that controller-runtime's own variable names.
func binaries() (string, error) {
	dirs := []string{os.Getenv("KUBEBUILDER_ASSETS")}
	cache := os.Getenv("KARS_CACHE")
	if user, err := os.UserCacheDir(); cache == "" && err == nil {
		cache = filepath.Join(user, "kars")
	}
	built, err := filepath.Glob(filepath.Join(cache, "bin", "kubernetes-v*"))
	if err != nil {
		return "", err
	}
	for _, dir := range append(dirs, built...) {
		if _, err := os.Stat(filepath.Join(dir, "kube-apiserver")); dir != "" && err == nil {
			return dir, nil
		}
	}
	return "", errNoBinaries
}
