package faults

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/kars-dev/kars/internal/azure/arm"
	"github.com/kars-dev/kars/internal/diagnose"
	"github.com/kars-dev/kars/internal/plan"
	"github.com/kars-dev/kars/internal/preflight"
	"github.com/kars-dev/kars/internal/rbac"
	"github.com/kars-dev/kars/localazure"
)

// What a run needs is said twice: by the plan, which derives it from what it
// makes, and by the local Azure's own table of actions, each with a public
// source. These tests let the two contradict each other.

// sampledRemovals is how many of the permissions the sample takes away from a
// run; preflight is tried without each of them always.
const sampledRemovals = 5

// deployer makes a user whose one role is a custom one of just these actions,
// and who may make blueprints.
func (w *world) deployer(name string, actions []string) *caller {
	w.Helper()
	if _, err := w.azure.PutPrincipal(localazure.Principal{Name: name, DirectoryRoles: []string{"Agent ID Developer"}}); err != nil {
		w.Fatal(err)
	}
	owner, deployer := w.as(localazure.OwnerName, &tap{}), w.as(name, &tap{})
	subscription := "/subscriptions/" + w.azure.SubscriptionID()
	role := uuid.NewString()
	_, err := owner.arm.Put(w.Context(), subscription+"/providers/Microsoft.Authorization/roleDefinitions/"+role, "2022-04-01", tree{
		"properties": tree{
			"roleName": name, "type": "CustomRole", "assignableScopes": []any{subscription},
			"permissions": []any{tree{"actions": actions}},
		},
	})
	if err != nil {
		w.Fatal(err)
	}
	_, err = owner.arm.PutRoleAssignment(w.Context(), uuid.NewString(), rbac.Assignment{
		Scope: subscription, PrincipalID: deployer.who.ObjectID, PrincipalType: "User", RoleDefinitionID: role,
	})
	if err != nil {
		w.Fatal(err)
	}
	return deployer
}

func (c *caller) preflight() preflight.Report {
	return preflight.Run(c.Context(), preflight.Options{
		Plan: c.plan, Caller: c.who, ARM: c.arm, Directory: c.graph, LocalPrincipal: "deployer",
	})
}

// actionsOf are the actions that the plan says it needs, each once.
func actionsOf(p *plan.Plan) []string {
	var out []string
	for _, n := range p.Needs {
		if n.Kind == plan.NeedAction && !slices.Contains(out, n.Action) {
			out = append(out, n.Action)
		}
	}
	return out
}

func without(actions []string, one string) []string {
	return slices.DeleteFunc(slices.Clone(actions), func(a string) bool { return a == one })
}

func TestExactlyWhatThePlanNeedsSufficesU13(t *testing.T) {
	w := newWorld(t)
	deployer := w.deployer("deployer", actionsOf(w.as(localazure.OwnerName, &tap{}).plan))
	if r := deployer.preflight(); r.Verdict != preflight.Pass {
		t.Errorf("preflight: %s", r.Summary())
		for _, f := range r.Findings {
			if f.Verdict != preflight.Pass {
				t.Errorf("%s %s at %s: %v", f.Verdict, f.ID, f.Scope, f.Evidence)
			}
		}
	}
	if result, err := deployer.apply(t.Context(), filepath.Join(w.dir, "runs")); err != nil {
		t.Errorf("the plan's needs do not suffice: %v\n%s", err, describe(result))
	}
}

// blindTo are the reads of the run without which preflight cannot know something
// more: the finding that fails beside the read's own.
var blindTo = map[string]string{
	"Microsoft.Resources/subscriptions/resourceGroups/read": "name/Microsoft.Resources/resourceGroups",
}

// blinds reports whether preflight itself uses an action, so that its lack leaves
// something undecided, whether the run uses it too or not.
func blinds(p *plan.Plan, action string) bool {
	return blindTo[action] != "" || slices.ContainsFunc(p.Needs, func(n plan.Need) bool { return n.Action == action && n.Proof })
}

func TestPreflightNamesTheOneMissingPermissionU13(t *testing.T) {
	w := newWorld(t)
	p := w.as(localazure.OwnerName, &tap{}).plan
	for i, action := range actionsOf(p) {
		t.Run(action, func(t *testing.T) {
			deployer := w.deployer("deployer-"+string(rune('a'+i/26))+string(rune('a'+i%26)), without(actionsOf(p), action))
			var want, got []string
			for _, n := range p.Needs {
				if n.Action == action && !n.Proof && !slices.Contains(want, "rbac/"+action+" at "+n.Scope) {
					want = append(want, "rbac/"+action+" at "+n.Scope)
				}
			}
			for _, f := range deployer.preflight().Findings {
				switch f.Verdict {
				case preflight.Fail, preflight.Warn:
					if f.ID != blindTo[action] {
						got = append(got, f.ID+" at "+f.Scope)
					}
				case preflight.Unknown:
					if !blinds(p, action) {
						t.Errorf("%s at %s: %v", f.ID, f.Scope, f.Evidence)
					}
				}
			}
			slices.Sort(want)
			slices.Sort(got)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("what does not pass (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWithoutOneOfThePlansPermissionsTheRunFailsByItU13(t *testing.T) {
	p := newWorld(t).as(localazure.OwnerName, &tap{}).plan
	for _, action := range sample(t, actionsOf(p), sampledRemovals) {
		t.Run(action, func(t *testing.T) {
			w := newWorld(t)
			result, err := w.deployer("deployer", without(actionsOf(p), action)).apply(t.Context(), filepath.Join(w.dir, "runs"))
			optional := !slices.ContainsFunc(p.Needs, func(n plan.Need) bool { return n.Action == action && !n.Optional })
			switch {
			case optional && err != nil:
				t.Errorf("it is optional, and without it the run fails: %v", err)
			case !optional && err == nil:
				t.Errorf("nothing asks for it: %s", describe(result))
			case !optional && !names(err, action):
				t.Errorf("the refusal does not name it: %v", err)
			case !optional && failedAt(result) != firstUse(p, action):
				t.Errorf("the run fails at the step %s, want %s, which is the first to use it", failedAt(result), firstUse(p, action))
			}
		})
	}
}

// firstUse is the step at which a run without an action fails.
func firstUse(p *plan.Plan, action string) plan.Step {
	for _, n := range p.Needs { // in the order of the steps
		if n.Action == action && !n.Optional && !n.Proof {
			return n.Step
		}
	}
	return ""
}

// names reports whether an error says that an action is missing.
func names(err error, action string) bool {
	if arm.IsForbidden(err) && strings.Contains(err.Error(), action) {
		return true
	}
	said, ok := diagnose.Of(err)
	return ok && strings.EqualFold(said.Action, action)
}
