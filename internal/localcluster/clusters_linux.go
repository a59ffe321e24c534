package localcluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/discovery"

	"github.com/kars-dev/kars/localazure"
)

// Clusters is the [localazure.Clusters] of this machine. Several, in several
// processes, may share one home.
type Clusters struct {
	options   Options
	mu        sync.Mutex
	watched   map[int]bool              // supervisors by process, see watch
	listeners map[string][]net.Listener // opened at nodes, by cluster folder
}

var _ localazure.Clusters = (*Clusters)(nil)

// New returns the clusters below o.Home. Nothing is started.
func New(o Options) *Clusters {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Clusters{options: o, watched: map[int]bool{}, listeners: map[string][]net.Listener{}}
}

func (c *Clusters) dir() string { return filepath.Join(c.options.Home, "local", "clusters") }

// Ensure implements [localazure.Clusters]. A cluster that runs by another spec
// is stopped and started by the new one; what it holds stays. It returns
// [ErrNeedsRoot], [*MissingBinaryError], [*MissingToolError] and
// [*UnsupportedVersionError] before anything is written.
func (c *Clusters) Ensure(ctx context.Context, spec localazure.ClusterSpec) (localazure.Cluster, error) {
	config, err := c.check(spec)
	if err != nil {
		return localazure.Cluster{}, err
	}
	dir := state(filepath.Join(c.dir(), folder(spec.ID)))
	p, err := c.supervisor(ctx, dir, config)
	if err != nil {
		return localazure.Cluster{}, fmt.Errorf("starting cluster %s: %w", spec.ID, err)
	}
	status, err := awaitReady(ctx, dir, p)
	if err != nil {
		p.close()
		return localazure.Cluster{}, fmt.Errorf("starting cluster %s: %w", spec.ID, err)
	}
	c.watch(dir, p)
	return c.describe(ctx, dir, spec, status)
}

// check decides whether this machine can run the cluster.
func (c *Clusters) check(spec localazure.ClusterSpec) (config, error) {
	if spec.Version != "" && "v"+spec.Version != KubernetesVersion {
		return config{}, &UnsupportedVersionError{Wanted: spec.Version, Built: KubernetesVersion[1:]}
	}
	if _, err := newTopology(spec); err != nil {
		return config{}, err
	}
	if err := Check(c.options.CacheDir); err != nil {
		return config{}, err
	}
	bin := binaries(filepath.Join(c.options.CacheDir, "bin"))
	result := config{Spec: spec, Key: key(c.options.Home, spec.ID), Binaries: string(bin)}
	if _, err := os.Stat(c.options.CredentialProvider); err == nil {
		result.CredentialProvider = c.options.CredentialProvider
	}
	return result, nil
}

// supervisor finds the cluster's supervisor, or starts one.
func (c *Clusters) supervisor(ctx context.Context, dir state, config config) (*process, error) {
	for _, d := range []string{c.dir(), string(dir), dir.logs()} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return nil, err
		}
	}
	// One process at a time decides which supervisors there are.
	deciding, err := waitForLock(ctx, filepath.Join(c.dir(), ".lock"))
	if err != nil {
		return nil, err
	}
	defer deciding.Close()
	p, status, err := settledSupervisor(ctx, dir)
	if err != nil && !errors.Is(err, errEnded) {
		return nil, err
	}
	if err == nil {
		if status.Config == config.hash() && status.Phase != failed {
			return p, nil
		}
		err := stopProcess(ctx, p)
		p.close()
		if err != nil {
			return nil, err
		}
	}
	if err := writeJSON(dir.config(), config); err != nil {
		return nil, err
	}
	return c.spawn(ctx, dir)
}

// watch closes the listeners at a cluster's nodes when it has ended: they would
// keep its network alive, and nobody can reach them. It takes p over.
func (c *Clusters) watch(dir state, p *process) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.watched[p.pid] {
		p.close()
		return
	}
	c.watched[p.pid] = true
	go func() {
		defer p.close()
		err := p.wait(context.Background())
		c.mu.Lock()
		listeners := c.listeners[string(dir)]
		delete(c.listeners, string(dir))
		delete(c.watched, p.pid)
		c.mu.Unlock()
		if err != nil {
			c.options.Log.Error("waiting for a cluster's supervisor", "error", err)
		}
		for _, l := range listeners {
			_ = l.Close()
		}
	}()
}

// describe gathers what callers need of a cluster that is ready.
func (c *Clusters) describe(ctx context.Context, dir state, spec localazure.ClusterSpec, s status) (localazure.Cluster, error) {
	p := &pki{dir: dir.pki()}
	config := clientConfig(p, s.Port)
	cluster := localazure.Cluster{Server: config.Host, ResidentBytes: residentBytes(s.PID)}
	for path, to := range map[string]*[]byte{
		p.certificate("ca"):    &cluster.CA,
		p.certificate("admin"): &cluster.AdminCertificate,
		p.key("admin"):         &cluster.AdminKey,
	} {
		data, err := os.ReadFile(path)
		if err != nil {
			return localazure.Cluster{}, err
		}
		*to = data
	}
	client, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return localazure.Cluster{}, err
	}
	if cluster.JWKS, err = client.RESTClient().Get().AbsPath("/openid/v1/jwks").Do(ctx).Raw(); err != nil {
		return localazure.Cluster{}, fmt.Errorf("reading the issuer's keys: %w", err)
	}
	t, err := newTopology(spec)
	if err != nil {
		return localazure.Cluster{}, err
	}
	for _, m := range t.Machines {
		// The supervisor's mounts are seen through its root.
		network := fmt.Sprintf("/proc/%d/root%s", s.PID, dir.network(m.Name))
		cluster.Nodes = append(cluster.Nodes, localazure.Node{
			Name: m.Name, Pool: m.Pool,
			Listen: func(kind, address string) (net.Listener, error) { return c.listen(dir, network, kind, address) },
		})
	}
	return cluster, nil
}

func (c *Clusters) listen(dir state, network, kind, address string) (net.Listener, error) {
	l, err := listenIn(network, kind, address)
	if err != nil {
		return nil, fmt.Errorf("listening at a node: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.listeners[string(dir)] = append(c.listeners[string(dir)], l)
	return l, nil
}

// Delete implements [localazure.Clusters].
func (c *Clusters) Delete(ctx context.Context, id string) error {
	dir := state(filepath.Join(c.dir(), folder(id)))
	if err := c.stop(ctx, dir); err != nil {
		return fmt.Errorf("stopping cluster %s: %w", id, err)
	}
	if err := os.RemoveAll(string(dir)); err != nil {
		return fmt.Errorf("removing cluster %s: %w", id, err)
	}
	return nil
}

// Stop implements [localazure.Clusters]. It ends clusters that another process
// started, too.
func (c *Clusters) Stop(ctx context.Context) error {
	entries, err := os.ReadDir(c.dir())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	var group errgroup.Group
	for _, e := range entries {
		if e.IsDir() {
			group.Go(func() error { return c.stop(ctx, state(filepath.Join(c.dir(), e.Name()))) })
		}
	}
	return group.Wait()
}

// stop ends the cluster in dir, and removes what one that was killed left.
func (c *Clusters) stop(ctx context.Context, dir state) error {
	p, _, err := settledSupervisor(ctx, dir)
	if err == nil {
		defer p.close()
		if err := stopProcess(ctx, p); err != nil {
			return err
		}
	} else if !errors.Is(err, errEnded) {
		return err
	}
	var config config
	if err := readJSON(dir.config(), &config); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	groups, err := findCgroups(config.cgroup())
	if err != nil {
		return err
	}
	return groups.remove()
}

// stopPatience is how long a supervisor may take to end before it is killed,
// and its cluster with it.
const stopPatience = 15 * time.Second

func stopProcess(ctx context.Context, p *process) error {
	if err := p.signal(syscall.SIGTERM); err != nil {
		return err
	}
	patient, cancel := context.WithTimeout(ctx, stopPatience)
	defer cancel()
	err := p.wait(patient)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		if err := p.signal(syscall.SIGKILL); err != nil {
			return err
		}
		return p.wait(ctx)
	}
	return err
}
