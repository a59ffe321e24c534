package localcluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
	"k8s.io/client-go/kubernetes"
)

// Supervise runs the cluster in dir until it is told to end by SIGTERM or ctx.
// It is called by the process that [Clusters.Ensure] starts, which must be
// PID 1 of its namespace.
func Supervise(ctx context.Context, dir string) error {
	if os.Getpid() != 1 {
		return errors.New("a supervisor is started by kars, in a PID namespace of its own")
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	s := &supervisor{
		state:   state(dir),
		log:     slog.New(slog.NewTextHandler(os.Stderr, nil)),
		started: time.Now(),
	}
	err := s.run(ctx)
	if err != nil && ctx.Err() == nil {
		s.log.Error("the cluster ends", "error", err)
		s.report(failed, err)
	}
	s.end()
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// supervisor is what one cluster's supervisor holds.
type supervisor struct {
	state    state
	config   config
	topology topology
	status   status
	log      *slog.Logger
	started  time.Time

	lock     *os.File
	cgroups  *cgroups
	pki      *pki
	proxy    *pki // see [controlPlane.proxy]
	services *services
	control  *namespace
	nodes    []*node
	relay    net.Listener
	client   kubernetes.Interface
}

// run brings the cluster up and waits for ctx.
func (s *supervisor) run(ctx context.Context) error {
	if err := s.prepare(); err != nil {
		return err
	}
	group, groupCtx := errgroup.WithContext(ctx)
	keys := make(chan struct{})
	group.Go(func() error {
		defer close(keys)
		return s.certify()
	})
	group.Go(func() error {
		if err := s.connect(); err != nil {
			return err
		}
		select {
		case <-keys:
		case <-groupCtx.Done():
			return groupCtx.Err()
		}
		return s.startRuntimes(groupCtx)
	})
	if err := group.Wait(); err != nil {
		return err
	}
	if err := s.startControlPlane(ctx); err != nil {
		return err
	}
	s.report(ready, nil)
	s.log.Info("the cluster is ready", "after", time.Since(s.started).Round(time.Millisecond))
	if err := s.addDNS(ctx); err != nil && ctx.Err() == nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// prepare takes the folder, and makes this process fit to be PID 1.
func (s *supervisor) prepare() (err error) {
	// The machine's /proc is still mounted: it knows this process by the
	// number that others need.
	self, err := os.Readlink("/proc/self")
	if err != nil {
		return err
	}
	if s.status.PID, err = strconv.Atoi(self); err != nil {
		return err
	}
	if s.status.Started, err = startTick(self); err != nil {
		return err
	}
	if s.lock, err = takeLock(s.state.lock()); err != nil {
		return err
	}
	if err := readJSON(s.state.config(), &s.config); err != nil {
		return err
	}
	s.status.Config = s.config.hash()
	s.report(starting, nil)
	if s.topology, err = newTopology(s.config.Spec); err != nil {
		return err
	}
	if err := s.mount(); err != nil {
		return err
	}
	if s.cgroups, err = findCgroups(s.config.cgroup()); err != nil {
		return err
	}
	if err := s.cgroups.remove(); err != nil { // of a cluster that was killed
		return err
	}
	var names []string
	for _, m := range s.topology.Machines {
		names = append(names, m.Name)
	}
	if err := s.cgroups.create(names); err != nil {
		return err
	}
	s.services = &services{reaper: newReaper(), logs: s.state.logs(), log: s.log, running: map[string]*running{}}
	return nil
}

// mount hides this process' mounts from the machine and gives it what the
// cluster shares.
func (s *supervisor) mount() error {
	// What the machine unmounts goes here, too; what is mounted here stays.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""); err != nil {
		return fmt.Errorf("making mounts private: %w", err)
	}
	const safe = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	if err := unix.Mount("proc", "/proc", "proc", safe, ""); err != nil {
		return fmt.Errorf("mounting /proc: %w", err)
	}
	for _, dir := range []string{s.state.run(), s.state.logs(), s.state.control()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	if err := unix.Mount("tmpfs", s.state.run(), "tmpfs", safe, "mode=0700"); err != nil {
		return fmt.Errorf("mounting %s: %w", s.state.run(), err)
	}
	return os.Mkdir(filepath.Dir(s.state.network("node")), 0o700)
}

// certify makes the keys, certificates and files of all components.
func (s *supervisor) certify() (err error) {
	if s.pki, err = openPKI(s.state.pki(), time.Now); err != nil {
		return err
	}
	if s.proxy, err = openPKI(filepath.Join(s.state.pki(), "front-proxy"), time.Now); err != nil {
		return err
	}
	leaves := s.controlPlane().leaves()
	for _, m := range s.topology.Machines {
		leaves = append(leaves, s.nodeFiles(m).leaves()...)
	}
	var group errgroup.Group
	group.Go(s.pki.ensureServiceAccountKey)
	group.Go(func() error { return s.proxy.ensure(leaf{name: proxyClient, commonName: proxyClient}) })
	for _, l := range leaves {
		group.Go(func() error { return s.pki.ensure(l) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	server := fmt.Sprintf("https://%s:%d", controlAddress, apiServerPort)
	for _, name := range []string{"kube-controller-manager", "kube-scheduler"} {
		data, err := kubeconfig(server, s.pki.certificate("ca"), s.pki.certificate(name), s.pki.key(name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(s.state.control(), name+".kubeconfig"), data, 0o600); err != nil {
			return err
		}
	}
	for _, m := range s.topology.Machines {
		if err := s.nodeFiles(m).write(); err != nil {
			return err
		}
	}
	return nil
}

func (s *supervisor) controlPlane() controlPlane {
	return controlPlane{
		spec: s.config.Spec, api: s.topology.APIService, pki: s.pki, proxy: s.proxy,
		etcd: s.state.etcd(), conf: s.state.control(),
	}
}

func (s *supervisor) nodeFiles(m machine) nodeFiles {
	return nodeFiles{
		spec: s.config.Spec, machine: m, pki: s.pki, cgroup: s.cgroups.node(m.Name),
		snapshotter: snapshotter(string(s.state)), root: s.state.root(m.Name),
	}
}

// connect makes the namespaces, the network between them and the relay.
func (s *supervisor) connect() (err error) {
	if s.control, err = newNamespace(unix.CLONE_NEWNET); err != nil {
		return err
	}
	if err := s.control.do(setUpControlNetwork); err != nil {
		return err
	}
	for i, m := range s.topology.Machines {
		n, err := newNode(m, s.state.root(m.Name))
		if err != nil {
			return err
		}
		s.nodes = append(s.nodes, n)
		network := n.space.network()
		if err := s.control.do(func() error { return plugIn(i, m, network) }); err != nil {
			return err
		}
		if err := n.space.do(func() error { return setUpNodeNetwork(m, s.topology.Machines) }); err != nil {
			return fmt.Errorf("node %s: %w", m.Name, err)
		}
		if err := publish(network, s.state.network(m.Name)); err != nil {
			return fmt.Errorf("node %s: %w", m.Name, err)
		}
	}
	return s.listen()
}

// publish mounts a network namespace where others find it.
func publish(network, path string) error {
	if err := touch(path); err != nil {
		return err
	}
	if err := unix.Mount(network, path, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mounting a network namespace: %w", err)
	}
	return nil
}

// listen starts the relay at the port that it had, or a new one.
func (s *supervisor) listen() error {
	var port int
	if err := readJSON(s.state.port(), &port); err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		n, err := strconv.ParseUint(s.config.Key, 16, 32)
		if err != nil {
			return fmt.Errorf("key of the cluster: %w", err)
		}
		port = relayPorts + int(n%relayPortCount)
	}
	l, port, err := listenRelay(port)
	if err != nil {
		return err
	}
	s.relay, s.status.Port = l, port
	r := &relay{
		network: s.control.network(),
		address: net.JoinHostPort(controlAddress.String(), strconv.Itoa(apiServerPort)),
		log:     s.log,
	}
	go r.serve(l)
	return writeJSON(s.state.port(), port)
}

// report writes the supervisor's status for others, unless the folder is
// another's.
func (s *supervisor) report(p phase, cause error) {
	if s.lock == nil {
		return
	}
	s.status.Phase = p
	if cause != nil {
		s.status.Error = cause.Error()
	}
	if err := writeJSON(s.state.status(), s.status); err != nil {
		s.log.Error("writing the status", "error", err)
	}
}

// snapshotter is containerd's driver for the layers of images in dir: overlay
// file systems cannot hold layers of further ones.
func snapshotter(dir string) string {
	var info unix.Statfs_t
	if err := unix.Statfs(dir, &info); err == nil && info.Type == unix.OVERLAYFS_SUPER_MAGIC {
		return "native"
	}
	return "overlayfs"
}
