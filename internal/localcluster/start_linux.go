package localcluster

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"
	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// poll is how often a start looks whether something has come about.
const poll = 20 * time.Millisecond

// startRuntimes starts what needs no API server: etcd, the nodes' DNS server
// and their containerds.
func (s *supervisor) startRuntimes(ctx context.Context) error {
	bin := binaries(s.config.Binaries)
	if err := forgetUnbegun(s.state); err != nil {
		return err
	}
	names := filepath.Join(s.state.control(), "Corefile")
	if err := os.WriteFile(names, []byte(corefile(s.config.Spec.FQDN, dnsAddress, false)), 0o600); err != nil {
		return err
	}
	for _, v := range []service{
		{name: "etcd", path: bin.kubernetes("etcd"), args: s.controlPlane().etcdArgs(), namespace: s.control},
		{name: "dns", path: bin.coreDNS(), args: []string{"-conf", names}, namespace: s.control},
	} {
		if err := s.services.start(v); err != nil {
			return err
		}
	}
	for _, n := range s.nodes {
		if err := n.enter(s.nodeMounts()); err != nil {
			return err
		}
		containerd := binaries(nodeBinaries).containerd()
		if err := s.services.start(service{
			name: n.Name + "-containerd", path: containerd, args: []string{"--log-level=info"},
			// Beside it is the shim that it starts.
			env: []string{"PATH=" + filepath.Dir(containerd) + ":" + nodePath}, namespace: n.space,
		}); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// nodeMounts are the folders and files that a node has from the machine.
func (s *supervisor) nodeMounts() map[string]string {
	bin := binaries(s.config.Binaries)
	m := map[string]string{
		nodeBinaries: string(bin),
		nodeCNI:      bin.folder("cni", cniVersion),
	}
	if s.config.CredentialProvider != "" {
		m[filepath.Join(nodeProvider, credentialPlugin)] = s.config.CredentialProvider
	}
	return m
}

// startControlPlane starts the API server, and the rest as soon as it can be
// of use: kubelets need an API server that answers, controllers one whose
// roles are in place.
func (s *supervisor) startControlPlane(ctx context.Context) error {
	// An API server that does not find etcd looks again only after a second.
	if err := s.awaitEtcd(ctx); err != nil {
		return err
	}
	if err := s.services.start(service{
		name: "kube-apiserver", path: binaries(s.config.Binaries).kubernetes("kube-apiserver"),
		args: s.controlPlane().apiServerArgs(), namespace: s.control,
	}); err != nil {
		return err
	}
	if err := s.makeClient(); err != nil {
		return err
	}
	if err := s.await(ctx, "the API server", s.serves("/version")); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		if err := s.await(ctx, "the control plane", s.serves("/readyz")); err != nil {
			return err
		}
		return s.startControllers()
	})
	for _, n := range s.nodes {
		group.Go(func() error { return s.startKubelet(ctx, n) })
	}
	return group.Wait()
}

// serves asks the API server for a path.
func (s *supervisor) serves(path string) wait.ConditionWithContextFunc {
	return func(ctx context.Context) (bool, error) {
		err := s.client.Discovery().RESTClient().Get().AbsPath(path).Do(ctx).Error()
		return err == nil, nil
	}
}

// startControllers starts what works through the API server.
func (s *supervisor) startControllers() error {
	bin, control := binaries(s.config.Binaries), s.controlPlane()
	controllers := []service{
		{name: "kube-controller-manager", path: bin.kubernetes("kube-controller-manager"), args: control.controllerManagerArgs(), namespace: s.control},
		{name: "kube-scheduler", path: bin.kubernetes("kube-scheduler"), args: control.schedulerArgs(), namespace: s.control},
	}
	for _, n := range s.nodes {
		controllers = append(controllers, service{
			name: n.Name + "-kube-proxy", path: binaries(nodeBinaries).kubernetes("kube-proxy"),
			args: []string{"--config=" + nodeKubernetes + "/kube-proxy.yaml"}, namespace: n.space,
		})
	}
	for _, v := range controllers {
		if err := s.services.start(v); err != nil {
			return err
		}
	}
	return nil
}

func (s *supervisor) makeClient() (err error) {
	s.client, err = kubernetes.NewForConfig(clientConfig(s.pki, s.status.Port))
	return err
}

// clientConfig is for the administrator, by way of the relay.
func clientConfig(p *pki, port int) *rest.Config {
	return &rest.Config{
		Host: "https://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(port)),
		TLSClientConfig: rest.TLSClientConfig{
			CAFile: p.certificate("ca"), CertFile: p.certificate("admin"), KeyFile: p.key("admin"),
		},
		QPS: -1,
	}
}

// startKubelet starts a node's kubelet and waits until the node is Ready.
func (s *supervisor) startKubelet(ctx context.Context, n *node) error {
	if err := s.await(ctx, "containerd of node "+n.Name, func(context.Context) (bool, error) {
		c, err := net.Dial("unix", filepath.Join("/proc/self/task", strconv.Itoa(n.space.thread), "root", nodeRuntime))
		if err != nil {
			return false, nil //nolint:nilerr // it does not listen yet
		}
		return true, c.Close()
	}); err != nil {
		return err
	}
	space, err := n.forKubelet()
	if err != nil {
		return err
	}
	if err := s.services.start(service{
		name: n.Name + "-kubelet", path: binaries(nodeBinaries).kubernetes("kubelet"),
		args: kubeletArgs(n.machine, s.config.CredentialProvider != ""), namespace: space,
	}); err != nil {
		return err
	}
	return s.await(ctx, "node "+n.Name, func(ctx context.Context) (bool, error) {
		got, err := s.client.CoreV1().Nodes().Get(ctx, n.Name, meta.GetOptions{})
		return err == nil && readySince(got, s.started), nil
	})
}

// readySince reports whether a node said that it is Ready after this moment;
// before, it may have been by the cluster's last start.
func readySince(n *core.Node, moment time.Time) bool {
	for _, c := range n.Status.Conditions {
		if c.Type == core.NodeReady {
			return c.Status == core.ConditionTrue && !c.LastHeartbeatTime.Time.Before(moment.Truncate(time.Second))
		}
	}
	return false
}

// await polls until done says so, and logs how long it took.
func (s *supervisor) await(ctx context.Context, what string, done wait.ConditionWithContextFunc) error {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	if err := wait.PollUntilContextCancel(ctx, poll, true, done); err != nil {
		return fmt.Errorf("%s is not ready after %s: %w", what, time.Since(began).Round(time.Second), err)
	}
	s.log.Info("ready", "what", what, "waited", time.Since(began).Round(time.Millisecond))
	return nil
}

// answers reports whether something listens at an address in a network.
func answers(network, address string) bool {
	c, err := dialIn(network, address, time.Second)
	if err != nil {
		return false
	}
	return c.Close() == nil
}
