package localazure_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kars-dev/kars/localazure"
)

const stackVersion = "?api-version=2024-03-01"

func stackID(scope string) string {
	return scope + "/providers/Microsoft.Resources/deploymentStacks/guard"
}

// stack is a stack's body, of identities with these names.
func stack(settings object, names ...string) object {
	resources := []any{}
	for _, name := range names {
		resources = append(resources, object{"type": "Microsoft.ManagedIdentity/userAssignedIdentities", "apiVersion": "2023-01-31", "name": name, "location": "eastus2"})
	}
	return object{"properties": object{
		"actionOnUnmanage": object{"resources": "delete"}, "denySettings": settings,
		"template": object{
			"$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#", "contentVersion": "1.0.0.0", "resources": resources,
		},
	}}
}

func identityID(group, name string) string {
	return group + "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/" + name
}

// denies lists the names of the resources that deny assignments at, above and
// below a scope are on.
func (w *world) denies(scope, filter string) []string {
	w.Helper()
	tree := w.must("GET", scope+"/providers/Microsoft.Authorization/denyAssignments?api-version=2022-04-01&$filter="+filter, nil)
	list, _ := tree["value"].([]any)
	var at []string
	for _, raw := range list {
		d, _ := raw.(object)
		properties, _ := d["properties"].(object)
		scope := fmt.Sprint(properties["scope"])
		at = append(at, scope[strings.LastIndex(scope, "/")+1:])
	}
	slices.Sort(at)
	return at
}

func TestStacksDenyWhatTheirSettingsSayP5(t *testing.T) {
	for name, c := range map[string]struct {
		settings object
		method   string
		path     string // below the identity
		exclude  bool   // the one who asks
		denied   string // the action
	}{
		"denyDelete refuses to delete":                          {object{"mode": "denyDelete"}, "DELETE", "", false, "delete"},
		"denyDelete lets write":                                 {object{"mode": "denyDelete"}, "PUT", "", false, ""},
		"denyWriteAndDelete refuses to delete":                  {object{"mode": "denyWriteAndDelete"}, "DELETE", "", false, "delete"},
		"denyWriteAndDelete refuses to write":                   {object{"mode": "DenyWriteAndDelete"}, "PUT", "", false, "write"},
		"denyWriteAndDelete lets read":                          {object{"mode": "denyWriteAndDelete"}, "GET", "", false, ""},
		"who is excluded may write":                             {object{"mode": "denyWriteAndDelete"}, "PUT", "", true, ""},
		"an action that is excluded may be done":                {object{"mode": "denyDelete", "excludedActions": []any{"Microsoft.ManagedIdentity/userAssignedIdentities/delete"}}, "DELETE", "", false, ""},
		"children are free":                                     {object{"mode": "denyWriteAndDelete"}, "PUT", "/federatedIdentityCredentials/fic", false, ""},
		"children are denied where the settings apply to them":  {object{"mode": "denyWriteAndDelete", "applyToChildScopes": true}, "PUT", "/federatedIdentityCredentials/fic", false, "federatedIdentityCredentials/write"},
		"the mode none denies nothing":                          {object{"mode": "none"}, "DELETE", "", false, ""},
		"a lock may be taken away from what is denied entirely": {object{"mode": "denyWriteAndDelete", "applyToChildScopes": true}, "DELETE", "/providers/Microsoft.Authorization/locks/none", false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			group := w.subscription() + "/resourceGroups/g"
			w.must("PUT", group, object{"location": "eastus2"})
			ada := w.principal("ada", "sp", "Owner")
			if c.exclude {
				c.settings["excludedPrincipals"] = []any{ada.ObjectID}
			}
			w.must("PUT", stackID(group)+stackVersion, stack(c.settings, "kept"))
			id := identityID(group, "kept")
			body := object{"location": "eastus2"}
			if strings.Contains(c.path, "federated") {
				body = object{"properties": object{"issuer": "https://i.example/", "subject": "s", "audiences": []any{"a"}}}
			}
			status, tree := w.do(ada, c.method, id+c.path, body)
			if c.denied == "" {
				if status >= 300 {
					t.Errorf("%d %v", status, tree)
				}
				return
			}
			if status != 403 || code(tree) != "DenyAssignmentAuthorizationFailed" ||
				!strings.Contains(message(tree), "'Microsoft.ManagedIdentity/userAssignedIdentities/"+c.denied+"'") ||
				!strings.Contains(message(tree), "created by Deployment Stack '"+stackID(group)+"'") {
				t.Errorf("%d %v", status, tree)
			}
		})
	}
}

func TestAStackKeepsWhatItsTemplateHasP5(t *testing.T) {
	w := newWorld(t)
	group := w.subscription() + "/resourceGroups/g"
	w.must("PUT", group, object{"location": "eastus2"})
	settings := object{"mode": "denyWriteAndDelete"}
	exists := func(name string) bool {
		status, _ := w.do(w.owner, "GET", identityID(group, name), nil)
		return status == 200
	}

	w.must("PUT", stackID(group)+stackVersion, stack(settings, "aaa", "bbb"))
	if diff := cmp.Diff([]string{"aaa", "bbb"}, w.denies(group, "")); diff != "" {
		t.Errorf("denied (-want +got):\n%s", diff)
	}
	if above := w.denies(group, "atScope()"); above != nil {
		t.Errorf("at the group itself %v are denied", above)
	}
	if diff := cmp.Diff([]string{"aaa"}, w.denies(identityID(group, "aaa"), "atScope()")); diff != "" {
		t.Errorf("denied at a (-want +got):\n%s", diff)
	}

	// What the next template leaves out is deleted: nobody else could have.
	w.must("PUT", stackID(group)+stackVersion, stack(settings, "bbb", "ccc"))
	if diff := cmp.Diff([]string{"bbb", "ccc"}, w.denies(group, "")); diff != "" || exists("aaa") || !exists("ccc") {
		t.Errorf("a is there: %t, c: %t; denied (-want +got):\n%s", exists("aaa"), exists("ccc"), diff)
	}
	tree := w.must("GET", stackID(group)+stackVersion, nil)
	properties, _ := tree["properties"].(object)
	want := object{
		"provisioningState": "succeeded",
		"resources": []any{
			object{"id": identityID(group, "bbb"), "status": "managed", "denyStatus": "denyWriteAndDelete"},
			object{"id": identityID(group, "ccc"), "status": "managed", "denyStatus": "denyWriteAndDelete"},
		},
		"deletedResources": []any{object{"id": identityID(group, "aaa")}}, "detachedResources": []any{}, "failedResources": []any{},
		"denySettings": object{"mode": "denyWriteAndDelete", "excludedPrincipals": []any{}, "excludedActions": []any{}, "applyToChildScopes": false},
	}
	got := object{}
	for key := range want {
		got[key] = properties[key]
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}

	status, header, tree := w.exchange(w.owner, "DELETE", stackID(group)+stackVersion+"&unmanageAction.Resources=detach", nil)
	if status != 202 {
		t.Fatalf("deleting the stack: %d %v", status, tree)
	}
	w.await(header.Get("Azure-AsyncOperation"))
	if left := w.denies(group, ""); left != nil || !exists("bbb") {
		t.Errorf("without the stack %v are denied, b is there: %t", left, exists("bbb"))
	}
	if status, tree := w.do(w.owner, "DELETE", identityID(group, "bbb"), nil); status != 200 {
		t.Errorf("deleting what no stack protects: %d %v", status, tree)
	}
}

func TestAStackOfTheSubscriptionProtectsAGroupP5(t *testing.T) {
	w := newWorld(t)
	body := stack(object{"mode": "denyWriteAndDelete", "applyToChildScopes": true})
	body["location"] = "eastus2"
	properties, _ := body["properties"].(object)
	properties["template"] = object{
		"$schema": "https://schema.management.azure.com/schemas/2018-05-01/subscriptionDeploymentTemplate.json#", "contentVersion": "1.0.0.0",
		"resources": []any{object{"type": "Microsoft.Resources/resourceGroups", "apiVersion": "2021-04-01", "name": "kept", "location": "eastus2"}},
	}
	w.must("PUT", stackID(w.subscription())+stackVersion, body)
	group := w.subscription() + "/resourceGroups/kept"
	if status, tree := w.do(w.owner, "PUT", identityID(group, "new"), object{"location": "eastus2"}); code(tree) != "DenyAssignmentAuthorizationFailed" {
		t.Errorf("writing into the group: %d %v", status, tree)
	}
	if diff := cmp.Diff([]string{"kept"}, w.denies(group, "atScope()")); diff != "" {
		t.Errorf("denied (-want +got):\n%s", diff)
	}
	status, header, tree := w.exchange(w.owner, "DELETE", stackID(w.subscription())+stackVersion+"&unmanageAction.Resources=delete&unmanageAction.ResourceGroups=delete", nil)
	if status != 202 {
		t.Fatalf("deleting the stack: %d %v", status, tree)
	}
	w.await(header.Get("Azure-AsyncOperation"))
	if status, _ := w.do(w.owner, "GET", group, nil); status != 404 {
		t.Errorf("the group is there: %d", status)
	}
}

func TestStacksAreRefusedThatMayNotBeOrAreWrongP5(t *testing.T) {
	w := newWorld(t)
	group := w.subscription() + "/resourceGroups/g"
	w.must("PUT", group, object{"location": "eastus2"})
	contributor := w.principal("as-contributor", "sp", "Contributor")
	deny, none := object{"mode": "denyDelete"}, object{"mode": "none"}
	without := func(key string) object {
		body := stack(none, "kept")
		properties, _ := body["properties"].(object)
		delete(properties, key)
		return body
	}
	for _, c := range []struct {
		name string
		as   localazure.Credential
		at   string
		body object
		want string
	}{
		{"a contributor who denies", contributor, group, stack(deny, "kept"), "AuthorizationFailed"},
		{"an unknown mode", w.owner, group, stack(object{"mode": "deny"}, "kept"), "InvalidRequestContent"},
		{"more principals than five", w.owner, group, stack(object{"mode": "denyDelete", "excludedPrincipals": []any{"1", "2", "3", "4", "5", "6"}}, "kept"), "InvalidRequestContent"},
		{"no word on what is left out", w.owner, group, without("actionOnUnmanage"), "InvalidRequestContent"},
		{"no template", w.owner, group, without("template"), "InvalidTemplate"},
		{"no location at a subscription", w.owner, w.subscription(), stack(none, "kept"), "LocationRequired"},
		{"a contributor who denies nothing", contributor, group, stack(none, "kept"), ""},
		{"an owner who denies", w.owner, group, stack(deny, "kept"), ""},
		{"a contributor who no longer denies", contributor, group, stack(none, "kept"), "AuthorizationFailed"},
	} {
		status, header, tree := w.exchange(c.as, "PUT", stackID(c.at)+stackVersion, c.body)
		if code(tree) != c.want {
			t.Errorf("%s: %d %v", c.name, status, tree)
		}
		if poll := header.Get("Azure-AsyncOperation"); poll != "" {
			w.await(poll)
		}
	}
	if status, tree := w.do(contributor, "DELETE", stackID(group)+stackVersion, nil); code(tree) != "AuthorizationFailed" || !strings.Contains(message(tree), "manageDenySetting/action") {
		t.Errorf("a contributor deletes: %d %v", status, tree)
	}
	if status, tree := w.do(w.owner, "PUT", group+"/providers/Microsoft.Authorization/denyAssignments/x", object{}); status != 405 {
		t.Errorf("writing a deny assignment: %d %v", status, tree)
	}
	tree := w.must("GET", group+"/providers/Microsoft.Resources/deploymentStacks"+stackVersion, nil)
	if names(tree) != "guard" {
		t.Errorf("stacks %v", tree)
	}
}
