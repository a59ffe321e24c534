package rbac

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

var (
	worldActions  = []string{"M.Net/vnets/read", "M.Net/vnets/write", "M.Net/vnets/subnets/join/action", "M.Kv/vaults/write", "M.Auth/roleAssignments/write", "M.Auth/locks/read"}
	worldPatterns = append([]string{"*", "*/read", "M.Net/*", "M.Auth/*/write", "*/action", "M.*/vaults/*"}, worldActions...)
	worldScopes   = []string{"/", subscription, group, vault, subscription + "/resourceGroups/other"}
	worldPeople   = []string{alice, team, "aaaaaaaa-0000-0000-0000-000000000003"}
)

func pick[T any](r *rand.Rand, from []T, atMost int) []T {
	out := make([]T, r.IntN(atMost+1))
	for i := range out {
		out[i] = from[r.IntN(len(from))]
	}
	return out
}

// world is a random set of roles, assignments and deny assignments.
func world(r *rand.Rand) Input {
	var in Input
	for i := range 4 {
		d := RoleDefinition{ID: fmt.Sprintf("role-%d", i), Name: fmt.Sprintf("Role %d", i)}
		for range 1 + r.IntN(2) {
			d.Permissions = append(d.Permissions, Permission{Actions: pick(r, worldPatterns, 3), NotActions: pick(r, worldPatterns, 2)})
		}
		in.Definitions = append(in.Definitions, d)
	}
	for range r.IntN(6) {
		in.Assignments = append(in.Assignments, randomAssignment(r))
	}
	for range r.IntN(2) {
		in.Denies = append(in.Denies, DenyAssignment{
			Scope: worldScopes[r.IntN(len(worldScopes))], Principals: pick(r, append(worldPeople, AllPrincipals), 2), ExcludePrincipals: pick(r, worldPeople, 1),
			Permissions: []Permission{{Actions: pick(r, worldPatterns, 2)}}, DoNotApplyToChildScopes: r.IntN(2) == 0,
		})
	}
	return in
}

func randomAssignment(r *rand.Rand) Assignment {
	return Assignment{
		PrincipalID:      worldPeople[r.IntN(len(worldPeople))],
		RoleDefinitionID: fmt.Sprintf("role-%d", r.IntN(4)),
		Scope:            worldScopes[r.IntN(len(worldScopes))],
	}
}

// worldAbove is what contains the scopes of a world.
func worldAbove() map[string][]string {
	other := worldScopes[4]
	return map[string][]string{
		"/": {"/"}, subscription: {subscription, "/"}, other: {other, subscription, "/"},
		group: {group, subscription, "/"}, vault: {vault, group, subscription, "/"},
	}
}

func TestAnotherAssignmentNeverTakesAway(t *testing.T) {
	for seed := range uint64(1000) {
		r := rand.New(rand.NewPCG(seed, 2))
		in := world(r)
		before := Compile(in)
		in.Assignments = append(slices.Clone(in.Assignments), randomAssignment(r))
		after := Compile(in)
		for _, action := range worldActions {
			q := Request{Action: action, Scope: vault}
			if before.Decide(worldPeople, q).Verdict == Allowed && after.Decide(worldPeople, q).Verdict != Allowed {
				t.Fatalf("seed %d: %+v took %s away", seed, in.Assignments[len(in.Assignments)-1], action)
			}
		}
	}
}

func TestNotActionsTakeNothingFromAnotherRole(t *testing.T) {
	for seed := range uint64(1000) {
		r := rand.New(rand.NewPCG(seed, 3))
		action := worldActions[r.IntN(len(worldActions))]
		p := Compile(Input{
			Definitions: []RoleDefinition{
				{ID: "gives", Permissions: []Permission{{Actions: []string{action}}}},
				{ID: "takes", Permissions: []Permission{{Actions: []string{"*"}, NotActions: pick(r, worldPatterns, 4)}}},
			},
			Assignments: at(subscription, "takes", "gives"),
		})
		if d := p.Decide([]string{alice}, Request{Action: action, Scope: vault}); d.Verdict != Allowed {
			t.Fatalf("seed %d: %s is %s: %s", seed, action, d.Verdict, d.Reason)
		}
	}
}

func TestU12ReasonsNameRoleScopeAndPattern(t *testing.T) {
	p := Compile(Input{Definitions: definitions, Assignments: at(subscription, "contributor")})
	d := p.Decide([]string{alice}, Request{Action: "Microsoft.Authorization/roleAssignments/write", Scope: vault})
	want := "Contributor at " + subscription + " leaves out Microsoft.Authorization/*/Write"
	if d.Reason != want || d.Definition.Name != "Contributor" || d.Assignment.Scope != subscription {
		t.Errorf("got reason %q, want %q", d.Reason, want)
	}
	d = p.Decide([]string{alice}, Request{Action: "Microsoft.KeyVault/vaults/write", Scope: vault})
	if want := "Contributor at " + subscription + " grants *"; d.Reason != want || d.Pattern != "*" {
		t.Errorf("got reason %q and pattern %q, want %q and *", d.Reason, d.Pattern, want)
	}
	assigned := p.Assigned([]string{alice}, vault)
	if len(assigned) != 1 || assigned[0].Definition.Name != "Contributor" {
		t.Errorf("Assigned gave %+v, want the one assignment of Contributor", assigned)
	}
}
