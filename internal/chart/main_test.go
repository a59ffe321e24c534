package chart

import (
	"log/slog"
	"os"
	"strings"
	"testing"

	"helm.sh/helm/v4/pkg/action"
	"helm.sh/helm/v4/pkg/chart/common"
	releasev1 "helm.sh/helm/v4/pkg/release/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kars-dev/kars/charts"
	"github.com/kars-dev/kars/internal/kube/kubetest"
)

var cluster kubetest.Cluster

func TestMain(m *testing.M) { os.Exit(cluster.Run(m)) }

const (
	guid   = "11111111-2222-3333-4444-555555555555"
	digest = "@sha256:0000000000000000000000000000000000000000000000000000000000000000"
)

// values are the smallest that the chart accepts.
func values() map[string]any {
	images := map[string]any{}
	for _, name := range []string{"controller", "broker", "router", "guard", "agent"} {
		images[name] = "kars.azurecr.io/kars/kars-" + name + digest
	}
	return map[string]any{
		"clusterName": "kars",
		"images":      images,
		"azure":       map[string]any{"tenantId": guid, "controllerClientId": guid},
		"model":       map[string]any{"endpoint": "https://kars.openai.azure.com", "deployment": "gpt-4.1"},
		"trust":       map[string]any{"caBundle": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"},
	}
}

// render renders the kars chart without a cluster.
func render(v map[string]any) ([]*unstructured.Unstructured, error) {
	c, _, err := load(charts.Kars(), v)
	if err != nil {
		return nil, err
	}
	i := action.NewInstall(action.NewConfiguration(action.ConfigurationSetLogger(slog.DiscardHandler)))
	i.ReleaseName, i.Namespace = "kars", "kars-system"
	i.DryRunStrategy = action.DryRunClient
	if i.KubeVersion, err = common.ParseKubeVersion("v1.36.0"); err != nil {
		return nil, err
	}
	r, err := i.Run(c, v)
	if err != nil {
		return nil, err
	}
	return parse(r.(*releasev1.Release).Manifest)
}

func mustRender(t *testing.T) []*unstructured.Unstructured {
	t.Helper()
	objects, err := render(values())
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

func contains(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error is %v, want one with %q", err, want)
	}
}
