package provision

import (
	"context"
	"fmt"
	"strings"

	"github.com/kars-dev/kars/charts"
	"github.com/kars-dev/kars/internal/chart"
	"github.com/kars-dev/kars/internal/event"
	"github.com/kars-dev/kars/internal/plan"
)

const (
	chartRelease   = "kars"
	chartNamespace = "kars-system"
)

// applyChart installs the chart, or upgrades it where chart, values or what is
// there differ.
func applyChart(ctx context.Context, r *Run) (event.Status, string, error) {
	version, err := charts.Version()
	if err != nil {
		return "", "", err
	}
	status, err := chart.Ensure(ctx, r.facts.kube.RESTConfig(), chart.Options{
		Release: chartRelease, Namespace: chartNamespace, Chart: charts.Kars(), Values: chart.Over(r.values(), r.Values),
	})
	if err != nil {
		return "", "", fmt.Errorf("installing the chart: %w", err)
	}
	return status, fmt.Sprintf("kars %s in %s", version, chartNamespace), nil
}

func (r *Run) values() map[string]any {
	p := r.Plan
	images := map[string]any{}
	for _, i := range p.Images {
		images[strings.TrimPrefix(i.Name, "kars-")] = p.Reference(i)
	}
	return map[string]any{
		"clusterName": p.Options.ClusterName,
		"images":      images,
		"azure": map[string]any{
			"cloud":              r.Cloud.Name,
			"tenantId":           p.TenantID,
			"controllerClientId": r.facts.principals[strings.ToLower(p.ControllerID())].clientID,
			"tokenAudience":      r.Cloud.TokenExchangeAudience,
			"authorityHost":      r.Cloud.Authority(),
		},
		"model": map[string]any{
			"endpoint": strings.TrimSuffix(p.FoundryEndpoint(), "/"), "deployment": p.Options.Model,
		},
		"trust": map[string]any{"caBundle": string(r.CABundle)},
	}
}

// CheckValues holds a person's values for the chart against its schema, with
// what a run itself fills in standing for itself.
func CheckValues(values map[string]any) error {
	const nobody = "00000000-0000-0000-0000-000000000000"
	images := map[string]any{}
	for _, name := range plan.ImageNames {
		images[strings.TrimPrefix(name, "kars-")] = "registry/" + name + "@sha256:" + strings.Repeat("0", 64)
	}
	return chart.CheckValues(charts.Kars(), chart.Over(map[string]any{
		"images": images,
		"azure":  map[string]any{"tenantId": nobody, "controllerClientId": nobody},
		"model":  map[string]any{"endpoint": "https://example.openai.azure.com", "deployment": "model"},
	}, values))
}
