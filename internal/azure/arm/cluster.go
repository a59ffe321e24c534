package arm

import (
	"context"
	"errors"
	"fmt"
	"net/http"
)

// ClusterVersion is the API version of managed clusters that kars speaks.
const ClusterVersion = "2024-09-01"

// ClusterID is the ARM id of a managed cluster.
func ClusterID(subscription, group, name string) string {
	return GroupID(subscription, group) + "/providers/Microsoft.ContainerService/managedClusters/" + name
}

// GetCluster reads a managed cluster.
func (c *Client) GetCluster(ctx context.Context, id string) (cluster Tree, found bool, err error) {
	return c.Get(ctx, id, ClusterVersion)
}

// UserCredential returns the kubeconfig of a managed cluster's user.
// learn.microsoft.com/rest/api/aks/managed-clusters/list-cluster-user-credentials
func (c *Client) UserCredential(ctx context.Context, id string) ([]byte, error) {
	return c.kubeconfig(ctx, id, "listClusterUserCredential")
}

// AdminCredential returns the kubeconfig of a managed cluster's administrator,
// refused where local accounts are off.
func (c *Client) AdminCredential(ctx context.Context, id string) ([]byte, error) {
	return c.kubeconfig(ctx, id, "listClusterAdminCredential")
}

func (c *Client) kubeconfig(ctx context.Context, id, action string) ([]byte, error) {
	var answer struct {
		Kubeconfigs []struct {
			Value []byte `json:"value"` // base64 on the wire
		} `json:"kubeconfigs"`
	}
	if err := c.Ask(ctx, id+"/"+action, ClusterVersion, nil, &answer); err != nil {
		return nil, err
	}
	if len(answer.Kubeconfigs) == 0 || len(answer.Kubeconfigs[0].Value) == 0 {
		return nil, fmt.Errorf("%s of %s: %w", action, id, errNoKubeconfig)
	}
	return answer.Kubeconfigs[0].Value, nil
}

var errNoKubeconfig = errors.New("the answer holds no kubeconfig")

// KubernetesVersion is a minor version that managed clusters can have.
type KubernetesVersion struct {
	Version string   `json:"version"` // as "1.36"
	Patches []string `json:"patches"` // as "1.36.3", in no order
	Default bool     `json:"default,omitempty"`
	Preview bool     `json:"preview,omitempty"`
}

// KubernetesVersions lists the versions that managed clusters can have in a
// region.
// learn.microsoft.com/rest/api/aks/managed-clusters/list-kubernetes-versions
func (c *Client) KubernetesVersions(ctx context.Context, subscription, region string) ([]KubernetesVersion, error) {
	var answer struct {
		Values []struct {
			Version       string         `json:"version"`
			IsDefault     bool           `json:"isDefault"`
			IsPreview     bool           `json:"isPreview"`
			PatchVersions map[string]any `json:"patchVersions"`
		} `json:"values"`
	}
	path := SubscriptionID(subscription) + "/providers/Microsoft.ContainerService/locations/" + region + "/kubernetesVersions"
	if _, err := c.do(ctx, call{method: http.MethodGet, path: path, version: ClusterVersion}, &answer); err != nil {
		return nil, err
	}
	versions := make([]KubernetesVersion, 0, len(answer.Values))
	for _, v := range answer.Values {
		k := KubernetesVersion{Version: v.Version, Default: v.IsDefault, Preview: v.IsPreview}
		for patch := range v.PatchVersions {
			k.Patches = append(k.Patches, patch)
		}
		versions = append(versions, k)
	}
	return versions, nil
}
