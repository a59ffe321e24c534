package compute

import (
	"fmt"
	"strings"
)

// Size is a size of virtual machines.
type Size struct {
	Name  string // Standard_D4as_v5
	VCPUs int
	Family
}

// Family is sizes that share a quota.
type Family struct {
	Quota     string // its name among usages: standardDASv5Family
	Localized string
	pattern   string // of the sizes' names, with their vCPUs
	vcpus     []int
	memory    float64 // GiB for each vCPU
	arch      string
	// Encryption says that the sizes support encryption at host.
	Encryption bool
	premium    bool // storage
	page       string
}

const (
	x64   = "x64"
	arm64 = "Arm64"
)

// families are the families that AKS' nodes mostly have. Names of quotas are
// those that Microsoft.Compute/locations/usages lists; what the sizes have is
// on their pages below learn.microsoft.com/azure/virtual-machines/sizes/, and
// which support encryption at host in
// learn.microsoft.com/azure/virtual-machines/disks-enable-host-based-encryption-portal.
func families() []Family {
	ladder := []int{2, 4, 8, 16, 32, 48, 64, 96}
	short := []int{2, 4, 8, 16, 32, 48, 64}
	basic := []int{2, 4, 8, 16, 32}
	return []Family{
		{"standardDASv5Family", "Standard DASv5 Family vCPUs", "Standard_D%das_v5", ladder, 4, x64, true, true, "general-purpose/dasv5-series"},
		{"standardDADSv5Family", "Standard DADSv5 Family vCPUs", "Standard_D%dads_v5", ladder, 4, x64, true, true, "general-purpose/dadsv5-series"},
		{"standardDSv5Family", "Standard DSv5 Family vCPUs", "Standard_D%ds_v5", ladder, 4, x64, true, true, "general-purpose/dsv5-series"},
		{"standardDv5Family", "Standard Dv5 Family vCPUs", "Standard_D%d_v5", ladder, 4, x64, true, false, "general-purpose/dv5-series"},
		{"standardDDSv5Family", "Standard DDSv5 Family vCPUs", "Standard_D%dds_v5", ladder, 4, x64, true, true, "general-purpose/ddsv5-series"},
		{"standardDASv4Family", "Standard DASv4 Family vCPUs", "Standard_D%das_v4", ladder, 4, x64, true, true, "general-purpose/dasv4-series"},
		{"standardDSv4Family", "Standard DSv4 Family vCPUs", "Standard_D%ds_v4", short, 4, x64, true, true, "general-purpose/dsv4-series"},
		{"standardDSv3Family", "Standard DSv3 Family vCPUs", "Standard_D%ds_v3", short, 4, x64, true, true, "general-purpose/dsv3-series"},
		{"StandardDasv6Family", "Standard Dasv6 Family vCPUs", "Standard_D%das_v6", ladder, 4, x64, true, true, "general-purpose/dasv6-series"},
		{"StandardDsv6Family", "Standard Dsv6 Family vCPUs", "Standard_D%ds_v6", ladder, 4, x64, true, true, "general-purpose/dsv6-series"},
		{"standardDPSv5Family", "Standard DPSv5 Family vCPUs", "Standard_D%dps_v5", short, 4, arm64, true, true, "general-purpose/dpsv5-series"},
		{"standardBsv2Family", "Standard Bsv2 Family vCPUs", "Standard_B%ds_v2", basic, 4, x64, true, true, "general-purpose/bsv2-series"},
		{"standardBasv2Family", "Standard Basv2 Family vCPUs", "Standard_B%das_v2", basic, 4, x64, true, true, "general-purpose/basv2-series"},
		{"standardAv2Family", "Standard Av2 Family vCPUs", "Standard_A%d_v2", []int{1, 2, 4, 8}, 2, x64, false, false, "general-purpose/av2-series"},
		{"standardEASv5Family", "Standard EASv5 Family vCPUs", "Standard_E%das_v5", ladder, 8, x64, true, true, "memory-optimized/easv5-series"},
		{"standardESv5Family", "Standard ESv5 Family vCPUs", "Standard_E%ds_v5", ladder, 8, x64, true, true, "memory-optimized/esv5-series"},
		{"standardFSv2Family", "Standard FSv2 Family vCPUs", "Standard_F%ds_v2", short, 2, x64, true, true, "compute-optimized/fsv2-series"},
	}
}

// Sizes lists all sizes that the local Azure has, in every region.
func Sizes() []Size {
	var all []Size
	for _, f := range families() {
		for _, n := range f.vcpus {
			all = append(all, Size{Name: fmt.Sprintf(f.pattern, n), VCPUs: n, Family: f})
		}
	}
	return all
}

// Find returns the size with this name.
func Find(name string) (Size, bool) {
	for _, s := range Sizes() {
		if strings.EqualFold(s.Name, name) {
			return s, true
		}
	}
	return Size{}, false
}
