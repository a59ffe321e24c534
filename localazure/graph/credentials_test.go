package graph_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kars-dev/kars/localazure/directory"
)

func federated(name, subject string) tree {
	return tree{
		"name": name, "issuer": "https://login.microsoftonline.com/" + tenant + "/v2.0", "subject": subject,
		"audiences": []any{"api://AzureADTokenExchange"},
	}
}

func TestU31FederatedCredentialOfABlueprintByPlainAndCastPath(t *testing.T) {
	w := newWorld(t)
	developer := w.user("developer", directory.KarsAppID, directory.AgentIDDeveloper)
	app := w.blueprint(developer, "b")
	plain := "/v1.0/applications/" + app["id"].(string) + "/federatedIdentityCredentials"
	cast := "/beta/applications/" + app["id"].(string) + "/microsoft.graph.agentIdentityBlueprint/federatedIdentityCredentials"
	byAppID := "/v1.0/applications/" + app["appId"].(string) + "/federatedIdentityCredentials"
	w.ok(developer, 201, "POST", plain, federated("one", "s1"))
	w.ok(developer, 201, "POST", cast, federated("two", "s2"))
	w.ok(developer, 201, "POST", byAppID, federated("three", "s3"))
	list := w.ok(developer, 200, "GET", cast+"?$select=name", nil)
	want := []any{tree{"name": "one"}, tree{"name": "three"}, tree{"name": "two"}}
	if diff := cmp.Diff(want, list["value"]); diff != "" {
		t.Errorf("listed (-want +got):\n%s", diff)
	}
	w.refused(developer, 409, "Request_MultipleObjectsWithSameKeyValue", "POST", plain, federated("one", "other"))
	w.refused(developer, 409, "Request_MultipleObjectsWithSameKeyValue", "POST", plain, federated("other", "s1"))
	w.refused(developer, 400, "InvalidFederatedIdentityCredentialValue", "POST", plain, federated("x", "s9"))
	w.ok(developer, 204, "PATCH", plain+"/one", tree{"description": "the controller"})
	got := w.ok(developer, 200, "GET", plain+"(name='one')", nil)
	if got["description"] != "the controller" || got["subject"] != "s1" {
		t.Errorf("one = %v, want it described and otherwise as it was", got)
	}
	for i := range directory.FederatedCredentialLimit - 3 {
		w.ok(developer, 201, "POST", plain, federated(fmt.Sprintf("more-%d", i), fmt.Sprint("more", i)))
	}
	w.refused(developer, 403, "Directory_QuotaExceeded", "POST", plain, federated("too-many", "too many"))
	w.ok(developer, 204, "DELETE", plain+"/one", nil)
	w.refused(developer, 404, "Request_ResourceNotFound", "PATCH", plain+"(name='one')", federated("one", "s1"))
	w.refused(developer, 404, "Request_ResourceNotFound", "GET", plain+"/one", nil)
}

func TestU31OnlyOwnersAndAgentRolesFederateABlueprint(t *testing.T) {
	w := newWorld(t)
	developer := w.user("developer", directory.KarsAppID, directory.AgentIDDeveloper)
	plain := w.user("plain", directory.KarsAppID)
	app := w.blueprint(developer, "b")
	path := "/v1.0/applications/" + app["id"].(string)
	w.refused(plain, 403, "Authorization_RequestDenied", "POST", path+"/federatedIdentityCredentials", federated("one", "s"))
	w.ok(developer, 204, "POST", path+"/owners/$ref", tree{"@odata.id": "https://graph.microsoft.com/v1.0/directoryObjects/" + plain.ID})
	w.ok(plain, 201, "POST", path+"/federatedIdentityCredentials", federated("one", "s"))
	// A secret takes the administrator, though the developer owns the blueprint.
	w.refused(developer, 403, "Authorization_RequestDenied", "POST", path+"/addPassword", tree{})
	admin := w.user("admin", directory.KarsAppID, directory.AgentIDAdministrator)
	made := w.ok(admin, 200, "POST", path+"/addPassword", tree{"passwordCredential": tree{"displayName": "test"}})
	if text, _ := made["secretText"].(string); len(text) < 40 {
		t.Errorf("secretText = %q, want a long secret", text)
	}
	shown := w.ok(admin, 200, "GET", path, nil)
	if secret := shown["passwordCredentials"].([]any)[0].(tree); secret["secretText"] != nil || secret["hint"] == "" {
		t.Errorf("shown later: %v, want a hint and no text", secret)
	}
	w.ok(admin, 204, "POST", path+"/removePassword", tree{"keyId": made["keyId"]})
}
