package localazure

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"

	"github.com/kars-dev/kars/localazure/armid"
	"github.com/kars-dev/kars/localazure/imds"
	"github.com/kars-dev/kars/localazure/requests"
	"github.com/kars-dev/kars/localazure/resource"
	"github.com/kars-dev/kars/localazure/store"
)

// Where the local Azure answers inside a node's network namespace: all of
// Azure's names lead to the first, in TEST-NET-3, RFC 5737.
const (
	azureAddress    = "203.0.113.10:443"
	metadataAddress = "169.254.169.254:80"
)

// attend answers as Azure at each node of a cluster.
func (r *runner) attend(c *runningCluster, id string, nodes []Node) error {
	for i, node := range nodes {
		err := r.listen(c, id, node, azureAddress, func(ctx context.Context, ln net.Listener) error {
			return r.server.Serve(ctx, ln)
		})
		if err != nil {
			return err
		}
		handler := r.server.metadata(id, node, i)
		err = r.listen(c, id, node, metadataAddress, func(ctx context.Context, ln net.Listener) error {
			server := &http.Server{
				Handler: handler, ReadHeaderTimeout: headerTimeout,
				ErrorLog: slog.NewLogLogger(r.server.options.Log.Handler(), slog.LevelDebug),
			}
			return serve(ctx, server, func() error { return server.Serve(ln) })
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// listen answers at an address of a node, unless that is being done. When the
// listener ends although the cluster should run, the cluster is run again.
func (r *runner) listen(c *runningCluster, id string, node Node, address string, serve func(context.Context, net.Listener) error) error {
	key := node.Name + " " + address
	c.state.Lock()
	_, listening := c.nodes[key]
	c.nodes[key] = struct{}{}
	c.state.Unlock()
	if listening {
		return nil
	}
	ln, err := node.Listen("tcp", address)
	if err != nil {
		c.leave(key)
		return fmt.Errorf("listening on %s at node %s: %w", address, node.Name, err)
	}
	r.server.work.Go(func() {
		err := serve(c.ctx, ln)
		_ = ln.Close()
		c.leave(key)
		if c.ctx.Err() != nil {
			return
		}
		r.server.options.Log.Warn("a node went away", "cluster", id, "node", node.Name, "address", address, "error", err)
		if !c.recover() {
			return
		}
		for r.server.recover(id); !c.recovered(); {
			r.server.recover(id)
		}
	})
	return nil
}

func (c *runningCluster) leave(key string) {
	c.state.Lock()
	defer c.state.Unlock()
	delete(c.nodes, key)
	c.ready = nil
}

// recover runs a cluster again that ended without being told to.
func (s *Server) recover(id string) {
	select {
	case <-s.stop:
		return
	default:
	}
	var tree store.Tree
	err := s.store.View(func(tx *store.Tx) (err error) {
		tree, _, err = resource.Get(tx, id)
		return err
	})
	if err != nil || tree == nil || resource.Text(tree, "properties", "provisioningState") == "Deleting" {
		return
	}
	s.keepRunning(tree)
}

// metadata is a node's instance metadata service: it knows the identities of
// that node and no other.
func (s *Server) metadata(cluster string, node Node, index int) http.Handler {
	service := imds.New(imds.Options{
		Issuer: s.authority, Now: s.options.Now,
		Principal:  s.directory.ManagedIdentity,
		Identities: func(context.Context) ([]string, error) { return s.nodeIdentities(cluster) },
		Instance:   s.instance(cluster, node, index),
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.recordAs(requests.IMDS, service, w, r)
	})
}

// nodeIdentities returns the identities that a cluster's nodes carry: the
// kubelets'.
func (s *Server) nodeIdentities(cluster string) (ids []string, err error) {
	err = s.store.View(func(tx *store.Tx) error {
		tree, found, err := resource.Get(tx, cluster)
		if err != nil || !found {
			return err
		}
		if id := resource.Text(tree, "properties", "identityProfile", "kubeletidentity", "resourceId"); id != "" {
			ids = append(ids, id)
		}
		return nil
	})
	return ids, err
}

// instance describes a node as the virtual machine it stands for.
func (s *Server) instance(cluster string, node Node, index int) imds.Instance {
	instance := imds.Instance{Name: node.Name}
	err := s.store.View(func(tx *store.Tx) error {
		tree, found, err := resource.Get(tx, cluster)
		if err != nil || !found {
			return err
		}
		id, err := armid.Parse(cluster)
		if err != nil {
			return err
		}
		instance.Location = resource.Text(tree, "location")
		instance.SubscriptionID = id.Subscription
		instance.ResourceGroup = resource.Text(tree, "properties", "nodeResourceGroup")
		instance.ResourceID = fmt.Sprintf("/subscriptions/%s/resourceGroups/%s/providers/Microsoft.Compute/virtualMachineScaleSets/aks-%s-00000000-vmss/virtualMachines/%d",
			id.Subscription, instance.ResourceGroup, node.Pool, index)
		pools, _ := resource.Value(tree, "properties", "agentPoolProfiles").([]any)
		for _, raw := range pools {
			if pool, _ := raw.(store.Tree); resource.Text(pool, "name") == node.Pool {
				instance.VMSize = resource.Text(pool, "vmSize")
			}
		}
		return nil
	})
	if err != nil {
		s.options.Log.Error("describing a node", "node", node.Name, "error", err)
	}
	return instance
}
