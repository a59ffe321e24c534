package containerservice

import (
	"context"
	"net/http"
	"strings"

	"github.com/kars-dev/kars/localazure/arm"
	"github.com/kars-dev/kars/localazure/store"
)

// KubernetesVersion is the one that clusters of the local Azure have.
const KubernetesVersion = "1.36.3"

func minor(version string) string { return version[:strings.LastIndex(version, ".")] }

// resolveVersion returns the version that a cluster gets: AKS takes the newest
// patch for a minor version, and its default for none;
// learn.microsoft.com/azure/aks/supported-kubernetes-versions#alias-minor-version.
func resolveVersion(name, asked string) (string, error) {
	switch asked {
	case "", KubernetesVersion, minor(KubernetesVersion):
		return KubernetesVersion, nil
	}
	return "", arm.Errorf(http.StatusBadRequest, "K8sVersionNotSupported",
		"Managed cluster %s is on version %s, which is not supported in this region. Please use [az aks get-versions] command to get the supported version list in this region. For more information, please check https://aka.ms/supported-version-list", name, asked)
}

// listVersions lists Kubernetes versions;
// learn.microsoft.com/rest/api/aks/managed-clusters/list-kubernetes-versions.
func (p *Provider) listVersions(context.Context, *arm.Request) (*arm.Response, error) {
	return arm.OK(store.Tree{"values": []store.Tree{{
		"version": minor(KubernetesVersion), "isDefault": true,
		"capabilities":  store.Tree{"supportPlan": []string{"KubernetesOfficial"}},
		"patchVersions": store.Tree{KubernetesVersion: store.Tree{"upgrades": []string{}}},
	}}}), nil
}
