// Package kube is the door to a cluster's Kubernetes API: a client from a
// kubeconfig, apply that reads before it writes, waits that watch, logs and
// port-forwards. Start with [New].
package kube

import (
	"context"
	"fmt"
	"time"

	"github.com/go-logr/logr"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/kars-dev/kars/api/v1alpha1"
	"github.com/kars-dev/kars/internal/event"
	"github.com/kars-dev/kars/internal/kube/apply"
)

// FieldManager is the name under which kars' command line applies fields.
const FieldManager = "kars"

// Options change how a [Client] speaks. The zero value is useful.
type Options struct {
	// UserAgent names the caller in the API server's audit log; "kars" if empty.
	UserAgent string
	// Timeout bounds a request that is not a watch; 30 seconds if zero.
	Timeout time.Duration
}

// Client speaks to one cluster. It is safe for concurrent use.
type Client struct {
	config    *rest.Config
	client    client.WithWatch
	clientset kubernetes.Interface
	counter   *counter
}

// New returns a client for the current context of a kubeconfig, given as YAML.
// It reaches the cluster only when it is used.
func New(kubeconfig []byte, o Options) (*Client, error) {
	config, err := clientcmd.RESTConfigFromKubeConfig(kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("reading the kubeconfig: %w", err)
	}
	return ForConfig(config, o)
}

// ForConfig is [New] for a configuration; it is copied.
func ForConfig(config *rest.Config, o Options) (*Client, error) {
	if o.UserAgent == "" {
		o.UserAgent = FieldManager
	}
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	c := &Client{config: rest.CopyConfig(config), counter: &counter{}}
	c.config.UserAgent = o.UserAgent
	// The API server has its own priority and fairness; waiting here as well
	// only makes runs slow.
	c.config.QPS = -1
	c.config.Wrap(c.counter.wrap(o.Timeout))

	// Unless told where to log, controller-runtime complains on stderr after a
	// while. Whoever set a logger before keeps it.
	log.SetLogger(logr.Discard())
	scheme, err := Scheme()
	if err != nil {
		return nil, fmt.Errorf("preparing the cluster's client: %w", err)
	}
	if c.client, err = client.NewWithWatch(c.config, client.Options{Scheme: scheme}); err != nil {
		return nil, fmt.Errorf("preparing the cluster's client: %w", err)
	}
	if c.clientset, err = kubernetes.NewForConfig(c.config); err != nil {
		return nil, fmt.Errorf("preparing the cluster's client: %w", err)
	}
	return c, nil
}

// Scheme knows Kubernetes' own types, custom resource definitions and kars'.
func Scheme() (*runtime.Scheme, error) {
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, apiextensionsv1.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(s); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Client is the typed client, which counts what it sends.
func (c *Client) Client() client.WithWatch { return c.client }

// Clientset is the client for subresources.
func (c *Client) Clientset() kubernetes.Interface { return c.clientset }

// RESTConfig is a configuration whose clients count as this one's.
func (c *Client) RESTConfig() *rest.Config { return rest.CopyConfig(c.config) }

// Counts are the requests sent so far. A review, a token request, a
// port-forward and an exec change nothing in the cluster and count as reads.
func (c *Client) Counts() (reads, writes int) { return c.counter.counts() }

// Apply makes the objects in the cluster equal objs in every field that they
// set, in order, and stops at the first error. It returns Created if any was
// created, else Updated if any was updated, else Unchanged.
func (c *Client) Apply(ctx context.Context, objs ...client.Object) (event.Status, error) {
	sum := event.Unchanged
	for _, obj := range objs {
		status, err := apply.Object(ctx, c.client, FieldManager, obj)
		if err != nil {
			return event.Failed, err
		}
		sum = combine(sum, status)
	}
	return sum, nil
}

func combine(a, b event.Status) event.Status {
	for _, s := range []event.Status{event.Created, event.Updated} {
		if a == s || b == s {
			return s
		}
	}
	return event.Unchanged
}
