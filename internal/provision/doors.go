package provision

import (
	"context"
	"io/fs"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kars-dev/kars/internal/event"
)

// Directory is what the steps ask of Microsoft Graph. internal/azure/graph
// implements it.
type Directory interface {
	Do(ctx context.Context, method, path string, body, out any) error
	Counts() (reads, writes int)
}

// Registry is what the steps ask of the container registry's own API.
type Registry interface {
	// Has says whether the registry holds the image with this digest.
	Has(ctx context.Context, loginServer, repository, digest string) (bool, error)
}

// Kubernetes is what the steps ask of the cluster. internal/kube implements it.
type Kubernetes interface {
	// Apply writes what differs from what is there, and nothing else.
	Apply(ctx context.Context, objects ...client.Object) (event.Status, error)
	Client() client.Client
	Counts() (reads, writes int)
}

// Charts installs Helm charts. internal/chart implements it.
type Charts interface {
	Ensure(ctx context.Context, k Kubernetes, c Chart) (event.Status, error)
}

// Chart is a release of a chart.
type Chart struct {
	Release, Namespace string
	Files              fs.FS
	Values             map[string]any
}
