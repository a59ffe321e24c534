package rbac

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// offered are roles as somebody could assign them, with the permissions of
// the built-in ones of these names.
var offered = append(slices.Clone(definitions[:4]),
	RoleDefinition{ID: "rbac-admin", Name: "Role Based Access Control Administrator", Permissions: []Permission{{
		Actions: []string{"Microsoft.Authorization/roleAssignments/write", "Microsoft.Authorization/roleAssignments/delete", "*/read", "Microsoft.Support/*"},
	}}},
	RoleDefinition{ID: "vaults", Name: "Key Vault Contributor", Permissions: []Permission{{
		Actions:    []string{"Microsoft.Authorization/*/read", "Microsoft.KeyVault/*", "Microsoft.Resources/deployments/*"},
		NotActions: []string{"Microsoft.KeyVault/locations/deletedVaults/purge/action"},
	}}},
	RoleDefinition{ID: "mine", Name: "Assignable elsewhere", AssignableScopes: []string{subscription + "/resourceGroups/other"}, Permissions: []Permission{{
		Actions: []string{"Microsoft.KeyVault/vaults/write"},
	}}},
)

func TestSuggest(t *testing.T) {
	write := Request{Action: "Microsoft.KeyVault/vaults/write", Scope: vault}
	network := Request{Action: "Microsoft.Network/virtualNetworks/write", Scope: group}
	assign := Request{Action: "Microsoft.Authorization/roleAssignments/write", Scope: vault, Attributes: map[string]any{roleAttribute: acrPull, typeAttribute: "ServicePrincipal"}}
	register := Request{Action: "Microsoft.KeyVault/register/action", Scope: subscription}
	secret := Request{Action: "Microsoft.KeyVault/vaults/secrets/getSecret/action", Data: true, Scope: vault}
	scopes := []string{subscription, group}
	end := time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)
	eligible := func(role, scope string) []Eligible {
		return []Eligible{{Assignment: Assignment{PrincipalID: alice, RoleDefinitionID: role, Scope: scope}, Ends: end}}
	}
	tests := map[string]struct {
		in     Input
		denied []Request
		o      SuggestOptions
		want   []string
	}{
		"U26: an eligible role is activated first": {
			denied: []Request{write}, o: SuggestOptions{Eligible: eligible("contributor", subscription)},
			want: []string{"activate Contributor at " + subscription + " for [0]"},
		},
		"an eligible role that grants something else is not worth activating": {
			denied: []Request{assign}, o: SuggestOptions{Eligible: eligible("contributor", subscription)},
		},
		"an eligible role elsewhere is not worth activating": {
			denied: []Request{write}, o: SuggestOptions{Eligible: eligible("contributor", group+"-2")},
		},
		"U11: the role that gives least besides lets roles be assigned": {
			denied: []Request{assign}, o: SuggestOptions{Roles: offered, Scopes: scopes},
			want: []string{
				"assign Role Based Access Control Administrator at " + group + " for [0]",
				"custom Microsoft.Authorization/roleAssignments/write at " + group + " for [0]",
			},
		},
		"the narrowest role at the narrowest scope that exists": {
			denied: []Request{write}, o: SuggestOptions{Roles: offered, Scopes: scopes},
			want: []string{
				"assign Key Vault Contributor at " + group + " for [0]",
				"custom Microsoft.KeyVault/vaults/write at " + group + " for [0]",
			},
		},
		"one role for many actions, and another for what gives roles away": {
			denied: []Request{write, network, assign}, o: SuggestOptions{Roles: offered, Scopes: scopes},
			want: []string{
				"assign Contributor at " + group + " for [0 1]",
				"assign Role Based Access Control Administrator at " + group + " for [2]",
				"custom Microsoft.Authorization/roleAssignments/write,Microsoft.KeyVault/vaults/write,Microsoft.Network/virtualNetworks/write at " + group + " for [0 1 2]",
			},
		},
		"the scope covers all that is asked for": {
			denied: []Request{network, register}, o: SuggestOptions{Roles: offered, Scopes: scopes},
			want: []string{
				"assign Contributor at " + subscription + " for [0 1]",
				"custom Microsoft.KeyVault/register/action,Microsoft.Network/virtualNetworks/write at " + subscription + " for [0 1]",
			},
		},
		"scopes that nothing joins get a custom role each": {
			denied: []Request{network, register}, o: SuggestOptions{Scopes: []string{group}},
			want: []string{"custom Microsoft.Network/virtualNetworks/write at " + group + " for [0]"},
		},
		"a data action takes a role with data actions": {
			denied: []Request{secret}, o: SuggestOptions{Roles: offered, Scopes: scopes},
			want: []string{
				"assign Key Vault Secrets User at " + group + " for [0]",
				"custom data Microsoft.KeyVault/vaults/secrets/getSecret/action at " + group + " for [0]",
			},
		},
		"a custom role is not assigned where it may not be": {
			denied: []Request{write}, o: SuggestOptions{Roles: offered[len(offered)-1:], Scopes: scopes},
			want: []string{"custom Microsoft.KeyVault/vaults/write at " + group + " for [0]"},
		},
		"nothing helps against a deny assignment": {
			in:     Input{Denies: []DenyAssignment{{Scope: group, Principals: []string{AllPrincipals}, Permissions: []Permission{{Actions: []string{"*"}, NotActions: []string{"*/read"}}}}}},
			denied: []Request{write, assign}, o: SuggestOptions{Roles: offered, Scopes: scopes, Eligible: eligible("owner", subscription)},
		},
		"nothing is suggested against a deny assignment that may apply": {
			in:     Input{Denies: []DenyAssignment{{Scope: group, Principals: []string{AllPrincipals}, Permissions: []Permission{{Actions: []string{"*"}}}, Condition: "Exists @Principal[x]"}}},
			denied: []Request{write}, o: SuggestOptions{Roles: offered, Scopes: scopes},
		},
		"what is allowed needs nothing": {
			in: Input{Assignments: at(group, "owner")}, denied: []Request{write}, o: SuggestOptions{Roles: offered, Scopes: scopes},
		},
		"a condition that stands in the way is met by a role without one": {
			in:     Input{Assignments: []Assignment{{PrincipalID: alice, RoleDefinitionID: "access", Scope: "/", Condition: strings.ReplaceAll(delegate, acrPull, owner)}}},
			denied: []Request{assign}, o: SuggestOptions{Roles: definitions[:3], Scopes: scopes},
			want: []string{
				"assign User Access Administrator at " + group + " for [0]",
				"custom Microsoft.Authorization/roleAssignments/write at " + group + " for [0]",
			},
		},
		"an eligible role under a condition that does not hold is not worth activating": {
			denied: []Request{assign}, o: SuggestOptions{Eligible: []Eligible{{Assignment: Assignment{
				PrincipalID: alice, RoleDefinitionID: "access", Scope: "/", Condition: strings.ReplaceAll(delegate, acrPull, owner),
			}}}},
		},
		"a management group reaches what lies below it": {
			in: Input{Parents: tree}, denied: []Request{write}, o: SuggestOptions{Eligible: eligible("owner", "/providers/Microsoft.Management/managementGroups/top")},
			want: []string{"activate Owner at /providers/Microsoft.Management/managementGroups/top for [0]"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tt.in.Definitions = definitions
			var got []string
			for _, s := range Suggest(tt.in, []string{alice}, tt.denied, tt.o) {
				got = append(got, brief(s))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func brief(s Suggestion) string {
	role := s.Role.Name
	if s.Kind == Custom {
		role = strings.Join(s.Role.Permissions[0].Actions, ",")
		if data := s.Role.Permissions[0].DataActions; len(data) > 0 {
			role += "data " + strings.Join(data, ",")
		}
	}
	return fmt.Sprintf("%s %s at %s for %v", s.Kind, role, s.Assignment.Scope, s.Flips)
}

// apply adds what a suggestion says to the input, as an owner would by hand.
func apply(in Input, s Suggestion) Input {
	if s.Kind == Custom {
		s.Role.ID, s.Assignment.RoleDefinitionID = "made-for-this", "made-for-this"
	}
	in.Definitions = append(slices.Clone(in.Definitions), s.Role)
	in.Assignments = append(slices.Clone(in.Assignments), s.Assignment)
	return in
}

func TestEverySuggestionFlipsItsVerdicts(t *testing.T) {
	seen := map[SuggestionKind]int{}
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 4))
		in := world(r)
		var denied []Request
		for range 1 + r.IntN(4) {
			denied = append(denied, Request{Action: worldActions[r.IntN(len(worldActions))], Scope: worldScopes[r.IntN(len(worldScopes))]})
		}
		o := SuggestOptions{Roles: world(r).Definitions, Scopes: pick(r, worldScopes, 4)}
		for range r.IntN(3) {
			o.Eligible = append(o.Eligible, Eligible{Assignment: randomAssignment(r)})
		}
		for i := range o.Roles {
			o.Roles[i].ID = fmt.Sprintf("offered-%d", i)
		}
		principals := append([]string{alice}, pick(r, worldPeople[1:], 1)...)
		before := Compile(in)
		for _, s := range Suggest(in, principals, denied, o) {
			seen[s.Kind]++
			after := Compile(apply(in, s))
			for _, i := range s.Flips {
				if d := before.Decide(principals, denied[i]); d.Verdict == Allowed {
					t.Fatalf("seed %d: %s is for what is allowed already: %s", seed, brief(s), d.Reason)
				}
				if d := after.Decide(principals, denied[i]); d.Verdict != Allowed {
					t.Fatalf("seed %d: after %s, %s at %s is %s: %s", seed, brief(s), denied[i].Action, denied[i].Scope, d.Verdict, d.Reason)
				}
			}
			if len(s.Flips) == 0 {
				t.Fatalf("seed %d: %s is for nothing", seed, brief(s))
			}
		}
	}
	for _, k := range []SuggestionKind{Activate, Assign, Custom} {
		if seen[k] == 0 {
			t.Errorf("nobody was told to %s anything", k)
		}
	}
}

// Where a request stays refused to a caller who is given "*" at the root, a
// deny assignment stands in the way, and nothing may be suggested; where it
// does not, a custom role at its own scope must be.
func TestSuggestionsAreMadeExactlyWhereNoDenyAssignmentStands(t *testing.T) {
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 5))
		in := world(r)
		q := Request{Action: worldActions[r.IntN(len(worldActions))], Scope: worldScopes[1+r.IntN(len(worldScopes)-1)]}
		if (naive{Input: in, above: worldAbove()}).decide(worldPeople, q) == Allowed {
			continue
		}
		all := in
		all.Definitions = append(slices.Clone(in.Definitions), RoleDefinition{ID: "all", Permissions: []Permission{{Actions: []string{"*"}}}})
		all.Assignments = append(slices.Clone(in.Assignments), Assignment{PrincipalID: alice, RoleDefinitionID: "all", Scope: Root})
		helps := naive{Input: all, above: worldAbove()}.decide(worldPeople, q) == Allowed
		got := Suggest(in, worldPeople, []Request{q}, SuggestOptions{Roles: all.Definitions, Scopes: []string{q.Scope}})
		if helps != (len(got) > 0) {
			t.Fatalf("seed %d: a role helps: %t, and %d suggestions were made", seed, helps, len(got))
		}
	}
}
