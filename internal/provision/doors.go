package provision

import (
	"context"
)

// Directory is what the steps ask of Microsoft Graph. internal/azure/graph
// implements it.
type Directory interface {
	Do(ctx context.Context, method, path string, in, out any) error
	Counts() (reads, writes int)
}

// Registry is what the steps ask of the container registry's own API.
type Registry interface {
	// Has says whether the registry holds the image with this digest.
	Has(ctx context.Context, loginServer, repository, digest string) (bool, error)
	Counts() (reads, writes int)
}
