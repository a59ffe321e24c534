package graph_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kars-dev/kars/localazure/directory"
)

func TestU25DirectoryRolesAreFoundDirectlyAndThroughNestedGroups(t *testing.T) {
	w := newWorld(t)
	direct := w.user("direct", directory.KarsAppID, directory.AgentIDAdministrator)
	nested := w.user("nested", directory.KarsAppID)
	err := w.directory.Update(func(t *directory.Tx) error {
		inner, err := t.CreateGroup(directory.NewGroup{DisplayName: "inner"})
		if err != nil {
			return err
		}
		outer, err := t.CreateGroup(directory.NewGroup{DisplayName: "outer", Assignable: true})
		if err != nil {
			return err
		}
		for _, m := range [][2]string{{inner.ID, nested.ID}, {outer.ID, inner.ID}, {inner.ID, outer.ID}} {
			if err := t.AddMember(m[0], m[1]); err != nil {
				return err
			}
		}
		return t.AssignDirectoryRole(outer.ID, directory.AgentIDDeveloper)
	})
	if err != nil {
		t.Fatal(err)
	}
	templates := func(who person, path string) []any {
		t.Helper()
		var out []any
		for _, v := range w.ok(who, 200, "GET", path, nil)["value"].([]any) {
			out = append(out, v.(tree)["roleTemplateId"])
		}
		return out
	}
	const roles = "/v1.0/me/transitiveMemberOf/microsoft.graph.directoryRole?$select=roleTemplateId"
	if diff := cmp.Diff([]any{directory.AgentIDAdministrator}, templates(direct, roles)); diff != "" {
		t.Errorf("roles held directly (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]any{directory.AgentIDDeveloper}, templates(nested, roles)); diff != "" {
		t.Errorf("roles held through groups (-want +got):\n%s", diff)
	}
	if got := templates(nested, "/v1.0/me/memberOf/microsoft.graph.directoryRole"); len(got) != 0 {
		t.Errorf("memberOf = %v, want none held directly", got)
	}
	if all := w.ok(nested, 200, "GET", "/v1.0/me/transitiveMemberOf", nil)["value"].([]any); len(all) != 3 {
		t.Errorf("transitiveMemberOf has %d objects, want two groups and a role", len(all))
	}
	w.refused(w.app("robot"), 403, "Authorization_RequestDenied", "GET", "/v1.0/users/"+direct.ID+"/transitiveMemberOf", nil)
	w.ok(w.app("reader", "Directory.Read.All"), 200, "GET", "/v1.0/users/"+direct.ID+"/transitiveMemberOf", nil)
}

func TestU25AServicePrincipalsRolesAreFoundThroughItsGroup(t *testing.T) {
	w := newWorld(t)
	robot := w.app("robot", "RoleManagement.Read.Directory")
	err := w.directory.Update(func(t *directory.Tx) error {
		g, err := t.CreateGroup(directory.NewGroup{DisplayName: "robots", Assignable: true})
		if err == nil {
			err = t.AddMember(g.ID, robot.ID)
		}
		if err == nil {
			err = t.AssignDirectoryRole(g.ID, directory.AgentIDAdministrator)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	const cast = "/microsoft.graph.directoryRole"
	held := w.ok(robot, 200, "GET", "/v1.0/servicePrincipals/"+robot.ID+"/transitiveMemberOf"+cast, nil)["value"].([]any)
	if len(held) != 1 || held[0].(tree)["roleTemplateId"] != directory.AgentIDAdministrator {
		t.Errorf("roles %v, want the one that its group has", held)
	}
	if direct := w.ok(robot, 200, "GET", "/v1.0/servicePrincipals/"+robot.ID+"/memberOf"+cast, nil)["value"].([]any); len(direct) != 0 {
		t.Errorf("roles held directly: %v", direct)
	}
	active := w.ok(robot, 200, "GET", assignments+mine, nil)["value"].([]any)
	if len(active) != 1 || active[0].(tree)["memberType"] != "Group" || active[0].(tree)["endDateTime"] != nil {
		t.Errorf("active %v", active)
	}
}

func TestGraphTellsWhoAsks(t *testing.T) {
	w := newWorld(t)
	user := w.user("someone", directory.KarsAppID)
	me := w.ok(user, 200, "GET", "/v1.0/me?$select=id,userPrincipalName", nil)
	if me["id"] != user.ID || me["userPrincipalName"] != user.UPN || me["displayName"] != nil {
		t.Errorf("me = %v, want the id and name of %s alone", me, user.UPN)
	}
	w.refused(w.app("robot"), 400, "Request_BadRequest", "GET", "/v1.0/me", nil)
	w.refused(person{}, 401, "InvalidAuthenticationToken", "GET", "/v1.0/me", nil)
	w.refused(person{token: "not.a.token"}, 401, "InvalidAuthenticationToken", "GET", "/v1.0/me", nil)
	if err := w.directory.Update(func(t *directory.Tx) error { return t.Delete(user.ID) }); err != nil {
		t.Fatal(err)
	}
	w.refused(user, 401, "InvalidAuthenticationToken", "GET", "/v1.0/me", nil)
}

func TestGraphRefusesATokenForAnotherResource(t *testing.T) {
	w := newWorld(t)
	sp, _, err := w.directory.CreateServicePrincipalWithSecret("robot")
	if err != nil {
		t.Fatal(err)
	}
	for _, resource := range []string{"https://management.azure.com", "api://AzureADTokenExchange"} {
		token, err := w.authority.IssueManagedIdentity(t.Context(), sp, resource)
		if err != nil {
			t.Fatal(err)
		}
		w.refused(person{token: token.AccessToken}, 401, "InvalidAuthenticationToken", "GET", "/v1.0/servicePrincipals", nil)
	}
}

func TestGraphFindsServicePrincipals(t *testing.T) {
	w := newWorld(t)
	user := w.user("someone", directory.KarsAppID)
	for _, path := range []string{
		"/v1.0/servicePrincipals(appId='00000003-0000-0000-c000-000000000000')",
		"/v1.0/serviceprincipals(appid='00000003-0000-0000-C000-000000000000')?$select=displayName",
	} {
		if got := w.ok(user, 200, "GET", path, nil); got["displayName"] != "Microsoft Graph" {
			t.Errorf("%s is %v, want Microsoft Graph", path, got["displayName"])
		}
	}
	found := w.ok(user, 200, "GET", "/v1.0/servicePrincipals?$filter=appId%20eq%20'00000003-0000-0000-c000-000000000000'", nil)
	if n := len(found["value"].([]any)); n != 1 {
		t.Errorf("found %d by appId, want 1", n)
	}
	w.refused(user, 404, "Request_ResourceNotFound", "GET", "/v1.0/servicePrincipals/00000000-0000-4000-8000-000000000000", nil)
	w.refused(user, 400, "BadRequest", "GET", "/v1.0/servicePrincipals?$filter=appId+like+'x'", nil)
	w.refused(user, 400, "Request_UnsupportedQuery", "GET", "/v1.0/servicePrincipals?$orderby=displayName", nil)
}

func TestGraphErrorsHaveGraphsShape(t *testing.T) {
	w := newWorld(t)
	r := httptest.NewRequest(http.MethodGet, "https://graph.microsoft.com/v1.0/me", nil)
	rec := httptest.NewRecorder()
	w.graph.ServeHTTP(rec, r)
	if rec.Header().Get("WWW-Authenticate") == "" {
		t.Error("a 401 names no way to authenticate")
	}
	_, body := w.do(person{}, "GET", "/v1.0/me", nil)
	inner, _ := body["error"].(tree)["innerError"].(tree)
	for _, name := range []string{"date", "request-id", "client-request-id"} {
		if inner[name] == "" || inner[name] == nil {
			t.Errorf("innerError has no %s", name)
		}
	}
}
