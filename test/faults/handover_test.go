package faults

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/kars-dev/kars/internal/azure/arm"
	"github.com/kars-dev/kars/internal/permissions"
	"github.com/kars-dev/kars/internal/plan"
	"github.com/kars-dev/kars/internal/preflight"
	"github.com/kars-dev/kars/internal/rbac"
	"github.com/kars-dev/kars/localazure"
)

// These tests run the scripts that are handed to an owner, and let whom they
// are for do the rest.

const contributor = "b24988ac-6180-42a0-ab88-20f7382dd24c"

// nobody is a user without any role but that in the directory.
func (w *world) nobody(name string) *caller {
	w.Helper()
	if _, err := w.azure.PutPrincipal(localazure.Principal{Name: name, DirectoryRoles: []string{"Agent ID Developer"}}); err != nil {
		w.Fatal(err)
	}
	return w.as(name, &tap{})
}

func (c *caller) asksFor(change func(*permissions.Options)) permissions.Options {
	o := permissions.Options{Plan: c.plan, Principal: permissions.Principal{ObjectID: c.who.ObjectID, Type: "User", DisplayName: c.who.DisplayName}}
	if change != nil {
		change(&o)
	}
	return o
}

// passes asserts that preflight has nothing against the run.
func (c *caller) passes() {
	c.Helper()
	r := c.preflight()
	for _, f := range r.Findings {
		if f.Verdict == preflight.Fail || f.Verdict == preflight.Warn {
			c.Errorf("%s %s at %s: %v", f.Verdict, f.ID, f.Scope, f.Evidence)
		}
	}
}

func TestU14TheRoleInTheScriptIsAllThatARunTakesP26(t *testing.T) {
	w := newWorld(t)
	c := w.nobody("deployer")
	script := permissions.New(c.asksFor(nil)).Az()
	owner := w.as(localazure.OwnerName, &tap{})
	owner.runScript(script)
	owner.runScript(script) // it may be run again
	for _, f := range c.preflight().Of(preflight.Unknown) {
		t.Errorf("undecided is %s at %s: %v", f.ID, f.Scope, f.Evidence)
	}
	c.passes()
	if result, err := c.apply(t.Context(), filepath.Join(w.dir, "runs")); err != nil {
		t.Fatalf("%v\n%s", err, describe(result))
	}
}

func TestAConstrainedDeployerGivesThePlansRolesAndNoOthers(t *testing.T) {
	w := newWorld(t)
	c := w.nobody("deployer")
	w.as(localazure.OwnerName, &tap{}).runScript(permissions.New(c.asksFor(func(o *permissions.Options) { o.Constrain = true })).Az())
	c.passes()
	if result, err := c.apply(t.Context(), filepath.Join(w.dir, "runs")); err != nil {
		t.Fatalf("%v\n%s", err, describe(result))
	}
	for says, give := range map[string]rbac.Assignment{
		"Owner to a service principal": {RoleDefinitionID: "8e3af657-a8ff-443c-a75c-2fe8c4bcb635", PrincipalType: "ServicePrincipal"},
		"AcrPull to a user":            {RoleDefinitionID: plan.AcrPull.ID, PrincipalType: "User"},
		"Contributor to itself":        {RoleDefinitionID: "b24988ac-6180-42a0-ab88-20f7382dd24c", PrincipalType: "User"},
	} {
		t.Run("it may not give "+says, func(t *testing.T) {
			give.Scope, give.PrincipalID = c.plan.RegistryID(), c.who.ObjectID
			if _, err := c.arm.PutRoleAssignment(t.Context(), uuid.NewString(), give); !arm.IsForbidden(err) {
				t.Errorf("it may: %v", err)
			}
		})
	}
}

func TestAfterTheOwnersPartContributorAtTheGroupSufficesU12(t *testing.T) {
	w := newWorld(t)
	c := w.nobody("contributor")
	owner := w.as(localazure.OwnerName, &tap{})
	halves := permissions.Split(c.asksFor(nil))
	owner.runScript(halves.Owner)
	c.passes()
	runs := filepath.Join(w.dir, "runs")
	result, err := c.apply(t.Context(), runs)
	if err != nil {
		t.Fatalf("the rest fails: %v\n%s", err, describe(result))
	}
	for _, s := range c.tap.sent {
		privileged := strings.Contains(s.request.URL.Path, "/roleAssignments/") || strings.HasSuffix(s.request.URL.Path, "/register")
		if privileged && s.request.Method != http.MethodGet {
			t.Errorf("the rest still sends %s %s", s.request.Method, s.request.URL.Path)
		}
	}
	w.idle(runs)
	owner.runScript(halves.Owner) // it may be run again
	w.idle(runs)
}

func TestTheOwnersPartGivesRolesAtAnAccountElsewhereTooP04(t *testing.T) {
	w := newWorld(t)
	id, endpoint := w.account()
	c := w.nobody("contributor")
	o := c.plan.Options
	o.FoundryEndpoint, o.FoundryID = endpoint, id
	var err error
	if c.plan, err = plan.New(o); err != nil {
		t.Fatal(err)
	}
	w.as(localazure.OwnerName, &tap{}).runScript(permissions.Split(c.asksFor(nil)).Owner)
	c.passes()
	if result, err := c.apply(t.Context(), filepath.Join(w.dir, "runs")); err != nil {
		t.Fatalf("the rest fails: %v\n%s", err, describe(result))
	}
}

func TestAnOwnerMayRunKarsUntilTheGrantsInsteadU12(t *testing.T) {
	w := newWorld(t)
	c := w.nobody("contributor")
	owner, runs := w.as(localazure.OwnerName, &tap{}), filepath.Join(w.dir, "runs")
	if result, err := owner.applyUntil(t.Context(), runs, plan.StepGrants); err != nil {
		t.Fatalf("the owner's part: %v\n%s", err, describe(result))
	}
	w.give(c.who.ObjectID, contributor, c.plan.Group.ID)
	c.passes()
	if result, err := c.apply(t.Context(), filepath.Join(w.dir, "others")); err != nil {
		t.Fatalf("the rest: %v\n%s", err, describe(result))
	}
	w.idle(runs)
}

func TestWithoutTheOwnersPartContributorAtTheGroupIsStoppedU12(t *testing.T) {
	w := newWorld(t)
	c := w.nobody("contributor")
	owner := w.as(localazure.OwnerName, &tap{})
	if _, err := owner.arm.PutGroup(t.Context(), w.azure.SubscriptionID(), c.plan.Group.Name, c.plan.Options.Region, nil); err != nil {
		t.Fatal(err)
	}
	w.give(c.who.ObjectID, contributor, c.plan.Group.ID)
	if r := c.preflight(); !r.Blocks() {
		t.Errorf("preflight comes to %s", r.Verdict)
	}
}
