package faults

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/kars-dev/kars/internal/plan"
	"github.com/kars-dev/kars/internal/preflight"
	"github.com/kars-dev/kars/internal/rbac"
	"github.com/kars-dev/kars/localazure"
)

// give assigns a built-in role as the owner.
func (w *world) give(to, role, scope string) {
	w.Helper()
	_, err := w.as(localazure.OwnerName, &tap{}).arm.PutRoleAssignment(w.Context(), uuid.NewString(), rbac.Assignment{
		Scope: scope, PrincipalID: to, PrincipalType: "User", RoleDefinitionID: role,
	})
	if err != nil {
		w.Fatal(err)
	}
}

// account makes an account with a model in a group of its own, and returns its
// id and where it answers.
func (w *world) account() (id, endpoint string) {
	w.Helper()
	owner := w.as(localazure.OwnerName, &tap{})
	group := "/subscriptions/" + owner.plan.SubscriptionID + "/resourceGroups/models"
	id = group + "/providers/Microsoft.CognitiveServices/accounts/everybodys"
	for _, r := range []struct {
		id, version string
		body        tree
	}{
		{group, "2021-04-01", tree{"location": "eastus2"}},
		{id, "2025-06-01", tree{
			"location": "eastus2", "kind": "AIServices", "sku": tree{"name": "S0"},
			"properties": tree{"customSubDomainName": "everybodys", "disableLocalAuth": true},
		}},
		{id + "/deployments/gpt-4.1", "2025-06-01", tree{
			"sku":        tree{"name": "GlobalStandard", "capacity": 10},
			"properties": tree{"model": tree{"format": "OpenAI", "name": "gpt-4.1"}},
		}},
	} {
		o, err := owner.arm.Put(w.Context(), r.id, r.version, r.body)
		if err != nil {
			w.Fatal(err)
		}
		if _, err := o.Wait(w.Context()); err != nil {
			w.Fatal(err)
		}
	}
	return id, "https://everybodys.openai.azure.com/"
}

func TestP04AnAccountInAnotherGroupTakesARightThereToGiveRoles(t *testing.T) {
	const contributor, accessAdministrator = "b24988ac-6180-42a0-ab88-20f7382dd24c", "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9"
	w := newWorld(t)
	id, endpoint := w.account()
	if _, err := w.azure.PutPrincipal(localazure.Principal{Name: "deployer", DirectoryRoles: []string{"Agent ID Developer"}}); err != nil {
		t.Fatal(err)
	}
	deployer := w.as("deployer", &tap{})
	o := deployer.plan.Options
	o.FoundryEndpoint, o.FoundryID = endpoint, id
	p, err := plan.New(o)
	if err != nil {
		t.Fatal(err)
	}
	deployer.plan = p
	owner := w.as(localazure.OwnerName, &tap{})
	if _, err := owner.arm.PutGroup(t.Context(), p.SubscriptionID, p.Group.Name, p.Options.Region, nil); err != nil {
		t.Fatal(err)
	}
	w.give(deployer.who.ObjectID, contributor, p.Group.ID)
	w.give(deployer.who.ObjectID, accessAdministrator, p.Group.ID)

	// Nothing at the account lets the deployer see what it may do there, so that
	// it stays open; what is open there is what the run then fails by.
	verdicts := func(r preflight.Report) map[string]preflight.Verdict {
		out := map[string]preflight.Verdict{}
		for _, f := range r.Findings {
			if f.Scope == id {
				out[f.ID] = f.Verdict
			}
		}
		return out
	}
	want := func(v preflight.Verdict) map[string]preflight.Verdict {
		return map[string]preflight.Verdict{
			"rbac/Microsoft.Authorization/roleAssignments/read":  v,
			"rbac/Microsoft.Authorization/roleAssignments/write": v,
		}
	}
	open := want(preflight.Unknown)
	open["deny/assignments"], open["lock/ReadOnly"] = preflight.Unknown, preflight.Unknown
	if diff := cmp.Diff(open, verdicts(deployer.preflight())); diff != "" {
		t.Errorf("at the account (-want +got):\n%s", diff)
	}
	runs := filepath.Join(w.dir, "runs")
	if result, err := deployer.apply(t.Context(), runs); !names(err, "Microsoft.Authorization/roleAssignments/read") || stepOf(result, plan.StepGrants).Status != "failed" {
		t.Errorf("the run ends with %v after %s, want the account's refusal", err, describe(result))
	}

	w.give(deployer.who.ObjectID, accessAdministrator, id)
	if diff := cmp.Diff(want(preflight.Pass), verdicts(deployer.preflight())); diff != "" {
		t.Errorf("at the account, with a role there (-want +got):\n%s", diff)
	}
	if result, err := deployer.apply(t.Context(), runs); err != nil {
		t.Fatalf("the run fails: %v\n%s", err, describe(result))
	}
	resources, err := owner.arm.Resources(t.Context(), p.SubscriptionID, p.Group.Name)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range resources {
		if strings.HasPrefix(r.Type, "Microsoft.CognitiveServices/") {
			t.Errorf("the run made %s", r.ID)
		}
	}
}
