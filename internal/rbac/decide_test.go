package rbac

import (
	"testing"
)

const (
	subscription = "/subscriptions/11111111-1111-1111-1111-111111111111"
	group        = subscription + "/resourceGroups/kars-eastus2"
	vault        = group + "/providers/Microsoft.KeyVault/vaults/kars-kv"

	alice = "aaaaaaaa-0000-0000-0000-000000000001"
	team  = "aaaaaaaa-0000-0000-0000-000000000002"
)

var definitions = []RoleDefinition{
	{ID: "owner", Name: "Owner", Permissions: []Permission{{Actions: []string{"*"}}}},
	{ID: "contributor", Name: "Contributor", Permissions: []Permission{{
		Actions:    []string{"*"},
		NotActions: []string{"Microsoft.Authorization/*/Delete", "Microsoft.Authorization/*/Write"},
	}}},
	{ID: "access", Name: "User Access Administrator", Permissions: []Permission{{
		Actions: []string{"*/read", "Microsoft.Authorization/*", "Microsoft.Support/*"},
	}}},
	{ID: "secrets", Name: "Key Vault Secrets User", Permissions: []Permission{{
		DataActions: []string{"Microsoft.KeyVault/vaults/secrets/getSecret/action"},
	}}},
	{ID: "reader", Name: "Reader", Permissions: []Permission{{Actions: []string{"*/read"}}}},
	{ID: "oldkeys", Name: "Shared keys by their old name", Permissions: []Permission{{Actions: []string{"Microsoft.OperationalInsights/workspaces/sharedkeys/read"}}}},
	{ID: "nokeys", Name: "All but shared keys", Permissions: []Permission{{Actions: []string{"*"}, NotActions: []string{"Microsoft.OperationalInsights/workspaces/sharedKeys/read"}}}},
	{ID: "nokeysatall", Name: "All but shared keys, either way", Permissions: []Permission{{Actions: []string{"*"}, NotActions: []string{"Microsoft.OperationalInsights/workspaces/sharedKeys/action"}}}},
	{ID: "operator", Name: "Managed Identity Operator", Permissions: []Permission{{Actions: []string{"Microsoft.ManagedIdentity/userAssignedIdentities/*/assign/action"}}}},
	{ID: "nooperator", Name: "All but the giving of identities", Permissions: []Permission{{Actions: []string{"*"}, NotActions: []string{"Microsoft.ManagedIdentity/userAssignedIdentities/*/assign/action"}}}},
	{ID: "halves", Name: "Two sets", Permissions: []Permission{
		{Actions: []string{"Microsoft.Network/*"}, NotActions: []string{"*/delete"}},
		{Actions: []string{"Microsoft.Network/routeTables/delete"}},
	}},
}

func at(scope string, roles ...string) []Assignment {
	var out []Assignment
	for _, r := range roles {
		out = append(out, Assignment{PrincipalID: alice, RoleDefinitionID: r, Scope: scope})
	}
	return out
}

func TestDecide(t *testing.T) {
	write := Request{Action: "Microsoft.KeyVault/vaults/write", Scope: vault}
	assign := Request{Action: "microsoft.authorization/roleassignments/WRITE", Scope: vault}
	secret := Request{Action: "Microsoft.KeyVault/vaults/secrets/getSecret/action", Data: true, Scope: vault}
	sharedKeys := Request{Action: "Microsoft.OperationalInsights/workspaces/sharedKeys/action", Scope: group}
	giveIdentity := Request{Action: "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action", Scope: group}
	denyAll := DenyAssignment{
		Name: "managed app", Scope: group, Principals: []string{AllPrincipals},
		Permissions: []Permission{{Actions: []string{"*"}, NotActions: []string{"*/read"}}},
	}
	deny := func(change func(*DenyAssignment)) []DenyAssignment {
		d := denyAll
		change(&d)
		return []DenyAssignment{d}
	}
	tests := map[string]struct {
		in   Input
		as   []string
		r    Request
		want Verdict
	}{
		"U11: contributor may not assign roles":                           {Input{Assignments: at(subscription, "contributor")}, nil, assign, Denied},
		"U11: user access administrator may assign roles":                 {Input{Assignments: at(subscription, "access")}, nil, assign, Allowed},
		"U08: contributor's NotActions take nothing from the other":       {Input{Assignments: at(subscription, "contributor", "access")}, nil, assign, Allowed},
		"a second set of a role grants what the first leaves out":         {Input{Assignments: at(group, "halves")}, nil, Request{Action: "Microsoft.Network/routeTables/delete", Scope: vault}, Allowed},
		"an assignment at a group reaches a resource in it":               {Input{Assignments: at(group, "owner")}, nil, write, Allowed},
		"an assignment at a group does not reach the subscription":        {Input{Assignments: at(group, "owner")}, nil, Request{Action: write.Action, Scope: subscription}, Denied},
		"a group whose name begins alike is another group":                {Input{Assignments: at(subscription+"/resourceGroups/kars", "owner")}, nil, write, Denied},
		"scopes compare without case":                                     {Input{Assignments: at("/SUBSCRIPTIONS/11111111-1111-1111-1111-111111111111/", "owner")}, nil, write, Allowed},
		"the root reaches everything":                                     {Input{Assignments: at("/", "owner")}, nil, write, Allowed},
		"a role of a group is a role of its members":                      {Input{Assignments: []Assignment{{PrincipalID: team, RoleDefinitionID: "owner", Scope: group}}}, []string{alice, team}, write, Allowed},
		"a role of somebody else is none":                                 {Input{Assignments: []Assignment{{PrincipalID: team, RoleDefinitionID: "owner", Scope: group}}}, nil, write, Denied},
		"an owner has no data action":                                     {Input{Assignments: at(subscription, "owner")}, nil, secret, Denied},
		"a data role grants its data action":                              {Input{Assignments: at(vault, "secrets")}, nil, secret, Allowed},
		"a data action is not an action":                                  {Input{Assignments: at(vault, "secrets")}, nil, Request{Action: secret.Action, Scope: vault}, Denied},
		"a role that nobody knows leaves it open":                         {Input{Assignments: at(vault, "mystery")}, nil, write, Unknown},
		"a role that nobody knows does not matter beside one we do":       {Input{Assignments: at(vault, "mystery", "owner")}, nil, write, Allowed},
		"a deny assignment wins over owner":                               {Input{Assignments: at("/", "owner"), Denies: []DenyAssignment{denyAll}}, nil, write, Denied},
		"a deny assignment spares its NotActions":                         {Input{Assignments: at("/", "owner"), Denies: []DenyAssignment{denyAll}}, nil, Request{Action: "Microsoft.KeyVault/vaults/read", Scope: vault}, Allowed},
		"a deny assignment spares an excluded caller":                     {Input{Assignments: at("/", "owner"), Denies: deny(func(d *DenyAssignment) { d.ExcludePrincipals = []string{alice} })}, nil, write, Allowed},
		"a deny assignment spares a member of an excluded group":          {Input{Assignments: at("/", "owner"), Denies: deny(func(d *DenyAssignment) { d.ExcludePrincipals = []string{team} })}, []string{alice, team}, write, Allowed},
		"a deny assignment for somebody else is none":                     {Input{Assignments: at("/", "owner"), Denies: deny(func(d *DenyAssignment) { d.Principals = []string{team} })}, nil, write, Allowed},
		"a deny assignment kept from child scopes spares them":            {Input{Assignments: at("/", "owner"), Denies: deny(func(d *DenyAssignment) { d.DoNotApplyToChildScopes = true })}, nil, write, Allowed},
		"a deny assignment kept from child scopes holds at its own":       {Input{Assignments: at("/", "owner"), Denies: deny(func(d *DenyAssignment) { d.DoNotApplyToChildScopes = true })}, nil, Request{Action: write.Action, Scope: group}, Denied},
		"a deny assignment elsewhere is none":                             {Input{Assignments: at("/", "owner"), Denies: deny(func(d *DenyAssignment) { d.Scope = group + "-2" })}, nil, write, Allowed},
		"a management group reaches the subscriptions it is told of":      {Input{Assignments: at("/providers/Microsoft.Management/managementGroups/top", "owner"), Parents: tree}, nil, write, Allowed},
		"a management group reaches no other subscription":                {Input{Assignments: at("/providers/Microsoft.Management/managementGroups/other", "owner"), Parents: tree}, nil, write, Denied},
		"a reader may not list shared keys, whose old name ends in read":  {Input{Assignments: at(group, "reader")}, nil, sharedKeys, Denied},
		"the old name of shared keys, written out, grants them":           {Input{Assignments: at(group, "oldkeys")}, nil, sharedKeys, Allowed},
		"NotActions take shared keys away under either name":              {Input{Assignments: at(group, "nokeys")}, nil, sharedKeys, Denied},
		"NotActions take them away when they stand beside the other name": {Input{Assignments: at(group, "nokeysatall")}, nil, sharedKeys, Denied},
		"an operator of one identity may give it to a resource":           {Input{Assignments: at(group, "operator")}, nil, giveIdentity, Allowed},
		"NotActions take the giving of identities away":                   {Input{Assignments: at(group, "nooperator")}, nil, giveIdentity, Denied},
		"an assignment whose scope is not known applies nowhere":          {Input{Assignments: at("", "owner")}, nil, write, Denied},
		"a loop of management groups ends":                                {Input{Parents: map[string]string{subscription: subscription}}, nil, write, Denied},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tt.in.Definitions = definitions
			as := tt.as
			if as == nil {
				as = []string{alice}
			}
			got := Compile(tt.in).Decide(as, tt.r)
			if got.Verdict != tt.want {
				t.Errorf("got %s (%s), want %s", got.Verdict, got.Reason, tt.want)
			}
			if got.Reason == "" {
				t.Error("the decision gives no reason")
			}
		})
	}
}

var tree = map[string]string{
	subscription: "/providers/Microsoft.Management/managementGroups/team",
	"/providers/Microsoft.Management/managementGroups/team": "/providers/Microsoft.Management/managementGroups/top",
}
