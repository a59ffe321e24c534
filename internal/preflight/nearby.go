package preflight

import (
	"math"
	"slices"
)

// maxNearby is how many other regions are asked what they have.
const maxNearby = 4

// nearby are the regions nearest to one, the nearest first; none where the
// region is not among those of the public cloud.
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
	slices.SortFunc(names, func(a, b string) int {
		x, y := here.distance(places[a]), here.distance(places[b])
		switch {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
	return names[:min(maxNearby, len(names))]
}

// place is a latitude and a longitude in degrees.
type place struct{ latitude, longitude float64 }

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
		"australiacentral":   {-35.3, 149.1},
		"australiaeast":      {-33.9, 151.2},
		"australiasoutheast": {-37.8, 145.0},
		"brazilsouth":        {-23.6, -46.6},
		"canadacentral":      {43.7, -79.4},
		"canadaeast":         {46.8, -71.2},
		"centralindia":       {18.6, 73.9},
		"centralus":          {41.6, -93.6},
		"eastasia":           {22.3, 114.2},
		"eastus":             {37.4, -79.8},
		"eastus2":            {36.7, -78.4},
		"francecentral":      {46.4, 2.4},
		"germanywestcentral": {50.1, 8.7},
		"israelcentral":      {31.3, 33.5},
		"italynorth":         {45.5, 9.2},
		"japaneast":          {35.7, 139.8},
		"japanwest":          {34.7, 135.5},
		"koreacentral":       {37.6, 127.0},
		"mexicocentral":      {20.6, -100.4},
		"northcentralus":     {41.9, -87.6},
		"northeurope":        {53.3, -6.3},
		"norwayeast":         {59.9, 10.8},
		"polandcentral":      {52.2, 21.0},
		"qatarcentral":       {25.6, 51.4},
		"southafricanorth":   {-25.7, 28.2},
		"southcentralus":     {29.4, -98.5},
		"southeastasia":      {1.3, 103.8},
		"southindia":         {13.0, 80.2},
		"spaincentral":       {40.4, -3.4},
		"swedencentral":      {60.7, 17.1},
		"switzerlandnorth":   {47.5, 8.6},
		"uaenorth":           {25.3, 55.3},
		"uksouth":            {50.9, -0.8},
		"ukwest":             {53.4, -3.1},
		"westcentralus":      {40.9, -110.2},
		"westeurope":         {52.4, 4.9},
		"westus":             {37.8, -122.4},
		"westus2":            {47.2, -119.9},
		"westus3":            {33.4, -112.1},
	}
}
