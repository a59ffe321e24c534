package kube

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/httpstream" //nolint:staticcheck // what client-go's port-forward still takes
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"
)

// PortForward connects a free port on loopback with a port of a pod. It returns
// the address, as 127.0.0.1:port, when it accepts connections; stop ends it, as
// does the end of ctx.
func (c *Client) PortForward(ctx context.Context, namespace, pod string, port int) (addr string, stop func(), err error) {
	dialer, err := c.forwardDialer(namespace, pod)
	if err != nil {
		return "", nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	ready := make(chan struct{})
	ended := make(chan error, 1)
	forwarder, err := portforward.NewOnAddresses(dialer, []string{"127.0.0.1"}, []string{"0:" + strconv.Itoa(port)}, ctx.Done(), ready, io.Discard, io.Discard)
	if err != nil {
		cancel()
		return "", nil, fmt.Errorf("forwarding to pod %s/%s: %w", namespace, pod, err)
	}
	go func() { ended <- forwarder.ForwardPorts() }()
	select {
	case <-ready:
	case err := <-ended:
		cancel()
		return "", nil, fmt.Errorf("forwarding to pod %s/%s: %w", namespace, pod, errors.Join(err, context.Cause(ctx)))
	}
	ports, err := forwarder.GetPorts()
	if err != nil {
		cancel()
		return "", nil, fmt.Errorf("forwarding to pod %s/%s: %w", namespace, pod, err)
	}
	stop = func() {
		cancel()
		<-ended //nolint:errcheck // ended because it was told to
	}
	return "127.0.0.1:" + strconv.Itoa(int(ports[0].Local)), stop, nil
}

// SPDY is spoken by every API server; WebSockets by those from 1.31 on, where
// they also pass proxies that SPDY does not. The newer is tried first.
func (c *Client) forwardDialer(namespace, pod string) (httpstream.Dialer, error) {
	url := c.clientset.CoreV1().RESTClient().Post().Resource("pods").Namespace(namespace).Name(pod).SubResource("portforward").URL()
	config := c.RESTConfig()
	roundTripper, upgrader, err := spdy.RoundTripperFor(config)
	if err != nil {
		return nil, fmt.Errorf("preparing a port-forward: %w", err)
	}
	old := spdy.NewDialer(upgrader, &http.Client{Transport: roundTripper}, http.MethodPost, url)
	tunnel, err := portforward.NewSPDYOverWebsocketDialer(url, rest.CopyConfig(config))
	if err != nil {
		return nil, fmt.Errorf("preparing a port-forward: %w", err)
	}
	return portforward.NewFallbackDialer(tunnel, old, func(error) bool { return true }), nil
}

// LogOptions choose what [Client.Logs] reads.
type LogOptions struct {
	Container string
	Follow    bool
	Previous  bool
	// Tail is how many lines from the end; all if zero.
	Tail int64
}

// Logs copies the log of a pod's container to w, and goes on while Follow is
// set and ctx lasts.
func (c *Client) Logs(ctx context.Context, namespace, pod string, o LogOptions, w io.Writer) error {
	options := &corev1.PodLogOptions{Container: o.Container, Follow: o.Follow, Previous: o.Previous}
	if o.Tail > 0 {
		options.TailLines = &o.Tail
	}
	stream, err := c.clientset.CoreV1().Pods(namespace).GetLogs(pod, options).Stream(ctx)
	if err != nil {
		return fmt.Errorf("reading the log of pod %s/%s: %w", namespace, pod, err)
	}
	defer stream.Close()
	if _, err := io.Copy(w, stream); err != nil && ctx.Err() == nil {
		return fmt.Errorf("reading the log of pod %s/%s: %w", namespace, pod, err)
	}
	return nil
}
