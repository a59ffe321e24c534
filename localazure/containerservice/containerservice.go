// Package containerservice is the local Azure's Microsoft.ContainerService:
// managed clusters (AKS). What it stores is brought about by a [Runner].
package containerservice

import (
	"context"
	"net/http"
	"regexp"

	"github.com/kars-dev/kars/localazure/arm"
	"github.com/kars-dev/kars/localazure/armid"
	"github.com/kars-dev/kars/localazure/directory"
)

// Type is the resource type of managed clusters.
const Type = "Microsoft.ContainerService/managedClusters"

// Spec describes a cluster to run.
type Spec struct {
	ID, Version, FQDN, Issuer        string
	ServiceCIDR, DNSService, PodCIDR string
	Pools                            []Pool
}

// Pool is an agent pool.
type Pool struct {
	Name, Mode string
	Count      int
	Labels     map[string]string
	Taints     []string
}

// Running is a cluster that runs.
type Running struct {
	Server                     string
	CA                         []byte
	AdminCertificate, AdminKey []byte
	JWKS                       []byte // of the service-account issuer
}

// Runner runs clusters.
type Runner interface {
	// Ensure returns once the cluster runs. It is idempotent.
	Ensure(ctx context.Context, s Spec) (Running, error)
	// Delete ends a cluster; one that is not there is no error.
	Delete(ctx context.Context, id string) error
}

// Provider is Microsoft.ContainerService.
type Provider struct {
	service   *arm.Service
	directory *directory.Directory
	capacity  Capacity
	runner    Runner
}

// New returns the provider for a Resource Manager. Without a runner, clusters
// are refused.
func New(s *arm.Service, d *directory.Directory, c Capacity, runner Runner) *Provider {
	return &Provider{service: s, directory: d, capacity: c, runner: runner}
}

// Provider returns what the Resource Manager serves.
func (p *Provider) Provider() arm.Provider {
	const locations = "/subscriptions/{subscription}/providers/Microsoft.ContainerService/locations/{location}/"
	const pools = "/subscriptions/{subscription}/resourceGroups/{group}/providers/" + Type + "/{cluster}/agentPools"
	return arm.Provider{
		Namespace: "Microsoft.ContainerService",
		Types: []arm.Type{{
			Name: Type, APIVersions: []string{"2025-05-01", "2024-09-01"}, Regional: true,
			NameRule: regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?$`), NameError: nameError,
			Preflight: p.preflight, Validate: p.validate, Prepare: p.prepare, Provision: p.provision, Destroy: p.destroy,
			Operations: map[string]arm.Handler{
				"listclusterusercredential":  p.credential("clusterUser", ""),
				"listclusteradmincredential": p.credential("clusterAdmin", "-admin"),
			},
		}},
		Routes: append(p.service.PollingRoutes("Microsoft.ContainerService"),
			arm.Route{Method: http.MethodGet, Pattern: locations + "kubernetesVersions", Handle: p.listVersions},
			arm.Route{Method: http.MethodGet, Pattern: pools, Handle: p.listPools},
			arm.Route{Method: http.MethodGet, Pattern: pools + "/{pool}", Handle: p.getPool},
		),
	}
}

func nameError(name string) *arm.Error {
	return arm.Errorf(http.StatusBadRequest, "InvalidParameter",
		"The value of parameter name is invalid. Error details: the name '%s' must be 1 to 63 letters, digits, underscores and hyphens, and start and end with a letter or digit.", name)
}

// preflight refuses clusters that nothing here can run.
func (p *Provider) preflight(context.Context, *arm.Write) error {
	if p.runner == nil {
		return arm.Errorf(http.StatusBadRequest, "ClustersUnavailable", "This local Azure was started without anything that runs Kubernetes clusters.")
	}
	return nil
}

func (p *Provider) destroy(ctx context.Context, id armid.ID) error {
	if p.runner != nil {
		if err := p.runner.Delete(ctx, id.String()); err != nil {
			return err
		}
	}
	tree, err := p.service.Stored(id)
	if err != nil {
		if arm.AsError(err).Status == http.StatusNotFound {
			return nil
		}
		return err
	}
	if err := p.forgetKeys(tree); err != nil {
		return err
	}
	return p.service.Empty(ctx, nodeGroup(id, tree))
}
