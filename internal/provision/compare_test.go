package provision

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDrift(t *testing.T) {
	type tree = map[string]any
	for says, c := range map[string]struct {
		want, have any
		drift      []string
	}{
		"what Azure adds is no drift": {
			tree{"a": "x"}, tree{"a": "x", "b": "y"}, nil,
		},
		"case is no drift": {
			tree{"location": "eastus2", "id": "/Subscriptions/A"}, tree{"location": "EastUS2", "id": "/subscriptions/a"}, nil,
		},
		"the case of a key that is an id is no drift": {
			tree{"ids": tree{"/A/b": tree{}}}, tree{"ids": tree{"/a/B": tree{"clientId": "1"}}}, nil,
		},
		"a number is the same in JSON": {
			tree{"count": 1}, tree{"count": float64(1)}, nil,
		},
		"a changed value is named by its path": {
			tree{"properties": tree{"adminUserEnabled": false}},
			tree{"properties": tree{"adminUserEnabled": true}},
			[]string{"properties.adminUserEnabled"},
		},
		"a missing object is named": {
			tree{"properties": tree{"sku": tree{"name": "a"}}}, tree{"properties": tree{}}, []string{"properties.sku"},
		},
		"pools are compared by name, in any order": {
			tree{"pools": []any{tree{"name": "system", "count": 1}, tree{"name": "clawpool", "count": 2}}},
			tree{"pools": []any{tree{"name": "clawpool", "count": 1}, tree{"name": "system", "count": 1}}},
			[]string{"pools.clawpool.count"},
		},
		"a list that is too short is named": {
			tree{"taints": []any{"a=b:NoSchedule"}}, tree{"taints": []any{}}, []string{"taints"},
		},
		"everything is drift where nothing is there": {
			tree{"a": "x"}, nil, []string{""},
		},
	} {
		t.Run(says, func(t *testing.T) {
			if diff := cmp.Diff(c.drift, drift(c.want, c.have)); diff != "" {
				t.Errorf("drift (-want +got):\n%s", diff)
			}
		})
	}
}
