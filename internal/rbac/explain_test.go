package rbac

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestExplain(t *testing.T) {
	assign := Request{Action: "Microsoft.Authorization/roleAssignments/write", Scope: vault, Attributes: map[string]any{roleAttribute: owner, typeAttribute: "ServicePrincipal"}}
	conditioned := Assignment{PrincipalID: alice, RoleDefinitionID: "access", Scope: subscription, Condition: delegate}
	unreadable := conditioned
	unreadable.Condition = "whatever"
	stack := DenyAssignment{Name: "stack", Scope: group, Principals: []string{AllPrincipals}, Permissions: []Permission{{Actions: []string{"*/write"}, NotActions: []string{"Microsoft.Network/*"}}}}
	denying := func(change func(*DenyAssignment)) []DenyAssignment {
		d := stack
		change(&d)
		return []DenyAssignment{d}
	}
	tests := map[string]struct {
		in   Input
		r    Request
		want []string // without the first line and the first reason
	}{
		"nothing applies": {Input{}, assign, []string{
			"no role assignment applies to the caller",
		}},
		"U12: every role assignment says what it gives": {Input{Assignments: slices.Concat(at(vault, "secrets"), at(subscription, "contributor", "mystery", "owner"))}, assign, []string{
			"4 role assignments apply to the caller",
			"  Key Vault Secrets User at VAULT to ALICE: grants nothing that matches",
			"  Contributor at SUB (inherited) to ALICE: grants *, but leaves out Microsoft.Authorization/*/Write",
			"  role definition mystery at SUB (inherited) to ALICE: unknown, for nobody knows the role",
			"  Owner at SUB (inherited) to ALICE: grants *",
		}},
		"a condition says which clauses do not hold": {Input{Assignments: []Assignment{conditioned}}, assign, []string{
			"1 role assignment applies to the caller",
			"  User Access Administrator at SUB (inherited) to ALICE: grants Microsoft.Authorization/*, but its condition does not hold",
			"    false: !(ActionMatches{'Microsoft.Authorization/roleAssignments/write'})",
			"    false: @Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {7f951dda-4ed3-4680-a7ca-43fe172d538d, 4d97b98b-1d4f-4787-a291-c67834d212e7} (@Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId] is 8e3af657-a8ff-443c-a75c-2fe8c4bcb635)",
		}},
		"a condition that is missing something says what": {Input{Assignments: []Assignment{conditioned}}, Request{Action: assign.Action, Scope: vault}, []string{
			"1 role assignment applies to the caller",
			"  User Access Administrator at SUB (inherited) to ALICE: grants Microsoft.Authorization/* under a condition that is not known to hold",
			"    unknown: @Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {7f951dda-4ed3-4680-a7ca-43fe172d538d, 4d97b98b-1d4f-4787-a291-c67834d212e7} (@Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId] is not known)",
			"    unknown: @Request[Microsoft.Authorization/roleAssignments:PrincipalType] ForAnyOfAnyValues:StringEqualsIgnoreCase {'ServicePrincipal'} (@Request[Microsoft.Authorization/roleAssignments:PrincipalType] is not known)",
		}},
		"a condition that does not parse says why": {Input{Assignments: []Assignment{unreadable}}, assign, []string{
			"1 role assignment applies to the caller",
			"  User Access Administrator at SUB (inherited) to ALICE: grants Microsoft.Authorization/* under a condition that is not known to hold",
			"    its condition cannot be evaluated: parsing the condition: at offset 8: expected an operator, found the end",
		}},
		"a deny assignment says what it takes away": {Input{Assignments: at(vault, "owner"), Denies: []DenyAssignment{stack}}, assign, []string{
			"1 role assignment applies to the caller",
			"  Owner at VAULT to ALICE: grants *",
			"1 deny assignment stands at or above the scope",
			"  stack at GROUP (inherited): takes away */write",
		}},
		"a deny assignment says what it leaves out": {Input{Denies: []DenyAssignment{stack}}, Request{Action: "Microsoft.Network/virtualNetworks/write", Scope: group}, []string{
			"no role assignment applies to the caller",
			"1 deny assignment stands at or above the scope",
			"  stack at GROUP: takes away */write, but leaves out Microsoft.Network/*",
		}},
		"deny assignments say why they take nothing away": {Input{Denies: slices.Concat(
			denying(func(d *DenyAssignment) { d.Name, d.DoNotApplyToChildScopes = "here only", true }),
			denying(func(d *DenyAssignment) { d.Name, d.Principals = "others", []string{team} }),
			denying(func(d *DenyAssignment) { d.Name, d.ExcludePrincipals = "but alice", []string{alice} }),
			denying(func(d *DenyAssignment) {
				d.Name, d.Permissions = "reading", []Permission{{Actions: []string{"*/read"}}}
			}),
			denying(func(d *DenyAssignment) { d.Name, d.Condition = "never", "ActionMatches{'x'}" }),
		)}, assign, []string{
			"no role assignment applies to the caller",
			"5 deny assignments stand at or above the scope",
			"  here only at GROUP (inherited): takes nothing away, for it does not apply below its scope",
			"  others at GROUP (inherited): takes nothing away, for it is for others",
			"  but alice at GROUP (inherited): takes nothing away, for it excludes the caller, or a group of the caller's",
			"  reading at GROUP (inherited): takes nothing away, for it does not name the action",
			"  never at GROUP (inherited): takes nothing away, for its condition does not hold",
			"    false: ActionMatches{'x'}",
		}},
	}
	short := strings.NewReplacer(vault, "VAULT", group, "GROUP", subscription, "SUB", alice, "ALICE")
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tt.in.Definitions = definitions
			lines := Compile(tt.in).Explain([]string{alice}, tt.r).Lines()
			got := strings.Split(short.Replace(strings.Join(lines[2:], "\n")), "\n")
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// The parts of an explanation add up to its decision.
func TestExplanationsAddUp(t *testing.T) {
	for seed := range uint64(1000) {
		r := rand.New(rand.NewPCG(seed, 6))
		in := world(r)
		for i := range in.Assignments {
			in.Assignments[i].Condition = []string{"", "", "Exists @Request[x]", "ActionMatches{'*/write'}", "?"}[r.IntN(5)]
		}
		p := Compile(in)
		q := Request{Action: worldActions[r.IntN(len(worldActions))], Scope: worldScopes[r.IntN(len(worldScopes))]}
		x := p.Explain(worldPeople, q)
		if diff := cmp.Diff(p.Decide(worldPeople, q), x.Decision); diff != "" {
			t.Fatalf("seed %d: the decision explained is not the decision:\n%s", seed, diff)
		}
		want := Denied
		for _, g := range x.Grants {
			if g.Verdict == Allowed || g.Verdict == Unknown && want == Denied {
				want = g.Verdict
			}
		}
		for _, d := range x.Denies {
			switch {
			case d.Takes == Denied:
				want = Denied
			case d.Takes == Unknown && want == Allowed:
				want = Unknown
			}
		}
		if x.Decision.Verdict != want {
			t.Fatalf("seed %d: the parts say %s, the decision %s:\n%s", seed, want, x.Decision.Verdict, strings.Join(x.Lines(), "\n"))
		}
	}
}

func TestParentsOfWhatWasListed(t *testing.T) {
	management := func(name string) string { return "/providers/Microsoft.Management/managementGroups/" + name }
	listed := []Assignment{{Scope: "/"}, {Scope: management("Root")}, {Scope: group}, {Scope: management("team")}, {Scope: management("root")}}
	for _, a := range listed {
		a.PrincipalID, a.RoleDefinitionID = alice, "owner"
		in := Input{Definitions: definitions, Assignments: []Assignment{a}, Parents: ParentsOf(subscription, listed, nil)}
		if d := Compile(in).Decide([]string{alice}, Request{Action: "a/b/write", Scope: vault}); d.Verdict != Allowed {
			t.Errorf("an owner at %s is %s: %s", a.Scope, d.Verdict, d.Reason)
		}
	}
	denies := []DenyAssignment{{Scope: management("denied"), Principals: []string{AllPrincipals}, Permissions: []Permission{{Actions: []string{"*"}}}}}
	in := Input{Definitions: definitions, Assignments: at(group, "owner"), Denies: denies, Parents: ParentsOf(subscription, listed, denies)}
	if d := Compile(in).Decide([]string{alice}, Request{Action: "a/b/write", Scope: vault}); d.Deny == nil {
		t.Errorf("a deny assignment at a management group did not reach the vault: %s", fmt.Sprint(d))
	}
	if got := ParentsOf(subscription, at(group, "owner"), nil); got != nil {
		t.Errorf("got parents %v from no management group, want none", got)
	}
}
