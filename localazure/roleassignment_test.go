package localazure_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/authorization/armauthorization/v2"
	"github.com/google/uuid"
)

const (
	readerRole = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
	ownerRole  = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
)

func (w *world) assignments() *armauthorization.RoleAssignmentsClient {
	w.Helper()
	client, err := armauthorization.NewRoleAssignmentsClient(w.server.SubscriptionID(), w, w.sdk())
	if err != nil {
		w.Fatal(err)
	}
	return client
}

func (w *world) role(id string) string {
	return w.subscription() + "/providers/Microsoft.Authorization/roleDefinitions/" + id
}

func TestRoleAssignmentRules(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	user := w.principal("alice", "user")
	scope := w.subscription() + "/resourceGroups/g"
	w.must("PUT", scope, map[string]any{"location": "eastus2"})
	name := uuid.NewString()
	create := func(name, principal, role string, kind armauthorization.PrincipalType) error {
		p := armauthorization.RoleAssignmentCreateParameters{Properties: &armauthorization.RoleAssignmentProperties{
			PrincipalID: to.Ptr(principal), RoleDefinitionID: to.Ptr(w.role(role)),
		}}
		if kind != "" {
			p.Properties.PrincipalType = to.Ptr(kind)
		}
		_, err := w.assignments().Create(ctx, scope, name, p, nil)
		return err
	}
	if err := create(name, user.ObjectID, readerRole, armauthorization.PrincipalTypeUser); err != nil {
		t.Fatal(err)
	}
	for sentence, c := range map[string]struct {
		err  error
		code string
	}{
		"the same again changes nothing":            {create(name, user.ObjectID, readerRole, ""), ""},
		"the same under another name is there":      {create(uuid.NewString(), user.ObjectID, readerRole, ""), "RoleAssignmentExists"},
		"its role cannot be changed":                {create(name, user.ObjectID, ownerRole, ""), "RoleAssignmentUpdateNotPermitted"},
		"its name is a GUID":                        {create("mine", user.ObjectID, readerRole, ""), "InvalidRoleAssignmentId"},
		"the principal is in the directory":         {create(uuid.NewString(), uuid.NewString(), readerRole, ""), "PrincipalNotFound"},
		"the principal is of the type that is said": {create(uuid.NewString(), user.ObjectID, ownerRole, armauthorization.PrincipalTypeServicePrincipal), "UnmatchedPrincipalType"},
		"the role exists":                           {create(uuid.NewString(), user.ObjectID, uuid.NewString(), ""), "RoleDefinitionDoesNotExist"},
	} {
		if got := sdkCode(c.err); got != c.code {
			t.Errorf("%s: %q, want %q", sentence, got, c.code)
		}
	}
	got, err := w.assignments().Get(ctx, scope, name, nil)
	if err != nil {
		t.Fatal(err)
	}
	if *got.Properties.Scope != scope || *got.Properties.PrincipalType != armauthorization.PrincipalTypeUser || *got.Properties.CreatedBy != w.owner.ObjectID {
		t.Errorf("stored %+v", got.Properties)
	}
	if _, err := w.assignments().Delete(ctx, scope, name, nil); err != nil {
		t.Fatal(err)
	}
	if status, _ := w.do(user, "GET", scope, nil); status != http.StatusForbidden {
		t.Errorf("reading after the assignment is gone: %d, want 403", status)
	}
}

func sdkCode(err error) string {
	var e *azcore.ResponseError
	if errors.As(err, &e) {
		return e.ErrorCode
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

func TestListsOfRoleAssignmentsFollowTheFilter(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	group := w.subscription() + "/resourceGroups/g"
	w.must("PUT", group, map[string]any{"location": "eastus2"})
	alice := w.principal("alice", "user", "Reader@g")
	for filter, want := range map[string]string{
		"":          "owner Owner at the subscription, alice Reader at the group",
		"atScope()": "owner Owner at the subscription",
		"principalId eq '" + alice.ObjectID + "'": "alice Reader at the group",
		"assignedTo('" + w.owner.ObjectID + "')":  "owner Owner at the subscription",
	} {
		var got []string
		options := &armauthorization.RoleAssignmentsClientListForScopeOptions{}
		if filter != "" {
			options.Filter = to.Ptr(url.PathEscape(filter)) // this client sends it as it is
		}
		pager := w.assignments().NewListForScopePager(w.subscription(), options)
		for pager.More() {
			page, err := pager.NextPage(ctx)
			if err != nil {
				t.Fatalf("%q: %v", filter, err)
			}
			for _, a := range page.Value {
				who := map[string]string{w.owner.ObjectID: "owner", alice.ObjectID: "alice"}[*a.Properties.PrincipalID]
				what := map[string]string{w.role(ownerRole): "Owner", w.role(readerRole): "Reader"}[*a.Properties.RoleDefinitionID]
				where := map[string]string{w.subscription(): "subscription", group: "group"}[*a.Properties.Scope]
				got = append(got, who+" "+what+" at the "+where)
			}
		}
		if !sameSet(got, strings.Split(want, ", ")) {
			t.Errorf("%q lists %v, want %s", filter, got, want)
		}
	}
}

func sameSet(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	seen := map[string]int{}
	for i := range a {
		seen[a[i]]++
		seen[b[i]]--
	}
	for _, n := range seen {
		if n != 0 {
			return false
		}
	}
	return true
}

// The condition is that of the documented example "constrain roles"; see
// learn.microsoft.com/azure/role-based-access-control/delegate-role-assignments-examples.
func TestAConditionLimitsWhichRolesMayBeAssignedAndRemoved(t *testing.T) {
	w := newWorld(t)
	group := w.subscription() + "/resourceGroups/g"
	w.must("PUT", group, map[string]any{"location": "eastus2"})
	delegate, alice := w.principal("delegate", "user"), w.principal("alice", "user")
	const admin = "f58310d9-a9f6-439a-9e8d-f62e7b41a168"
	condition := "((!(ActionMatches{'Microsoft.Authorization/roleAssignments/write'})) OR (@Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {" + readerRole + "}))" +
		" AND ((!(ActionMatches{'Microsoft.Authorization/roleAssignments/delete'})) OR (@Resource[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {" + readerRole + "}))"
	at := func(name string) string { return group + "/providers/Microsoft.Authorization/roleAssignments/" + name }
	body := func(principal, role string) map[string]any {
		return map[string]any{"properties": map[string]any{"principalId": principal, "roleDefinitionId": w.role(role)}}
	}
	limited := body(delegate.ObjectID, admin)
	limited["properties"].(map[string]any)["condition"] = condition
	limited["properties"].(map[string]any)["conditionVersion"] = "2.0"
	w.must("PUT", at(uuid.NewString()), limited)
	reader, owner := uuid.NewString(), uuid.NewString()
	if status, tree := w.do(delegate, "PUT", at(reader), body(alice.ObjectID, readerRole)); status != http.StatusCreated {
		t.Errorf("assigning the role that the condition names: %d %v, want 201", status, tree)
	}
	if status, tree := w.do(delegate, "PUT", at(owner), body(alice.ObjectID, ownerRole)); status != http.StatusForbidden {
		t.Errorf("assigning another role: %d %v, want 403", status, tree)
	}
	w.must("PUT", at(owner), body(alice.ObjectID, ownerRole))
	if status, tree := w.do(delegate, "DELETE", at(owner), nil); status != http.StatusForbidden {
		t.Errorf("removing another role: %d %v, want 403", status, tree)
	}
	if status, tree := w.do(delegate, "DELETE", at(reader), nil); status != http.StatusOK {
		t.Errorf("removing the role that the condition names: %d %v, want 200", status, tree)
	}
	limited["properties"].(map[string]any)["condition"] = "this is no condition"
	if status, tree := w.do(w.owner, "PUT", at(uuid.NewString()), limited); status != http.StatusBadRequest {
		t.Errorf("a condition that does not parse: %d %v, want 400", status, tree)
	}
}

// TestARoleIsChangedByThoseWhoMayAtAllItsScopes has the owner of a group try to
// change what a role allows at the subscription.
func TestARoleIsChangedByThoseWhoMayAtAllItsScopes(t *testing.T) {
	w := newWorld(t)
	group := w.subscription() + "/resourceGroups/g"
	w.must("PUT", group, map[string]any{"location": "eastus2"})
	alice, mallory := w.principal("alice", "user"), w.principal("mallory", "user", "Owner@g")
	role, own := uuid.NewString(), uuid.NewString()
	body := func(name, scope, allowed string) map[string]any {
		return map[string]any{"properties": map[string]any{
			"roleName": name, "assignableScopes": []string{scope},
			"permissions": []any{map[string]any{"actions": []string{allowed}}},
		}}
	}
	inGroup := func(id string) string { return group + "/providers/Microsoft.Authorization/roleDefinitions/" + id }
	w.must("PUT", w.role(role), body("Lister", w.subscription(), "Microsoft.Resources/subscriptions/resourceGroups/read"))
	w.must("PUT", w.subscription()+"/providers/Microsoft.Authorization/roleAssignments/"+uuid.NewString(), map[string]any{
		"properties": map[string]any{"principalId": alice.ObjectID, "roleDefinitionId": w.role(role)},
	})
	for name, c := range map[string]struct {
		method, path string
		body         any
	}{
		"the same role, as one of the group": {"PUT", inGroup(role), body("Lister", group, "*")},
		"by another name":                    {"PUT", inGroup(role), body("Mine", group, "*")},
		"a role for the whole subscription":  {"PUT", inGroup(uuid.NewString()), body("Wide", w.subscription(), "*")},
		"the role where it was written":      {"PUT", w.role(role), body("Lister", w.subscription(), "*")},
	} {
		if status, tree := w.do(mallory, c.method, c.path, c.body); status != http.StatusForbidden {
			t.Errorf("%s: %d %v, want 403", name, status, tree)
		}
	}
	if status, tree := w.do(mallory, "PUT", inGroup(own), body("Own", group, "*")); status != http.StatusCreated {
		t.Errorf("a role for the group alone: %d %v, want 201", status, tree)
	}
	wider := map[string]any{"properties": map[string]any{"assignableScopes": []string{w.subscription()}}}
	if status, tree := w.do(mallory, "PATCH", inGroup(own), wider); status != http.StatusForbidden {
		t.Errorf("making a role of one's own wider: %d %v, want 403", status, tree)
	}
	if status, _ := w.do(alice, "PUT", w.subscription()+"/resourceGroups/loot", map[string]any{"location": "eastus2"}); status != http.StatusForbidden {
		t.Errorf("what the role allows has changed: %d, want 403", status)
	}

	// Who may everywhere has one role, whatever scope it was addressed at.
	w.must("PUT", inGroup(role), body("Lister", w.subscription(), "Microsoft.Authorization/*/read"))
	if status, _ := w.do(alice, "GET", w.subscription()+"/resourceGroups", nil); status != http.StatusForbidden {
		t.Errorf("the role as it was before still counts: %d, want 403", status)
	}
}

func TestACustomRoleIsAssignedAndCannotBeRemovedWhileItIs(t *testing.T) {
	w := newWorld(t)
	alice := w.principal("alice", "user")
	role, name := uuid.NewString(), uuid.NewString()
	definition := map[string]any{"properties": map[string]any{
		"roleName": "Group Lister", "assignableScopes": []string{w.subscription()},
		"permissions": []any{map[string]any{"actions": []string{"Microsoft.Resources/subscriptions/resourceGroups/read"}}},
	}}
	w.must("PUT", w.role(role), definition)
	w.must("PUT", w.subscription()+"/providers/Microsoft.Authorization/roleAssignments/"+name, map[string]any{
		"properties": map[string]any{"principalId": alice.ObjectID, "roleDefinitionId": w.role(role)},
	})
	if status, tree := w.do(alice, "GET", w.subscription()+"/resourceGroups", nil); status != http.StatusOK {
		t.Errorf("using the custom role: %d %v", status, tree)
	}
	if _, tree := w.do(w.owner, "DELETE", w.role(role), nil); code(tree) != "RoleDefinitionHasAssignments" {
		t.Errorf("removing an assigned role: %v", tree)
	}
	if _, tree := w.do(w.owner, "PUT", w.role(uuid.NewString()), definition); code(tree) != "RoleDefinitionWithSameNameExists" {
		t.Errorf("a second role of that name: %v", tree)
	}
	w.must("DELETE", w.subscription()+"/providers/Microsoft.Authorization/roleAssignments/"+name, nil)
	w.must("DELETE", w.role(role), nil)
	tree := w.must("GET", w.subscription()+"/providers/Microsoft.Authorization/roleDefinitions?api-version=2022-04-01&$filter=roleName%20eq%20'Reader'", nil)
	if list, _ := tree["value"].([]any); len(list) != 1 || list[0].(map[string]any)["name"] != readerRole {
		t.Errorf("finding a role by name: %v", tree)
	}
}
