package graph_test

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kars-dev/kars/localazure/directory"
)

const agentPath = "/v1.0/servicePrincipals/microsoft.graph.agentIdentity"

func TestU28BlueprintIsCreatedTypedWithSponsorAndOwner(t *testing.T) {
	w := newWorld(t)
	admin := w.user("admin", directory.KarsAppID, directory.AgentIDAdministrator)
	for name, c := range map[string]struct{ path, kind string }{
		"with a type and a number sign":   {"/v1.0/applications", "#Microsoft.Graph.AgentIdentityBlueprint"},
		"with a type without number sign": {"/beta/applications/", "Microsoft.Graph.AgentIdentityBlueprint"},
		"by the cast path":                {"/v1.0/applications/microsoft.graph.agentIdentityBlueprint", ""},
		"by the short cast path":          {"/beta/applications/graph.agentIdentityBlueprint", ""},
	} {
		t.Run(name, func(t *testing.T) {
			body := tree{"displayName": name, "sponsors@odata.bind": sponsoredBy(admin.ID)}
			if c.kind != "" {
				body["@odata.type"] = c.kind
			}
			made := w.ok(admin, http.StatusCreated, "POST", c.path, body)
			if made["@odata.type"] != directory.TypeBlueprint || made["appId"] == "" || made["id"] == made["appId"] {
				t.Errorf("made %v, want a typed blueprint with an id and an appId of its own", made)
			}
			owners := w.ok(admin, http.StatusOK, "GET", "/v1.0/applications/"+made["id"].(string)+"/owners", nil)
			first := owners["value"].([]any)[0].(tree)
			if first["id"] != admin.ID || first["@odata.type"] != directory.TypeUser {
				t.Errorf("owner = %v, want who created it", first)
			}
		})
	}
	found := w.ok(admin, http.StatusOK, "GET",
		"/v1.0/applications?$filter="+url.QueryEscape("displayName eq 'by the cast path'")+"&$select=id,displayName&$top=2", nil)
	if n := len(found["value"].([]any)); n != 1 {
		t.Errorf("found %d by display name, want 1", n)
	}
}

func TestU35WithoutADirectoryRoleAndScopesNoBlueprintIsCreated(t *testing.T) {
	w := newWorld(t)
	body := func(p person) tree {
		return tree{"@odata.type": "#microsoft.graph.agentIdentityBlueprint", "displayName": "b", "sponsors@odata.bind": sponsoredBy(p.ID)}
	}
	for name, c := range map[string]struct {
		who  person
		want int
	}{
		"a user without a role is refused":                    {w.user("plain", directory.KarsAppID), 403},
		"an application administrator is refused":             {w.user("appadmin", directory.KarsAppID, directory.ApplicationAdministrator), 403},
		"an Agent ID Developer may":                           {w.user("developer", directory.KarsAppID, directory.AgentIDDeveloper), 201},
		"an Agent ID Administrator may":                       {w.user("administrator", directory.KarsAppID, directory.AgentIDAdministrator), 201},
		"a Global Administrator may":                          {w.user("global", directory.KarsAppID, directory.GlobalAdministrator), 201},
		"the Azure CLI's token is refused, whatever the role": {w.user("cli", directory.AzureCLIAppID, directory.GlobalAdministrator), 403},
	} {
		t.Run(name, func(t *testing.T) {
			if got, out := w.do(c.who, "POST", "/v1.0/applications", body(c.who)); got != c.want {
				t.Errorf("answered %d %v, want %d", got, out, c.want)
			}
		})
	}
	sponsor := w.user("sponsor", directory.KarsAppID)
	w.ok(w.app("permitted", "AgentIdentityBlueprint.Create"), 201, "POST", "/v1.0/applications", body(sponsor))
	w.refused(w.app("bare"), 403, "Authorization_RequestDenied", "POST", "/v1.0/applications", body(sponsor))
	w.refused(w.app("mighty", "AgentIdentityBlueprint.Create", "Directory.ReadWrite.All"), 403, "Authorization_RequestDenied",
		"POST", "/v1.0/applications", body(sponsor))
}

func TestU28BlueprintWithoutSponsorIsRefused(t *testing.T) {
	w := newWorld(t)
	admin := w.user("admin", directory.KarsAppID, directory.AgentIDAdministrator)
	w.refused(admin, 400, "Request_BadRequest", "POST", "/v1.0/applications", tree{
		"@odata.type": "#microsoft.graph.agentIdentityBlueprint", "displayName": "b",
	})
	w.refused(admin, 400, "Request_BadRequest", "POST", "/v1.0/applications", tree{
		"@odata.type": "#microsoft.graph.agentIdentityBlueprint", "displayName": "b", "sponsors@odata.bind": []string{},
	})
	w.refused(admin, 404, "Request_ResourceNotFound", "POST", "/v1.0/applications", tree{
		"@odata.type": "#microsoft.graph.agentIdentityBlueprint", "displayName": "b",
		"sponsors@odata.bind": sponsoredBy("00000000-0000-4000-8000-000000000000"),
	})
}

func TestU34ServiceManagementReferenceIsKeptAndGivenBack(t *testing.T) {
	w := newWorld(t)
	admin := w.user("admin", directory.KarsAppID, directory.AgentIDAdministrator)
	const reference = "0a0a0a0a-1111-4222-8333-444444444444"
	made := w.ok(admin, 201, "POST", "/v1.0/applications", tree{
		"@odata.type": "#microsoft.graph.agentIdentityBlueprint", "displayName": "b",
		"sponsors@odata.bind": sponsoredBy(admin.ID), "serviceManagementReference": reference,
	})
	got := w.ok(admin, 200, "GET", "/v1.0/applications/"+made["id"].(string), nil)
	if got["serviceManagementReference"] != reference {
		t.Errorf("serviceManagementReference = %v, want %s", got["serviceManagementReference"], reference)
	}
}

func TestU23BlueprintCreatesFindsRenamesAndDeletesItsAgentIdentity(t *testing.T) {
	w := newWorld(t)
	admin := w.user("admin", directory.KarsAppID, directory.AgentIDAdministrator)
	app := w.blueprint(admin, "kars-blueprint-kars")
	blueprint := w.asBlueprint(app)
	made := w.ok(blueprint, 201, "POST", agentPath, tree{
		"displayName": "kars-kars-one", "agentIdentityBlueprintId": app["appId"],
		"tags": []string{"kars-managed:true", "kars-sandbox-uid:u1"}, "sponsors@odata.bind": sponsoredBy(admin.ID),
	})
	if made["id"] != made["appId"] || made["servicePrincipalType"] != "ServiceIdentity" || made["@odata.type"] != directory.TypeAgentIdentity {
		t.Errorf("made %v, want an agent identity whose id is its appId", made)
	}
	id := made["id"].(string)
	filters := []string{
		"tags/any(t:t eq 'kars-sandbox-uid:u1')",
		fmt.Sprintf("agentIdentityBlueprintId eq '%s' and tags/any(t:t eq 'kars-sandbox-uid:u1')", app["appId"]),
	}
	for _, f := range filters {
		found := w.ok(blueprint, 200, "GET", agentPath+"?$select=id&$filter="+url.QueryEscape(f), nil)
		want := []any{tree{"@odata.type": directory.TypeAgentIdentity, "id": id}}
		if diff := cmp.Diff(want, found["value"]); diff != "" {
			t.Errorf("found by %s (-want +got):\n%s", f, diff)
		}
	}
	w.ok(blueprint, 204, "PATCH", "/v1.0/servicePrincipals/"+id, tree{"displayName": "kars-kars-renamed"})
	got := w.ok(blueprint, 200, "GET", "/v1.0/servicePrincipals/"+id+"/microsoft.graph.agentIdentity?$select=displayName", nil)
	if got["displayName"] != "kars-kars-renamed" {
		t.Errorf("displayName = %v, want the new one", got["displayName"])
	}
	w.ok(blueprint, 204, "DELETE", "/v1.0/servicePrincipals/"+id, nil)
	w.refused(blueprint, 404, "Request_ResourceNotFound", "GET", "/v1.0/servicePrincipals/"+id, nil)
	deleted := w.ok(admin, 200, "GET", "/v1.0/directory/deletedItems/microsoft.graph.agentIdentity", nil)
	if n := len(deleted["value"].([]any)); n != 1 {
		t.Errorf("%d deleted agent identities, want 1", n)
	}
	w.ok(admin, 200, "POST", "/v1.0/directory/deletedItems/"+id+"/restore", nil)
	w.ok(blueprint, 200, "GET", "/v1.0/servicePrincipals/"+id, nil)
}

func TestU23BlueprintReachesNoAgentIdentityButItsOwn(t *testing.T) {
	w := newWorld(t)
	admin := w.user("admin", directory.KarsAppID, directory.AgentIDAdministrator)
	mine, other := w.blueprint(admin, "mine"), w.blueprint(admin, "other")
	agent := func(of tree) tree {
		return tree{"displayName": "a", "agentIdentityBlueprintId": of["appId"], "sponsors@odata.bind": sponsoredBy(admin.ID)}
	}
	theirs := w.ok(w.asBlueprint(other), 201, "POST", agentPath, agent(other))["id"].(string)
	me := w.asBlueprint(mine)
	const denied = "Authorization_RequestDenied"
	w.refused(me, 403, "Error_AgentBlueprintCannotCreateAssociatedIdentity", "POST", agentPath, agent(other))
	w.refused(me, 403, denied, "GET", "/v1.0/servicePrincipals/"+theirs, nil)
	w.refused(me, 403, denied, "PATCH", "/v1.0/servicePrincipals/"+theirs, tree{"displayName": "x"})
	w.refused(me, 403, denied, "DELETE", "/v1.0/servicePrincipals/"+theirs, nil)
	w.refused(me, 403, denied, "GET", "/v1.0/servicePrincipals/"+theirs+"/sponsors", nil)
	w.refused(me, 403, denied, "POST", "/v1.0/applications/"+mine["id"].(string)+"/addPassword", tree{})
	w.refused(me, 403, denied, "POST", "/v1.0/applications/"+mine["id"].(string)+"/federatedIdentityCredentials",
		tree{"name": "more", "issuer": "https://x.example", "subject": "s", "audiences": []string{"api://AzureADTokenExchange"}})
	if found := w.ok(me, 200, "GET", agentPath, nil); len(found["value"].([]any)) != 0 {
		t.Errorf("the blueprint sees %v, want nothing of another's", found["value"])
	}
	w.ok(w.asBlueprint(other), 204, "DELETE", "/v1.0/servicePrincipals/"+theirs, nil)
	w.refused(me, 403, denied, "POST", "/v1.0/directory/deletedItems/"+theirs+"/restore", nil)
	w.refused(me, 403, denied, "DELETE", "/v1.0/directory/deletedItems/"+theirs, nil)
}

func TestU23AgentIdentityHasASponsorAndKeepsTheLast(t *testing.T) {
	w := newWorld(t)
	admin := w.user("admin", directory.KarsAppID, directory.AgentIDAdministrator)
	app := w.blueprint(admin, "b")
	blueprint := w.asBlueprint(app)
	body := tree{"displayName": "a", "agentIdentityBlueprintId": app["appId"]}
	w.refused(blueprint, 400, "Request_BadRequest", "POST", agentPath, body)
	w.refused(admin, 400, "Request_BadRequest", "POST", agentPath, body)
	body["sponsors@odata.bind"] = []string{"https://graph.microsoft.com/v1.0/groups/" + admin.ID}
	w.refused(blueprint, 404, "Request_ResourceNotFound", "POST", agentPath, body)
	body["sponsors@odata.bind"] = []string{"https://graph.microsoft.com/beta/directoryObjects/" + admin.ID}
	for name, c := range map[string]struct {
		group directory.NewGroup
		want  int
	}{
		"a Microsoft 365 group may sponsor":          {directory.NewGroup{DisplayName: "m365", Types: []string{"Unified"}}, 201},
		"a security group may not":                   {directory.NewGroup{DisplayName: "security"}, 400},
		"a group that roles are assigned to neither": {directory.NewGroup{DisplayName: "roles", Types: []string{"Unified"}, Assignable: true}, 400},
	} {
		var group directory.Principal
		err := w.directory.Update(func(t *directory.Tx) (err error) {
			group, err = t.CreateGroup(c.group)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		body["sponsors@odata.bind"] = []string{"https://graph.microsoft.com/v1.0/groups/" + group.ID}
		if got, out := w.do(blueprint, "POST", agentPath, body); got != c.want {
			t.Errorf("%s: answered %d %v, want %d", name, got, out, c.want)
		}
	}
	body["sponsors@odata.bind"] = []string{"https://graph.microsoft.com/beta/directoryObjects/" + admin.ID}
	sponsors := "/v1.0/servicePrincipals/" + w.ok(blueprint, 201, "POST", agentPath, body)["id"].(string) + "/sponsors"
	got := w.ok(blueprint, 200, "GET", sponsors, nil)["value"].([]any)
	if len(got) != 1 || got[0].(tree)["id"] != admin.ID {
		t.Errorf("sponsors = %v, want %s", got, admin.ID)
	}
	w.refused(blueprint, 403, "Authorization_RequestDenied", "DELETE", sponsors+"/"+admin.ID+"/$ref", nil)
	w.refused(w.app("keeper", "AgentIdentity.ReadWrite.All"), 400, "Request_BadRequest", "DELETE", sponsors+"/"+admin.ID+"/$ref", nil)
}

func TestU23OwnerOfABlueprintCreatesItsAgentsAndChangesOnlyWhatTheyOwn(t *testing.T) {
	w := newWorld(t)
	developer := w.user("developer", directory.KarsAppID, directory.AgentIDDeveloper)
	stranger := w.user("stranger", directory.KarsAppID, directory.AgentIDDeveloper)
	app := w.blueprint(developer, "b")
	agent := tree{"displayName": "a", "agentIdentityBlueprintId": app["appId"], "sponsors@odata.bind": sponsoredBy(developer.ID)}
	w.refused(stranger, 403, "Authorization_RequestDenied", "POST", agentPath, agent)
	w.refused(stranger, 403, "Authorization_RequestDenied", "DELETE", "/v1.0/applications/"+app["id"].(string), nil)
	foreign := w.ok(developer, 201, "POST", agentPath, agent)["id"].(string)
	w.refused(developer, 403, "Authorization_RequestDenied", "DELETE", "/v1.0/servicePrincipals/"+foreign, nil)
	agent["owners@odata.bind"] = sponsoredBy(developer.ID)
	agent["sponsors@odata.bind"] = sponsoredBy(developer.ID)
	mine := w.ok(developer, 201, "POST", agentPath, agent)["id"].(string)
	w.ok(developer, 204, "DELETE", "/v1.0/servicePrincipals/"+mine, nil)
	w.ok(developer, 204, "DELETE", "/v1.0/applications/"+app["id"].(string), nil)
	w.refused(developer, 404, "Request_ResourceNotFound", "GET", "/v1.0/servicePrincipals(appId='"+app["appId"].(string)+"')", nil)
}

func TestU23AgentIdentityHoldsNoCredentialAndMakesNoOther(t *testing.T) {
	w := newWorld(t)
	admin := w.user("admin", directory.KarsAppID, directory.AgentIDAdministrator)
	app := w.blueprint(admin, "b")
	id := w.ok(w.asBlueprint(app), 201, "POST", agentPath, tree{
		"displayName": "a", "agentIdentityBlueprintId": app["appId"], "sponsors@odata.bind": sponsoredBy(admin.ID),
	})["id"].(string)
	w.refused(admin, 400, "AgentIdentity_CredentialsNotSupported", "POST", "/v1.0/servicePrincipals/"+id+"/addPassword", tree{})
	w.refused(admin, 400, "Request_BadRequest", "PATCH", "/v1.0/servicePrincipals/"+id, tree{"passwordCredentials": []any{}})
	w.refused(admin, 400, "Request_BadRequest", "PATCH", "/v1.0/servicePrincipals/"+id, tree{"agentIdentityBlueprintId": "x"})
}

func TestU23BlueprintsAndAgentIdentitiesAreCappedAt250WithDeletedOnes(t *testing.T) {
	w := newWorld(t)
	admin := w.user("admin", directory.KarsAppID, directory.AgentIDAdministrator)
	app := w.blueprint(admin, "b")
	blueprint := w.asBlueprint(app)
	agent := tree{"displayName": "a", "agentIdentityBlueprintId": app["appId"], "sponsors@odata.bind": sponsoredBy(admin.ID)}
	err := w.directory.Update(func(t *directory.Tx) error {
		for range directory.AgentIdentityLimit - 1 {
			if _, err := t.CreateAgentIdentity(app["appId"].(string), tree{"displayName": "a"}, []string{admin.ID}, nil); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	last := w.ok(blueprint, 201, "POST", agentPath, agent)["id"].(string)
	w.refused(blueprint, 403, "AgentIdentity_LimitExceeded", "POST", agentPath, agent)
	w.ok(blueprint, 204, "DELETE", "/v1.0/servicePrincipals/"+last, nil)
	w.refused(blueprint, 403, "AgentIdentity_LimitExceeded", "POST", agentPath, agent)
	w.ok(admin, 204, "DELETE", "/v1.0/directory/deletedItems/"+last, nil)
	w.ok(blueprint, 201, "POST", agentPath, agent)

	// Pages of 100 hold every one of them once.
	seen := map[any]bool{}
	path := agentPath + "?$select=id"
	for path != "" {
		page := w.ok(blueprint, 200, "GET", path, nil)
		for _, v := range page["value"].([]any) {
			seen[v.(tree)["id"]] = true
		}
		next, _ := page["@odata.nextLink"].(string)
		path = ""
		if next != "" {
			u, err := url.Parse(next)
			if err != nil {
				t.Fatal(err)
			}
			path = u.RequestURI()
		}
	}
	if len(seen) != directory.AgentIdentityLimit {
		t.Errorf("pages held %d agent identities, want %d", len(seen), directory.AgentIdentityLimit)
	}
}
