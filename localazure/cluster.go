package localazure

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/kars-dev/kars/images"
	"github.com/kars-dev/kars/localazure/arm"
	"github.com/kars-dev/kars/localazure/containerservice"
	"github.com/kars-dev/kars/localazure/resource"
	"github.com/kars-dev/kars/localazure/store"
)

// runner runs the managed clusters by Options.Clusters, and answers as Azure at
// their nodes.
type runner struct {
	server *Server

	mu       sync.Mutex
	clusters map[string]*runningCluster // by id, lower case
}

// runningCluster is a cluster that runs or should.
type runningCluster struct {
	mu     sync.Mutex // one Ensure at a time
	ctx    context.Context
	cancel context.CancelFunc

	state      sync.Mutex
	err        error
	ready      *Cluster            // nil until it runs
	nodes      map[string]struct{} // addresses that are listened on: node and address
	recovering bool
	again      bool // something ended while the cluster was being run again
}

func newRunner(s *Server) *runner {
	return &runner{server: s, clusters: map[string]*runningCluster{}}
}

func (r *runner) cluster(id string) *runningCluster {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := strings.ToLower(id)
	c := r.clusters[key]
	if c == nil {
		c = &runningCluster{nodes: map[string]struct{}{}}
		c.ctx, c.cancel = context.WithCancel(r.server.ctx)
		r.clusters[key] = c
	}
	return c
}

// Ensure implements [containerservice.Runner].
func (r *runner) Ensure(ctx context.Context, s containerservice.Spec) (containerservice.Running, error) {
	c := r.cluster(s.ID)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.starting()
	spec, err := r.spec(s)
	if err != nil {
		return containerservice.Running{}, c.set(nil, err)
	}
	started, err := r.server.options.Clusters.Ensure(ctx, spec)
	if err != nil {
		return containerservice.Running{}, c.set(nil, err)
	}
	if err := r.attend(c, s.ID, started.Nodes); err != nil {
		return containerservice.Running{}, c.set(nil, err)
	}
	return containerservice.Running{
		Server: started.Server, CA: started.CA, AdminCertificate: started.AdminCertificate, AdminKey: started.AdminKey, JWKS: started.JWKS,
	}, c.set(&started, nil)
}

// starting forgets the last failure: the cluster is tried again.
func (c *runningCluster) starting() {
	c.state.Lock()
	defer c.state.Unlock()
	c.err = nil
}

// recover says whether the caller is the one to run the cluster again: the
// listeners of a cluster end together.
func (c *runningCluster) recover() bool {
	c.state.Lock()
	defer c.state.Unlock()
	was := c.recovering
	c.recovering, c.again = true, was
	return !was
}

// recovered says whether that is done: not if a listener ended meanwhile.
func (c *runningCluster) recovered() bool {
	c.state.Lock()
	defer c.state.Unlock()
	done := !c.again
	c.again, c.recovering = false, !done
	return done
}

// set notes how the cluster is, and returns err.
func (c *runningCluster) set(ready *Cluster, err error) error {
	c.state.Lock()
	defer c.state.Unlock()
	c.ready, c.err = ready, err
	return err
}

// Delete implements [containerservice.Runner].
func (r *runner) Delete(ctx context.Context, id string) error {
	c := r.cluster(id)
	c.cancel()
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := r.server.options.Clusters.Delete(ctx, id); err != nil {
		return fmt.Errorf("ending the cluster %s: %w", id, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.clusters, strings.ToLower(id))
	return nil
}

func (r *runner) spec(s containerservice.Spec) (ClusterSpec, error) {
	dns, err := r.dnsImage()
	if err != nil {
		return ClusterSpec{}, err
	}
	spec := ClusterSpec{
		ID: s.ID, Version: s.Version, FQDN: s.FQDN, Issuer: s.Issuer,
		ServiceCIDR: s.ServiceCIDR, DNSService: s.DNSService, PodCIDR: s.PodCIDR,
		CABundle: r.server.CA(), PauseImage: images.Pause, DNSImage: dns,
	}
	for _, p := range s.Pools {
		spec.Pools = append(spec.Pools, Pool{Name: p.Name, Mode: p.Mode, Count: p.Count, Labels: p.Labels, Taints: p.Taints})
	}
	return spec, nil
}

// dnsImage returns the newest CoreDNS among the images; "" without images.
func (r *runner) dnsImage() (string, error) {
	layout := r.server.options.Images
	if layout == nil {
		return "", nil
	}
	refs, err := layout.Refs()
	if err != nil {
		return "", fmt.Errorf("listing the images: %w", err)
	}
	newest := ""
	for _, ref := range refs {
		if strings.HasPrefix(ref, images.CoreDNS("")) {
			newest = ref
		}
	}
	if newest == "" {
		return "", fmt.Errorf("the image %s<version> is not in %s: build the images first", images.CoreDNS(""), layout.Dir())
	}
	return newest, nil
}

// restore runs the clusters that were running when the local Azure ended.
func (s *Server) restore() error {
	if s.options.Clusters == nil {
		return nil
	}
	trees, err := s.clusters.Clusters()
	if err != nil {
		return fmt.Errorf("reading the clusters: %w", err)
	}
	for _, tree := range trees {
		if resource.Text(tree, "properties", "provisioningState") == arm.Succeeded {
			s.work.Go(func() { s.keepRunning(tree) })
		}
	}
	return nil
}

// Waits between attempts to run a cluster again.
const (
	firstRetry = time.Second
	lastRetry  = 30 * time.Second
)

// keepRunning ensures a cluster until it runs, is deleted, or the local Azure
// closes.
func (s *Server) keepRunning(tree store.Tree) {
	id := resource.Text(tree, "id")
	c := s.runner.cluster(id)
	for wait := firstRetry; ; wait = min(2*wait, lastRetry) {
		_, err := s.clusters.Ensure(c.ctx, tree)
		if err == nil || c.ctx.Err() != nil {
			return
		}
		s.options.Log.Error("running a cluster again", "cluster", id, "error", err)
		select {
		case <-c.ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// clusterStatuses says how the clusters are.
func (s *Server) clusterStatuses() ([]ClusterStatus, error) {
	statuses := []ClusterStatus{}
	trees, err := s.clusters.Clusters()
	if err != nil {
		return nil, err
	}
	for _, tree := range trees {
		status := ClusterStatus{ID: resource.Text(tree, "id"), State: "Stopped"}
		if s.options.Clusters != nil {
			s.runner.cluster(status.ID).describe(&status)
		}
		statuses = append(statuses, status)
	}
	return statuses, nil
}

func (c *runningCluster) describe(status *ClusterStatus) {
	c.state.Lock()
	defer c.state.Unlock()
	switch {
	case c.err != nil:
		status.State, status.Error = "Failed", c.err.Error()
	case c.ready == nil:
		status.State = "Starting"
	default:
		status.State, status.Server, status.ResidentBytes = "Running", c.ready.Server, c.ready.ResidentBytes
	}
}
