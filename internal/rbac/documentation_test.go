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

// only makes the condition of the documented shape: the expression must hold
// for these actions, and every other is free.
func only(expression string, actions ...string) string {
	var guards []string
	for _, a := range actions {
		guards = append(guards, "!("+a+")")
	}
	return "((" + strings.Join(guards, " AND ") + ") OR (" + expression + "))"
}

func action(name string) string { return "ActionMatches{'" + name + "'}" }

func TestDocumentationOfConditions(t *testing.T) {
	const (
		backupContributor = "5e467623-bb1f-42f4-a55d-6e525e11384b"
		backupReader      = "a795c7a0-d4a2-40c1-ae25-d81f01202912"
		marketing         = "28c35fea-2099-4cf5-8ad9-473547bc9423"
		assign            = "Microsoft.Authorization/roleAssignments/write"
		unassign          = "Microsoft.Authorization/roleAssignments/delete"
		principalID       = "Microsoft.Authorization/roleAssignments:PrincipalId"
		project           = blobs + "/tags:Project<$key_case_sensitive$>"
		containerName     = "Microsoft.Storage/storageAccounts/blobServices/containers:name"
	)
	roles := "ForAnyOfAnyValues:GuidEquals {" + backupContributor + ", " + backupReader + "}"
	constrained := only("@Request["+roleAttribute+"] "+roles, action(assign)) + " AND " + only("@Resource["+roleAttribute+"] "+roles, action(unassign))
	groups := only("@Request["+roleAttribute+"] "+roles+" AND @Request["+principalID+"] ForAnyOfAnyValues:GuidEquals {"+marketing+"}", action(assign))
	noEscalation := only("@Request["+roleAttribute+"] ForAnyOfAllValues:GuidNotEquals {"+owner+", 18d7d88d-d35e-4fb5-a5c3-7773c20a72d9, f58310d9-a9f6-439a-9e8d-f62e7b41a168}", action(assign))
	readTagged := only("@Resource["+project+"] StringEquals 'Cascade'", action(blobs+"/read")+" AND NOT SubOperationMatches{'Blob.List'}")
	newTagged := only("@Request["+project+"] StringEquals 'Cascade'",
		action(blobs+"/write")+" AND SubOperationMatches{'Blob.Write.WithTagHeaders'}", action(blobs+"/add/action")+" AND SubOperationMatches{'Blob.Write.WithTagHeaders'}")
	tagKeys := only("@Request["+blobs+"/tags&$keys$&] ForAllOfAnyValues:StringEquals {'Project', 'Program'}", action(blobs+"/tags/write"))
	inContainer := only("@Resource["+containerName+"] StringEquals 'blobs-example-container'", action(blobs+"/read"), action(blobs+"/write"))
	versions := only("@Request[versionId] DateTimeEquals '2022-06-01T00:00:00.0Z' OR NOT Exists @Request[versionId]", action(blobs+"/read"))

	one := func(name string, v interface{}) map[string]interface{} { return map[string]interface{}{name: v} }
	tests := map[string]struct {
		page, condition string
		r               Request
		want            Truth
	}{
		"a delegate gives a role of the list":                      {"delegate-role-assignments-examples#example-constrain-roles", constrained, Request{Action: assign, Attributes: one(roleAttribute, backupReader)}, True},
		"a delegate gives no other role":                           {"delegate-role-assignments-examples#example-constrain-roles", constrained, Request{Action: assign, Attributes: one(roleAttribute, owner)}, False},
		"a delegate takes a role of the list away":                 {"delegate-role-assignments-examples#example-constrain-roles", constrained, Request{Action: unassign, Attributes: one("@Resource["+roleAttribute+"]", backupContributor)}, True},
		"a delegate takes no other role away":                      {"delegate-role-assignments-examples#example-constrain-roles", constrained, Request{Action: unassign, Attributes: one("@Resource["+roleAttribute+"]", owner)}, False},
		"a delegate reads role assignments":                        {"delegate-role-assignments-examples#example-constrain-roles", constrained, Request{Action: "Microsoft.Authorization/roleAssignments/read"}, True},
		"a delegate gives it to a group of the list":               {"delegate-role-assignments-examples#example-constrain-roles-and-specific-groups", groups, Request{Action: assign, Attributes: map[string]interface{}{roleAttribute: backupReader, principalID: marketing}}, True},
		"a delegate gives it to nobody else":                       {"delegate-role-assignments-examples#example-constrain-roles-and-specific-groups", groups, Request{Action: assign, Attributes: map[string]interface{}{roleAttribute: backupReader, principalID: alice}}, False},
		"a delegate gives most roles":                              {"delegate-role-assignments-examples#example-allow-most-roles-but-dont-allow-others-to-assign-roles", noEscalation, Request{Action: assign, Attributes: one(roleAttribute, acrPull)}, True},
		"a delegate gives no role that gives roles":                {"delegate-role-assignments-examples#example-allow-most-roles-but-dont-allow-others-to-assign-roles", noEscalation, Request{Action: assign, Attributes: one(roleAttribute, owner)}, False},
		"a tagged blob is read":                                    {"../storage/blobs/storage-auth-abac-examples#example-read-blobs-with-a-blob-index-tag", readTagged, Request{Action: blobs + "/read", Data: true, Attributes: one(project, "Cascade")}, True},
		"a blob with another tag is not read":                      {"../storage/blobs/storage-auth-abac-examples#example-read-blobs-with-a-blob-index-tag", readTagged, Request{Action: blobs + "/read", Data: true, Attributes: one(project, "Baker")}, False},
		"a blob without a tag is not read":                         {"../storage/blobs/storage-auth-abac-examples#example-read-blobs-with-a-blob-index-tag", readTagged, Request{Action: blobs + "/read", Data: true, Attributes: one(project, nil)}, False},
		"blobs are listed without regard to tags":                  {"../storage/blobs/storage-auth-abac-examples#example-read-blobs-with-a-blob-index-tag", readTagged, Request{Action: blobs + "/read", Data: true, SubOperation: "Blob.List"}, True},
		"a new blob has the tag":                                   {"../storage/blobs/storage-auth-abac-examples#example-new-blobs-must-include-a-blob-index-tag", newTagged, Request{Action: blobs + "/write", SubOperation: "Blob.Write.WithTagHeaders", Attributes: one(project, "Cascade")}, True},
		"a new blob with another tag is refused":                   {"../storage/blobs/storage-auth-abac-examples#example-new-blobs-must-include-a-blob-index-tag", newTagged, Request{Action: blobs + "/add/action", SubOperation: "Blob.Write.WithTagHeaders", Attributes: one(project, "Baker")}, False},
		"tags whose keys are all in the list are written":          {"../storage/blobs/storage-auth-abac-examples#example-existing-blobs-must-have-blob-index-tag-keys", tagKeys, Request{Action: blobs + "/tags/write", Attributes: one(blobs+"/tags&$keys$&", []string{"Program"})}, True},
		"tags of which one key is not in the list are refused":     {"../storage/blobs/storage-auth-abac-examples#example-existing-blobs-must-have-blob-index-tag-keys", tagKeys, Request{Action: blobs + "/tags/write", Attributes: one(blobs+"/tags&$keys$&", []string{"Program", "Mine"})}, False},
		"a blob of the named container is read":                    {"conditions-format#simple-condition", inContainer, Request{Action: blobs + "/read", Attributes: one(containerName, "blobs-example-container")}, True},
		"a blob of another container is not":                       {"conditions-format#simple-condition", inContainer, Request{Action: blobs + "/read", Attributes: one(containerName, "other")}, False},
		"an action that the condition does not name is free":       {"conditions-format#how-a-condition-is-evaluated", inContainer, Request{Action: blobs + "/delete", Attributes: one(containerName, "other")}, True},
		"a version is compared with the same instant":              {"conditions-format#or", versions, Request{Action: blobs + "/read", Attributes: one("versionId", "2022-06-01T00:00:00Z")}, True},
		"without a version its absence is what counts":             {"conditions-format#or", versions, Request{Action: blobs + "/read", Attributes: one("versionId", nil)}, True},
		"another version is not read":                              {"conditions-format#or", versions, Request{Action: blobs + "/read", Attributes: one("versionId", "2023-06-01T00:00:00Z")}, False},
		"what nobody knows of the request, nobody can decide":      {"conditions-format#how-a-condition-is-evaluated", inContainer, Request{Action: blobs + "/read"}, UnknownTruth},
		"an expression's order is never guessed, so it parses not": {"conditions-format#grouping-and-precedence", "Exists @Request[a] AND Exists @Request[b] OR Exists @Request[c]", Request{}, UnknownTruth},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			g := compileGuard(tt.condition, "2.0")
			if got, why := g.holds(&tt.r); got != tt.want {
				t.Errorf("%srole-based-access-control/%s says %s, got %s (%s)", documentation, tt.page, tt.want, got, why)
			}
		})
	}
}
