// Command kars-controller keeps KarsSandbox and KarsAuthConfig resources true:
// identities through the broker, role assignments with its own managed
// identity, and the pods.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/go-logr/logr"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/kars-dev/kars/api/v1alpha1"
	"github.com/kars-dev/kars/internal/azure/arm"
	"github.com/kars-dev/kars/internal/azure/cloud"
	"github.com/kars-dev/kars/internal/broker/client"
	"github.com/kars-dev/kars/internal/controller"
	"github.com/kars-dev/kars/internal/sandbox"
)

// version is set by the linker.
var version = "0.1.0-dev"

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
	ctrl.SetLogger(logr.FromSlogHandler(log.Handler()))
	options, err := options(log)
	if err != nil {
		return err
	}
	config, err := rest.InClusterConfig()
	if err != nil {
		return err
	}
	config.UserAgent = controller.FieldManager + "/" + version
	// The default of 20 requests a second would make a hundred sandboxes wait.
	config.QPS, config.Burst = 200, 400
	mgr, err := newManager(config)
	if err != nil {
		return err
	}
	if err := controller.Setup(mgr, options); err != nil {
		return err
	}
	return mgr.Start(ctx)
}

func newManager(config *rest.Config) (manager.Manager, error) {
	scheme, err := controller.Scheme()
	if err != nil {
		return nil, err
	}
	mgr, err := manager.New(config, manager.Options{
		Scheme:                  scheme,
		Cache:                   controller.CacheOptions(),
		LeaderElection:          true,
		LeaderElectionID:        "kars-controller-leader",
		LeaderElectionNamespace: v1alpha1.SystemNamespace,
		// A successor need not wait for the lease to run out.
		LeaderElectionReleaseOnCancel: true,
		HealthProbeBindAddress:        env("KARS_HEALTH_LISTEN", ":8081"),
		Metrics:                       server.Options{BindAddress: env("KARS_METRICS_LISTEN", ":9091")},
	})
	if err != nil {
		return nil, fmt.Errorf("preparing the controller: %w", err)
	}
	return mgr, errors.Join(
		mgr.AddHealthzCheck("ping", healthz.Ping),
		mgr.AddReadyzCheck("ping", healthz.Ping),
	)
}

// options come from the environment, which the chart sets.
func options(log *slog.Logger) (controller.Options, error) {
	o := controller.Options{
		ClusterName: os.Getenv("KARS_CLUSTER_NAME"),
		Images: sandbox.Images{
			Guard:  os.Getenv("KARS_IMAGE_GUARD"),
			Router: os.Getenv("KARS_IMAGE_ROUTER"),
			Agent:  os.Getenv("KARS_IMAGE_AGENT"),
		},
		Model: v1alpha1.Model{
			Endpoint:   os.Getenv("KARS_MODEL_ENDPOINT"),
			Deployment: os.Getenv("KARS_MODEL_DEPLOYMENT"),
		},
		BrokerURL:    os.Getenv("KARS_BROKER_URL"),
		BrokerCAFile: os.Getenv("KARS_BROKER_CA"),
		Log:          log,
	}
	if o.ClusterName == "" || o.Images.Guard == "" || o.Images.Router == "" || o.Images.Agent == "" {
		return o, errors.New("KARS_CLUSTER_NAME, KARS_IMAGE_GUARD, KARS_IMAGE_ROUTER and KARS_IMAGE_AGENT are needed")
	}
	if cidrs := os.Getenv("KARS_EGRESS_CIDRS"); cidrs != "" {
		o.EgressCIDRs = strings.Split(cidrs, ",")
	}
	var err error
	o.Identities, err = client.New(client.Options{
		BaseURL:   o.BrokerURL,
		TokenFile: os.Getenv("KARS_BROKER_TOKEN_FILE"),
		CAFile:    o.BrokerCAFile,
	})
	if err != nil {
		return o, err
	}
	o.ResourceManager, err = resourceManager()
	return o, err
}

// resourceManager signs in as the controller's managed identity, with the
// service account's token that is federated with it.
func resourceManager() (*arm.Client, error) {
	in, ok := cloud.ByName(os.Getenv("AZURE_CLOUD"))
	if !ok {
		return nil, fmt.Errorf("AZURE_CLOUD: there is no cloud %q", os.Getenv("AZURE_CLOUD"))
	}
	var transport http.RoundTripper
	transport, err := cloud.Transport(cloud.TransportOptions{CABundle: os.Getenv(cloud.CABundleVariable)})
	if err != nil {
		return nil, err
	}
	credential, err := azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{
		ClientOptions: policy.ClientOptions{Cloud: in.Configuration(), Transport: cloud.NewDoer(transport)},
	})
	if err != nil {
		return nil, fmt.Errorf("signing in to Azure: %w", err)
	}
	return arm.New(credential, arm.Options{Cloud: in, Transport: transport, Version: version})
}

func env(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}
