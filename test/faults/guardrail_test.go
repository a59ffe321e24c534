package faults

import (
	"path/filepath"
	"testing"

	"github.com/kars-dev/kars/internal/preflight"
	"github.com/kars-dev/kars/localazure"
)

// guard is something that binds owners too, set up as its owner does it.
type guard struct {
	set   func(owner *caller, group, identity string)
	finds string // the finding that is no pass, "" if all do
	runs  bool   // the run goes in spite of it
}

func TestWhatBindsOwnersTooStopsTheRunAsPreflightSaysP5P12P17(t *testing.T) {
	lock := func(level string) tree { return tree{"level": level} }
	for name, g := range map[string]guard{
		"a lock against writes on an identity": {func(owner *caller, group, identity string) {
			owner.putResource(identity+"/providers/Microsoft.Authorization/locks/l", "2020-05-01", tree{"properties": lock("ReadOnly")})
		}, "lock/ReadOnly", false},
		"a lock against deletion on an identity": {func(owner *caller, group, identity string) {
			owner.putResource(identity+"/providers/Microsoft.Authorization/locks/l", "2020-05-01", tree{"properties": lock("CanNotDelete")})
		}, "lock/CanNotDelete", true},
		"a lock against writes on what is not the plan's": {func(owner *caller, group, identity string) {
			owner.putResource(identity+"-of-others", "2023-01-31", tree{"location": region(owner)})
			owner.putResource(identity+"-of-others/providers/Microsoft.Authorization/locks/l", "2020-05-01", tree{"properties": lock("ReadOnly")})
		}, "lock/ReadOnly", true},
		"a stack that denies to write an identity": {func(owner *caller, group, identity string) {
			owner.putResource(group+"/providers/Microsoft.Resources/deploymentStacks/s", "2024-03-01", tree{"properties": tree{
				"actionOnUnmanage": tree{"resources": "detach"}, "denySettings": tree{"mode": "denyWriteAndDelete"},
				"template": tree{
					"$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#", "contentVersion": "1.0.0.0",
					"resources": []any{tree{
						"type": "Microsoft.ManagedIdentity/userAssignedIdentities", "apiVersion": "2023-01-31",
						"name": filepath.Base(identity), "location": region(owner),
					}},
				},
			}})
		}, "rbac/Microsoft.ManagedIdentity/userAssignedIdentities/write", false},
		"a policy against the region": {func(owner *caller, group, identity string) {
			owner.putResource(group+"/providers/Microsoft.Authorization/policyAssignments/regions", "2023-04-01", tree{"properties": tree{
				"policyDefinitionId": "/providers/Microsoft.Authorization/policyDefinitions/e56962a6-4747-49cd-b67b-bf8b01975c4c",
				"parameters":         tree{"listOfAllowedLocations": tree{"value": []any{"westeurope"}}},
			}})
		}, "policy/regions", false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			owner := w.as(localazure.OwnerName, &tap{})
			group := owner.plan.Group.ID
			identity := group + "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/kars-controlplane"
			owner.putResource(group, "2021-04-01", tree{"location": region(owner)})
			owner.putResource(identity, "2023-01-31", tree{"location": region(owner)})
			g.set(owner, group, identity)

			report := owner.preflight()
			found := g.finds == ""
			for _, f := range report.Findings {
				found = found || f.ID == g.finds && f.Verdict != preflight.Pass
			}
			if !found || report.Blocks() == g.runs {
				t.Errorf("preflight: %s; %s was found: %t", report.Summary(), g.finds, found)
			}
			if result, err := owner.apply(t.Context(), filepath.Join(w.dir, "runs")); (err == nil) != g.runs {
				t.Errorf("the run: %v\n%s", err, describe(result))
			}
		})
	}
}

func region(c *caller) any { return c.plan.Group.Body["location"] }

// putResource writes a resource and waits for it.
func (c *caller) putResource(id, version string, body tree) {
	c.Helper()
	o, err := c.arm.Put(c.Context(), id, version, body)
	if err == nil {
		_, err = o.Wait(c.Context())
	}
	if err != nil {
		c.Fatalf("writing %s: %v", id, err)
	}
}
