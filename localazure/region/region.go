// Package region lists the Azure regions that the local Azure offers: public
// physical regions, learn.microsoft.com/azure/reliability/regions-list.
package region

import (
	"slices"
	"strings"
)

// Region is an Azure region.
type Region struct {
	Name        string // eastus2
	DisplayName string // East US 2
	Geography   string // US
}

// Public returns the regions of the public cloud.
func Public() []Region {
	return []Region{
		{"australiacentral", "Australia Central", "Asia Pacific"},
		{"australiaeast", "Australia East", "Asia Pacific"},
		{"australiasoutheast", "Australia Southeast", "Asia Pacific"},
		{"brazilsouth", "Brazil South", "South America"},
		{"canadacentral", "Canada Central", "Canada"},
		{"canadaeast", "Canada East", "Canada"},
		{"centralindia", "Central India", "Asia Pacific"},
		{"centralus", "Central US", "US"},
		{"eastasia", "East Asia", "Asia Pacific"},
		{"eastus", "East US", "US"},
		{"eastus2", "East US 2", "US"},
		{"francecentral", "France Central", "Europe"},
		{"germanywestcentral", "Germany West Central", "Europe"},
		{"israelcentral", "Israel Central", "Middle East"},
		{"italynorth", "Italy North", "Europe"},
		{"japaneast", "Japan East", "Asia Pacific"},
		{"japanwest", "Japan West", "Asia Pacific"},
		{"koreacentral", "Korea Central", "Asia Pacific"},
		{"mexicocentral", "Mexico Central", "Mexico"},
		{"northcentralus", "North Central US", "US"},
		{"northeurope", "North Europe", "Europe"},
		{"norwayeast", "Norway East", "Europe"},
		{"polandcentral", "Poland Central", "Europe"},
		{"qatarcentral", "Qatar Central", "Middle East"},
		{"southafricanorth", "South Africa North", "Africa"},
		{"southcentralus", "South Central US", "US"},
		{"southeastasia", "Southeast Asia", "Asia Pacific"},
		{"southindia", "South India", "Asia Pacific"},
		{"spaincentral", "Spain Central", "Europe"},
		{"swedencentral", "Sweden Central", "Europe"},
		{"switzerlandnorth", "Switzerland North", "Europe"},
		{"uaenorth", "UAE North", "Middle East"},
		{"uksouth", "UK South", "UK"},
		{"ukwest", "UK West", "UK"},
		{"westcentralus", "West Central US", "US"},
		{"westeurope", "West Europe", "Europe"},
		{"westus", "West US", "US"},
		{"westus2", "West US 2", "US"},
		{"westus3", "West US 3", "US"},
	}
}

// Find returns the region with this name or display name; ARM takes both.
func Find(name string) (Region, bool) {
	folded := strings.ToLower(strings.ReplaceAll(name, " ", ""))
	for _, r := range Public() {
		if r.Name == folded {
			return r, true
		}
	}
	return Region{}, false
}

// Names returns the names of all regions, joined by commas as Azure's errors
// print them.
func Names() string {
	var names []string
	for _, r := range Public() {
		names = append(names, r.Name)
	}
	return strings.Join(names, ",")
}

// Zones returns the availability zones of a region, none where it has none;
// learn.microsoft.com/azure/reliability/availability-zones-region-support.
func Zones(name string) []string {
	single := []string{
		"australiacentral", "australiasoutheast", "canadaeast", "northcentralus",
		"southindia", "ukwest", "westcentralus", "westus",
	}
	if slices.Contains(single, name) {
		return []string{}
	}
	return []string{"1", "2", "3"}
}
