// Command kars-broker acts as a cluster's agent identity blueprint: it makes
// agent identities for the controller and gives each sandbox tokens of its own.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kars-dev/kars/api/v1alpha1"
	"github.com/kars-dev/kars/internal/azure/cloud"
	"github.com/kars-dev/kars/internal/broker"
)

func main() {
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	err := run(ctx, log)
	stop()
	if err != nil {
		log.Error("ended", "error", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, log *slog.Logger) error {
	config, err := rest.InClusterConfig()
	if err != nil {
		return err
	}
	config.UserAgent = "kars-broker"
	// Every request is a token review. At the default of five a second, a few
	// callers without rights would keep all others waiting.
	config.QPS, config.Burst = 200, 400
	kube, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	watch, err := watchCluster(ctx, config, log)
	if err != nil {
		return err
	}
	trust, err := trust(ctx, kube, watch)
	if err != nil {
		return err
	}
	server, err := broker.New(broker.Options{
		Review:  kube.AuthenticationV1().TokenReviews(),
		Cluster: watch,
		Trust:   trust.Current,
		Log:     log,
	})
	if err != nil {
		return err
	}
	certificates := broker.NewCertificates(broker.CertificateOptions{
		Kubernetes: kube,
		Namespace:  v1alpha1.SystemNamespace,
		Names:      broker.ServiceNames(),
		Log:        log,
	})
	if err := certificates.Tend(ctx); err != nil {
		return err
	}
	go certificates.Run(ctx)
	listener, err := net.Listen("tcp", env("KARS_BROKER_LISTEN", ":8443"))
	if err != nil {
		return err
	}
	log.Info("serving", "address", listener.Addr().String())
	return broker.Serve(ctx, listener, server.Handler(), certificates, log)
}

// watchCluster starts the broker's own view of the cluster and waits for it.
func watchCluster(ctx context.Context, config *rest.Config, log *slog.Logger) (client.Reader, error) {
	scheme := runtime.NewScheme()
	if err := corev1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	options, err := broker.WatchOptions(scheme)
	if err != nil {
		return nil, err
	}
	watch, err := cache.New(config, options)
	if err != nil {
		return nil, fmt.Errorf("watching the cluster: %w", err)
	}
	for _, kind := range broker.Watched() {
		if _, err := watch.GetInformer(ctx, kind); err != nil {
			return nil, fmt.Errorf("watching the cluster: %w", err)
		}
	}
	go func() {
		if err := watch.Start(ctx); err != nil {
			log.Error("watching the cluster", "error", err)
			os.Exit(1)
		}
	}()
	if !watch.WaitForCacheSync(ctx) {
		return nil, fmt.Errorf("watching the cluster: %w", ctx.Err())
	}
	return watch, nil
}

func trust(ctx context.Context, kube kubernetes.Interface, watch client.Reader) (*broker.ConfiguredTrust, error) {
	// The UID of kube-system is by convention that of the cluster.
	system, err := kube.CoreV1().Namespaces().Get(ctx, metav1.NamespaceSystem, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("reading the cluster's UID: %w", err)
	}
	transport, err := cloud.Transport(cloud.TransportOptions{CABundle: os.Getenv(cloud.CABundleVariable)})
	if err != nil {
		return nil, err
	}
	return broker.NewConfiguredTrust(broker.TrustOptions{
		Cluster:       watch,
		ClusterUID:    string(system.UID),
		AssertionFile: env("AZURE_FEDERATED_TOKEN_FILE", "/var/run/secrets/azure/tokens/azure-identity-token"),
		Transport:     cloud.NewDoer(transport),
		Metadata:      &http.Client{Transport: &http.Transport{}, Timeout: 10 * time.Second},
	}), nil
}

func env(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}
