// Package operationalinsights is the local Azure's
// Microsoft.OperationalInsights: Log Analytics workspaces.
package operationalinsights

import (
	"context"
	"regexp"

	"github.com/kars-dev/kars/localazure/arm"
	"github.com/kars-dev/kars/localazure/resource"
	"github.com/kars-dev/kars/localazure/store"
)

// New returns the provider for a Resource Manager.
func New(s *arm.Service) arm.Provider {
	prepare := func(_ context.Context, w *arm.Write) error {
		properties := resource.Properties(w.New)
		customer := resource.Text(w.Old, "properties", "customerId")
		if customer == "" {
			customer = s.NewID()
		}
		properties["customerId"] = customer
		resource.Default(properties, "sku", store.Tree{"name": "PerGB2018"})
		// 30 days is what a workspace keeps without being told;
		// learn.microsoft.com/azure/azure-monitor/logs/data-retention-configure.
		resource.Default(properties, "retentionInDays", 30)
		resource.Default(properties, "publicNetworkAccessForIngestion", "Enabled")
		resource.Default(properties, "publicNetworkAccessForQuery", "Enabled")
		return nil
	}
	return arm.Provider{
		Namespace: "Microsoft.OperationalInsights",
		Types: []arm.Type{{
			Name: "Microsoft.OperationalInsights/workspaces", APIVersions: []string{"2023-09-01"}, Regional: true,
			NameRule: regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]{2,61}[A-Za-z0-9]$`),
			Prepare:  prepare,
		}},
		Routes: s.PollingRoutes("Microsoft.OperationalInsights"),
	}
}
