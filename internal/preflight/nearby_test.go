package preflight

import (
	"slices"
	"testing"
)

func TestU41NearbyRegionsStayInTheirGeography(t *testing.T) {
	for region, want := range map[string][]string{
		"eastus2":       {"eastus", "northcentralus", "centralus", "southcentralus"},
		"westeurope":    {"germanywestcentral", "switzerlandnorth", "francecentral", "northeurope"},
		"ukwest":        {"uksouth", "northeurope", "westeurope", "francecentral"},
		"japaneast":     {"japanwest", "koreacentral", "eastasia", "southeastasia"},
		"usgovvirginia": nil,
	} {
		if got := nearby(region); !slices.Equal(got, want) {
			t.Errorf("near %s are %v, want %v", region, got, want)
		}
	}
}
