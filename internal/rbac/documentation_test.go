package rbac

import (
	"strings"
	"testing"
)

// The examples of Microsoft's documentation, a group of cases for each page.
const documentation = "learn.microsoft.com/azure/"

// blobs begins the data actions of blobs, and account is a storage account.
const (
	blobs   = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"
	account = group + "/providers/Microsoft.Storage/storageAccounts/example"
)

func documentedRoles() []RoleDefinition {
	containers := strings.TrimSuffix(blobs, "/blobs")
	return append([]RoleDefinition{
		{ID: "blob-contributor", Name: "Storage Blob Data Contributor", Permissions: []Permission{{
			Actions:     []string{containers + "/delete", containers + "/read", containers + "/write"},
			DataActions: []string{blobs + "/delete", blobs + "/read", blobs + "/write", blobs + "/move/action", blobs + "/add/action"},
		}}},
	}, definitions...)
}

func TestDocumentationOfRolesAndScopes(t *testing.T) {
	marketing := []Assignment{{PrincipalID: team, RoleDefinitionID: "contributor", Scope: subscription + "/resourceGroups/pharma-sales"}}
	member := []string{alice, team}
	tests := map[string]struct {
		page        string
		assignments []Assignment
		as          []string
		r           Request
		want        Verdict
	}{
		"marketing manages what is in pharma-sales": {
			"role-based-access-control/overview#role-assignments", marketing, member,
			Request{Action: "Microsoft.Compute/virtualMachines/write", Scope: subscription + "/resourceGroups/pharma-sales/providers/Microsoft.Compute/virtualMachines/v"},
			Allowed,
		},
		"marketing has no access outside of pharma-sales": {
			"role-based-access-control/overview#role-assignments", marketing, member,
			Request{Action: "Microsoft.Compute/virtualMachines/read", Scope: group},
			Denied,
		},
		"marketing may not assign roles in pharma-sales": {
			"role-based-access-control/overview#role-assignments", marketing, member,
			Request{Action: "Microsoft.Authorization/roleAssignments/write", Scope: subscription + "/resourceGroups/pharma-sales"},
			Denied,
		},
		"a reader at the group remains a contributor through the subscription": {
			"role-based-access-control/overview#multiple-role-assignments",
			append(at(subscription, "contributor"), at(group, "reader")...), nil,
			Request{Action: "Microsoft.Storage/storageAccounts/write", Scope: account},
			Allowed,
		},
		"what one role leaves out in NotActions another may give": {
			"role-based-access-control/role-definitions#notactions",
			append(at(subscription, "contributor"), at(group, "access")...), nil,
			Request{Action: "Microsoft.Authorization/roleAssignments/write", Scope: account},
			Allowed,
		},
		"Alice, an owner, deletes a container": {
			"role-based-access-control/role-definitions#data-actions-example", at(subscription, "owner"), nil,
			Request{Action: strings.TrimSuffix(blobs, "/blobs") + "/delete", Scope: account},
			Allowed,
		},
		"Alice, an owner, reads no blob": {
			"role-based-access-control/role-definitions#data-actions-example", at(subscription, "owner"), nil,
			Request{Action: blobs + "/read", Data: true, Scope: account},
			Denied,
		},
		"Bob writes containers of his account": {
			"role-based-access-control/role-definitions#data-actions-example", at(account, "blob-contributor"), nil,
			Request{Action: strings.TrimSuffix(blobs, "/blobs") + "/write", Scope: account},
			Allowed,
		},
		"Bob writes blobs of his account": {
			"role-based-access-control/role-definitions#data-actions-example", at(account, "blob-contributor"), nil,
			Request{Action: blobs + "/write", Data: true, Scope: account + "/blobServices/default/containers/c"},
			Allowed,
		},
		"Bob reads no blob of another account": {
			"role-based-access-control/role-definitions#data-actions-example", at(account, "blob-contributor"), nil,
			Request{Action: blobs + "/read", Data: true, Scope: account + "2"},
			Denied,
		},
		"Bob does not manage his account": {
			"role-based-access-control/role-definitions#data-actions-example", at(account, "blob-contributor"), nil,
			Request{Action: "Microsoft.Storage/storageAccounts/write", Scope: account},
			Denied,
		},
		"a reader sees a storage account": {
			"role-based-access-control/role-definitions#control-and-data-actions", at(subscription, "reader"), nil,
			Request{Action: "Microsoft.Storage/storageAccounts/read", Scope: account},
			Allowed,
		},
		"a reader does not see its data": {
			"role-based-access-control/role-definitions#control-and-data-actions", at(subscription, "reader"), nil,
			Request{Action: blobs + "/read", Data: true, Scope: account},
			Denied,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if tt.as == nil {
				tt.as = []string{alice}
			}
			d := Compile(Input{Definitions: documentedRoles(), Assignments: tt.assignments}).Decide(tt.as, tt.r)
			if d.Verdict != tt.want {
				t.Errorf("%s says %s, got %s: %s", documentation+tt.page, tt.want, d.Verdict, d.Reason)
			}
		})
	}
}

func TestDocumentationOfPatternsP27(t *testing.T) {
	tests := map[string]struct{ matched, not []string }{
		// role-based-access-control/role-definitions#actions
		"*/read":                              {[]string{"Microsoft.Compute/disks/read", "Microsoft.Storage/storageAccounts/blobServices/read"}, []string{"Microsoft.Compute/disks/write", "Microsoft.Compute/disks/read/action"}},
		"Microsoft.Compute/*":                 {[]string{"Microsoft.Compute/disks/write", "microsoft.compute/virtualMachines/extensions/delete"}, []string{"Microsoft.ComputeSchedule/x/read", "Microsoft.Network/vnets/read"}},
		"Microsoft.Network/*/read":            {[]string{"Microsoft.Network/virtualNetworks/read", "Microsoft.Network/virtualNetworks/subnets/read"}, []string{"Microsoft.Network/virtualNetworks/write", "Microsoft.Network/read"}},
		"Microsoft.Compute/virtualMachines/*": {[]string{"Microsoft.Compute/virtualMachines/restart/action", "Microsoft.Compute/virtualMachines/extensions/write"}, []string{"Microsoft.Compute/virtualMachineScaleSets/read"}},
		"microsoft.web/sites/restart/Action":  {[]string{"Microsoft.Web/sites/restart/action"}, []string{"Microsoft.Web/sites/slots/restart/action"}},
		// role-based-access-control/custom-roles#wildcard-permissions
		"Microsoft.CostManagement/exports/*": {[]string{"Microsoft.CostManagement/exports/action", "Microsoft.CostManagement/exports/read", "Microsoft.CostManagement/exports/write", "Microsoft.CostManagement/exports/delete", "Microsoft.CostManagement/exports/run/action"}, []string{"Microsoft.CostManagement/query/read"}},
		// role-based-access-control/built-in-roles/general#contributor
		"Microsoft.Authorization/*/Write": {[]string{"Microsoft.Authorization/roleAssignments/write", "Microsoft.Authorization/policyAssignments/write", "Microsoft.Authorization/locks/write"}, []string{"Microsoft.Authorization/roleAssignments/read", "Microsoft.ManagedIdentity/x/write"}},
	}
	for pattern, tt := range tests {
		for _, action := range tt.matched {
			if !Match(pattern, action) {
				t.Errorf("%s does not match %s", pattern, action)
			}
		}
		for _, action := range tt.not {
			if Match(pattern, action) {
				t.Errorf("%s matches %s", pattern, action)
			}
		}
	}
}

func TestDocumentationOfDenyAssignments(t *testing.T) {
	const bob = "bbbbbbbb-0000-0000-0000-000000000001"
	lock := DenyAssignment{Name: "system", Scope: group, Principals: []string{AllPrincipals}, Permissions: []Permission{{
		Actions: []string{"*"}, NotActions: []string{"*/read"}, DataActions: []string{"*"},
	}}}
	but := lock
	but.ExcludePrincipals = []string{bob}
	here := lock
	here.DoNotApplyToChildScopes = true
	write := Request{Action: "Microsoft.Storage/storageAccounts/write", Scope: account}
	tests := map[string]struct {
		page string
		deny DenyAssignment
		as   string
		r    Request
		want Verdict
	}{
		"it blocks what a role grants":               {"overview#deny-assignments", lock, alice, write, Denied},
		"it blocks data actions too":                 {"deny-assignments#deny-assignment-properties", lock, alice, Request{Action: blobs + "/read", Data: true, Scope: account}, Denied},
		"it leaves NotActions alone":                 {"deny-assignments#deny-assignment-properties", lock, alice, Request{Action: "Microsoft.Storage/storageAccounts/read", Scope: account}, Allowed},
		"all principals, except those excluded":      {"deny-assignments#the-all-principals-principal", but, bob, write, Allowed},
		"all principals, except others":              {"deny-assignments#the-all-principals-principal", but, alice, write, Denied},
		"it need not apply to child scopes":          {"deny-assignments#deny-assignment-properties", here, alice, write, Allowed},
		"it then applies at its scope all the same":  {"deny-assignments#deny-assignment-properties", here, alice, Request{Action: write.Action, Scope: group}, Denied},
		"it does not apply to the scope above its":   {"deny-assignments#deny-assignment-properties", lock, alice, Request{Action: write.Action, Scope: subscription}, Allowed},
		"it is not looked at when no role grants it": {"overview#how-azure-rbac-determines-if-a-user-has-access-to-a-resource", lock, team, write, Denied},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			in := Input{Definitions: documentedRoles(), Denies: []DenyAssignment{tt.deny}}
			for _, who := range []string{alice, bob} {
				for _, role := range []string{"owner", "blob-contributor"} {
					in.Assignments = append(in.Assignments, Assignment{PrincipalID: who, RoleDefinitionID: role, Scope: subscription})
				}
			}
			d := Compile(in).Decide([]string{tt.as}, tt.r)
			if d.Verdict != tt.want {
				t.Errorf("%srole-based-access-control/%s says %s, got %s: %s", documentation, tt.page, tt.want, d.Verdict, d.Reason)
			}
		})
	}
}
