package preflight

import (
	"cmp"
	"math"
	"slices"
)

// maxNearby is how many other regions are asked what they have.
const maxNearby = 4

// nearby are the regions nearest to one, those of its own geography before
// others, for where data lies may matter; none where the region is not among
// those of the public cloud.
func nearby(region string) []string {
	places := places()
	here, known := places[region]
	if !known {
		return nil
	}
	var names []string
	for name := range places {
		if name != region {
			names = append(names, name)
		}
	}
	foreign := func(name string) int {
		if places[name].geography == here.geography {
			return 0
		}
		return 1
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(
			foreign(a)-foreign(b),
			cmp.Compare(here.distance(places[a]), here.distance(places[b])),
			cmp.Compare(a, b),
		)
	})
	return names[:min(maxNearby, len(names))]
}

// place is a latitude and a longitude in degrees, and the geography around it.
type place struct {
	latitude, longitude float64
	geography           string
}

// distance is the angle between two places, by the haversine formula.
func (p place) distance(q place) float64 {
	radians := func(degrees float64) float64 { return degrees * math.Pi / 180 }
	half := func(a, b float64) float64 { s := math.Sin(radians(b-a) / 2); return s * s }
	h := half(p.latitude, q.latitude) +
		math.Cos(radians(p.latitude))*math.Cos(radians(q.latitude))*half(p.longitude, q.longitude)
	return 2 * math.Asin(math.Sqrt(h))
}

// places are where the regions of the public cloud lie, to a tenth of a degree,
// as Azure says it of its locations.
// learn.microsoft.com/rest/api/resources/subscriptions/list-locations
func places() map[string]place {
	return map[string]place{
		"australiacentral":   {-35.3, 149.1, "Asia Pacific"},
		"australiaeast":      {-33.9, 151.2, "Asia Pacific"},
		"australiasoutheast": {-37.8, 145.0, "Asia Pacific"},
		"brazilsouth":        {-23.6, -46.6, "South America"},
		"canadacentral":      {43.7, -79.4, "Canada"},
		"canadaeast":         {46.8, -71.2, "Canada"},
		"centralindia":       {18.6, 73.9, "Asia Pacific"},
		"centralus":          {41.6, -93.6, "US"},
		"eastasia":           {22.3, 114.2, "Asia Pacific"},
		"eastus":             {37.4, -79.8, "US"},
		"eastus2":            {36.7, -78.4, "US"},
		"francecentral":      {46.4, 2.4, "Europe"},
		"germanywestcentral": {50.1, 8.7, "Europe"},
		"israelcentral":      {31.3, 33.5, "Middle East"},
		"italynorth":         {45.5, 9.2, "Europe"},
		"japaneast":          {35.7, 139.8, "Asia Pacific"},
		"japanwest":          {34.7, 135.5, "Asia Pacific"},
		"koreacentral":       {37.6, 127.0, "Asia Pacific"},
		"mexicocentral":      {20.6, -100.4, "Mexico"},
		"northcentralus":     {41.9, -87.6, "US"},
		"northeurope":        {53.3, -6.3, "Europe"},
		"norwayeast":         {59.9, 10.8, "Europe"},
		"polandcentral":      {52.2, 21.0, "Europe"},
		"qatarcentral":       {25.6, 51.4, "Middle East"},
		"southafricanorth":   {-25.7, 28.2, "Africa"},
		"southcentralus":     {29.4, -98.5, "US"},
		"southeastasia":      {1.3, 103.8, "Asia Pacific"},
		"southindia":         {13.0, 80.2, "Asia Pacific"},
		"spaincentral":       {40.4, -3.4, "Europe"},
		"swedencentral":      {60.7, 17.1, "Europe"},
		"switzerlandnorth":   {47.5, 8.6, "Europe"},
		"uaenorth":           {25.3, 55.3, "Middle East"},
		"uksouth":            {50.9, -0.8, "UK"},
		"ukwest":             {53.4, -3.1, "UK"},
		"westcentralus":      {40.9, -110.2, "US"},
		"westeurope":         {52.4, 4.9, "Europe"},
		"westus":             {37.8, -122.4, "US"},
		"westus2":            {47.2, -119.9, "US"},
		"westus3":            {33.4, -112.1, "US"},
	}
}
