package localazure_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const lockVersion = "?api-version=2020-05-01"

func lockPath(scope, name string) string {
	return scope + "/providers/Microsoft.Authorization/locks/" + name + lockVersion
}

func lockBody(level string) map[string]any {
	return map[string]any{"properties": map[string]any{"level": level, "notes": "kept"}}
}

// registry makes a group with a container registry, and returns their ids.
func (w *world) registry() (group, registry string) {
	w.Helper()
	group = w.subscription() + "/resourceGroups/g"
	registry = group + "/providers/Microsoft.ContainerRegistry/registries/locked12345"
	w.must("PUT", group, map[string]any{"location": "eastus2"})
	w.must("PUT", registry, map[string]any{"location": "eastus2", "sku": map[string]any{"name": "Basic"}})
	return group, registry
}

func TestLocksRefuseWhatTheirLevelForbidsP17(t *testing.T) {
	const operation = "The scope '%s' cannot perform %s operation because following scope(s) are locked: '%s'. Please remove the lock and try again."
	for name, c := range map[string]struct {
		level  string
		at     string // what is locked: subscription, group or registry
		method string
		path   string // below the registry, or an absolute path
		want   string // the operation that is refused, or ""
	}{
		"CanNotDelete at a group lets a resource be read":              {"CanNotDelete", "group", "GET", "", ""},
		"CanNotDelete at a group lets a resource be written":           {"CanNotDelete", "group", "PUT", "", ""},
		"CanNotDelete at a group keeps a resource from being deleted":  {"CanNotDelete", "group", "DELETE", "", "delete"},
		"CanNotDelete at a resource keeps its group from it too":       {"CanNotDelete", "registry", "DELETE", "group", "delete"},
		"CanNotDelete at the subscription is inherited":                {"CanNotDelete", "subscription", "DELETE", "", "delete"},
		"ReadOnly lets a resource be read":                             {"ReadOnly", "group", "GET", "", ""},
		"ReadOnly refuses to write":                                    {"ReadOnly", "group", "PUT", "", "write"},
		"ReadOnly refuses to patch":                                    {"ReadOnly", "registry", "PATCH", "", "write"},
		"ReadOnly refuses to delete":                                   {"ReadOnly", "subscription", "DELETE", "", "delete"},
		"ReadOnly refuses posts, as to import an image":                {"ReadOnly", "registry", "POST", "/importImage", "write"},
		"ReadOnly refuses to assign a role":                            {"ReadOnly", "registry", "PUT", "/providers/Microsoft.Authorization/roleAssignments/11111111-1111-1111-1111-111111111111", "write"},
		"ReadOnly at the subscription refuses to register a provider":  {"ReadOnly", "subscription", "POST", "register", "write"},
		"ReadOnly at a resource leaves the group alone":                {"ReadOnly", "registry", "PUT", "group", ""},
		"ReadOnly at a group leaves other groups alone":                {"ReadOnly", "group", "PUT", "other", ""},
		"ReadOnly lets a name be checked, as the role Reader does":     {"ReadOnly", "subscription", "POST", "check", ""},
		"ReadOnly lets another lock be set, and so taken away as well": {"ReadOnly", "group", "PUT", "/providers/Microsoft.Authorization/locks/more", ""},
		"a lock that names no level forbids nothing":                   {"NotSpecified", "group", "DELETE", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			group, registry := w.registry()
			scopes := map[string]string{"subscription": w.subscription(), "group": group, "registry": registry}
			locked := scopes[c.at]
			w.must("PUT", lockPath(locked, "keep"), lockBody(c.level))

			path, body := registry+c.path, map[string]any{"location": "eastus2", "sku": map[string]any{"name": "Basic"}}
			target := path
			switch c.path {
			case "group":
				path, target = group, group
			case "other":
				path = w.subscription() + "/resourceGroups/other"
			case "register":
				path, target = w.subscription()+"/providers/Microsoft.KeyVault/register", w.subscription()
			case "check":
				path, body = w.subscription()+"/providers/Microsoft.ContainerRegistry/checkNameAvailability", map[string]any{"name": "kars12345", "type": "Microsoft.ContainerRegistry/registries"}
			case "/importImage":
				target = registry
			}
			if strings.Contains(c.path, "/locks/") {
				body = lockBody("CanNotDelete")
			}
			status, tree := w.do(w.owner, c.method, path, body)
			if c.want == "" {
				if status >= 300 {
					t.Fatalf("%d %v", status, tree)
				}
				return
			}
			if want := fmt.Sprintf(operation, target, c.want, locked); status != 409 || code(tree) != "ScopeLocked" || message(tree) != want {
				t.Fatalf("%d %v\nwant %s", status, tree, want)
			}
			if status, tree := w.do(w.owner, "DELETE", lockPath(locked, "keep"), nil); status != 204 {
				t.Fatalf("taking the lock away: %d %v", status, tree)
			}
			if status, tree := w.do(w.owner, c.method, path, body); code(tree) == "ScopeLocked" {
				t.Errorf("without the lock: %d %v", status, tree)
			}
		})
	}
}

func TestLocksAreListedWhereTheyHoldP17(t *testing.T) {
	w := newWorld(t)
	group, registry := w.registry()
	for scope, name := range map[string]string{w.subscription(): "above", group: "here", registry: "below"} {
		tree := w.must("PUT", lockPath(scope, name), lockBody("cannotdelete"))
		want := map[string]any{
			"id": strings.TrimSuffix(lockPath(scope, name), lockVersion), "name": name, "type": "Microsoft.Authorization/locks",
			"properties": map[string]any{"level": "CanNotDelete", "notes": "kept"},
		}
		if diff := cmp.Diff(want, tree); diff != "" {
			t.Errorf("the lock %s (-want +got):\n%s", name, diff)
		}
	}
	for name, c := range map[string]struct {
		scope, filter string
		want          []string
	}{
		"at a group with what lies below":          {group, "", []string{"above", "here", "below"}},
		"at a group":                               {group, "atScope()", []string{"above", "here"}},
		"at a resource":                            {registry, "atScope()", []string{"above", "here", "below"}},
		"at the subscription with all in it":       {w.subscription(), "", []string{"above", "here", "below"}},
		"at the subscription alone":                {w.subscription(), "atScope()", []string{"above"}},
		"at a group that does not exist so far":    {w.subscription() + "/resourceGroups/new", "atScope()", []string{"above"}},
		"at a resource that does not exist so far": {registry + "2", "atScope()", []string{"above", "here"}},
	} {
		t.Run(name, func(t *testing.T) {
			status, tree := w.do(w.owner, "GET", c.scope+"/providers/Microsoft.Authorization/locks"+lockVersion+"&$filter="+c.filter, nil)
			list, _ := tree["value"].([]any)
			var got []string
			for _, l := range list {
				lock, _ := l.(map[string]any)
				got = append(got, fmt.Sprint(lock["name"]))
			}
			if diff := cmp.Diff(c.want, got, cmpopts.SortSlices(strings.Compare)); diff != "" || status != 200 {
				t.Errorf("%d (-want +got):\n%s", status, diff)
			}
		})
	}
	if status, tree := w.do(w.owner, "PUT", lockPath(group, "odd"), lockBody("Frozen")); status != 400 {
		t.Errorf("a level that there is not: %d %v", status, tree)
	}
}

func TestLocksAreSetByOwnersAndUserAccessAdministratorsP17(t *testing.T) {
	w := newWorld(t)
	group, _ := w.registry()
	for role, allowed := range map[string]bool{"Owner": true, "User Access Administrator": true, "Contributor": false, "Reader": false} {
		c := w.principal("as-"+strings.ReplaceAll(strings.ToLower(role), " ", "-"), "sp", role)
		status, tree := w.do(c, "PUT", lockPath(group, "mine"), lockBody("CanNotDelete"))
		if allowed != (status < 300) || !allowed && !strings.Contains(message(tree), "'Microsoft.Authorization/locks/write'") {
			t.Errorf("%s sets a lock: %d %v", role, status, tree)
		}
		if status, tree := w.do(c, "GET", lockPath(group, "mine"), nil); status != 200 && status != 404 {
			t.Errorf("%s reads a lock: %d %v", role, status, tree)
		}
		status, tree = w.do(c, "DELETE", lockPath(group, "mine"), nil)
		if allowed != (status < 300) || !allowed && !strings.Contains(message(tree), "'Microsoft.Authorization/locks/delete'") {
			t.Errorf("%s takes a lock away: %d %v", role, status, tree)
		}
	}
}
