package cli

import (
	"testing"
)

func TestTheClosestRegionIsSuggested(t *testing.T) {
	regions := []string{"australiaeast", "eastus", "eastus2", "westeurope"}
	for name, want := range map[string]string{
		"eastus3": "eastus", "easteurope": "eastus", "westus": "westeurope", "mars": "australiaeast", "": "australiaeast",
	} {
		if got := closest(name, regions); got != want {
			t.Errorf("%q: got %s, want %s", name, got, want)
		}
	}
}
