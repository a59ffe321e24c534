package rbac

import (
	"strings"
	"testing"
)

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
