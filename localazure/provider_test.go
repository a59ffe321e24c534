package localazure_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/kars-dev/kars/localazure"
)

func (w *world) refused(method, path string, body any, want string) {
	w.Helper()
	if status, tree := w.do(w.owner, method, path, body); code(tree) != want {
		w.Errorf("%s %s: %d %v, want %s", method, path, status, tree, want)
	}
}

func TestAnIdentityHasAtMostTwentyFederatedCredentials(t *testing.T) {
	w := newWorld(t)
	id := w.group("g") + "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/first"
	w.must("PUT", id, object{"location": "eastus2"})
	credential := func(i int) (string, object) {
		return fmt.Sprintf("%s/federatedIdentityCredentials/c-%02d", id, i), object{"properties": object{
			"issuer": "https://issuer.example/", "subject": fmt.Sprint(i), "audiences": []any{"api://AzureADTokenExchange"},
		}}
	}
	for i := range 20 {
		path, body := credential(i)
		w.must("PUT", path, body)
	}
	path, body := credential(20)
	w.refused("PUT", path, body, "BadRequest")
	path, body = credential(1)
	w.must("PUT", path, body)
	w.must("DELETE", path, nil)
	if list := w.must("GET", id+"/federatedIdentityCredentials", nil)["value"].([]any); len(list) != 19 {
		t.Errorf("%d credentials are left, want 19", len(list))
	}
	_, same := credential(3)
	w.refused("PUT", id+"/federatedIdentityCredentials/another-name", same, "Conflict")
}

func TestAnIdentitysRolesAndCredentialsGoWithIt(t *testing.T) {
	w := newWorld(t)
	group := w.group("g")
	id := group + "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/first"
	w.must("PUT", id, object{"location": "eastus2"})
	w.assign(id, id, readerRole)
	before := w.must("GET", id, nil)["properties"].(object)
	w.must("DELETE", id, nil)
	w.must("PUT", id, object{"location": "eastus2"})
	after := w.must("GET", id, nil)["properties"].(object)
	if before["principalId"] == after["principalId"] {
		t.Error("an identity of the same name has the deleted one's principal")
	}
	if list := w.must("GET", id+"/providers/Microsoft.Authorization/roleAssignments?api-version=2022-04-01&$filter=principalId%20eq%20'"+before["principalId"].(string)+"'", nil)["value"].([]any); len(list) != 0 {
		t.Errorf("role assignments at the deleted identity: %v", list)
	}
}

func vault(w *world) object {
	return object{"location": "eastus2", "properties": object{
		"tenantId": w.server.TenantID(), "sku": object{"family": "A", "name": "standard"}, "enableRbacAuthorization": true,
	}}
}

func TestADeletedVaultKeepsItsNameUntilItIsRecoveredOrPurged(t *testing.T) {
	w := newWorld(t)
	group, other := w.group("g"), w.group("other")
	const vaults = "/providers/Microsoft.KeyVault/vaults/kars-kv"
	w.must("PUT", group+vaults, vault(w))
	w.refused("PUT", other+vaults, vault(w), "VaultAlreadyExists")
	name := func() bool {
		tree := w.must("POST", w.subscription()+"/providers/Microsoft.KeyVault/checkNameAvailability", object{"name": "kars-kv", "type": "Microsoft.KeyVault/vaults"})
		return tree["nameAvailable"].(bool)
	}
	w.must("DELETE", group, nil)
	eventually(t, "the group is gone", func() bool {
		status, _ := w.do(w.owner, "GET", group, nil)
		return status == http.StatusNotFound
	})
	if name() {
		t.Error("the name of a deleted vault is available")
	}
	w.refused("PUT", other+vaults, vault(w), "ConflictError")
	deleted := w.subscription() + "/providers/Microsoft.KeyVault/locations/eastus2/deletedVaults/kars-kv"
	if tree := w.must("GET", deleted, nil); tree["properties"].(object)["vaultId"] != group+vaults {
		t.Errorf("the deleted vault is %v", tree)
	}
	recovering := vault(w)
	recovering["properties"] = object{"tenantId": w.server.TenantID(), "sku": object{"family": "A", "name": "standard"}, "createMode": "recover"}
	w.must("PUT", other+vaults, recovering)
	if p := w.must("GET", other+vaults, nil)["properties"].(object); p["enableRbacAuthorization"] != true || p["createMode"] != nil {
		t.Errorf("the recovered vault has %v", p)
	}
	w.must("DELETE", other+vaults, nil)
	w.must("POST", deleted+"/purge", nil)
	if !name() {
		t.Error("the name of a purged vault is not available")
	}
	w.refused("PUT", other+"/providers/Microsoft.KeyVault/vaults/no--hyphens", vault(w), "VaultNameNotValid")
}

func account(domain string) object {
	return object{
		"location": "eastus2", "kind": "AIServices", "sku": object{"name": "S0"}, "identity": object{"type": "SystemAssigned"},
		"properties": object{"customSubDomainName": domain, "allowProjectManagement": true},
	}
}

func TestAFoundryAccountHasProjectsAndModels(t *testing.T) {
	w := newWorld(t)
	group := w.group("g")
	id := group + "/providers/Microsoft.CognitiveServices/accounts/kars-ai"
	w.must("PUT", id, account("kars-ai-x"))
	w.refused("PUT", group+"/providers/Microsoft.CognitiveServices/accounts/second", account("KARS-ai-x"), "CustomDomainInUse")
	tree := w.must("GET", id, nil)
	p := tree["properties"].(object)
	if p["endpoint"] != "https://kars-ai-x.cognitiveservices.azure.com/" || p["endpoints"].(object)["OpenAI Language Model Instance API"] != "https://kars-ai-x.openai.azure.com/" {
		t.Errorf("endpoints %v %v", p["endpoint"], p["endpoints"])
	}
	if tree["identity"].(object)["principalId"] == "" {
		t.Error("the account has no identity")
	}
	w.must("PUT", id+"/projects/kars", object{"location": "eastus2", "identity": object{"type": "SystemAssigned"}, "properties": object{}})
	model := object{"sku": object{"name": "GlobalStandard", "capacity": 10}, "properties": object{"model": object{"format": "OpenAI", "name": "gpt-4.1"}}}
	w.must("PUT", id+"/deployments/gpt-4.1", model)
	if version := w.must("GET", id+"/deployments/gpt-4.1", nil)["properties"].(object)["model"].(object)["version"]; version != "2025-04-14" {
		t.Errorf("the deployment has version %v", version)
	}
	unknown := object{"sku": object{"name": "GlobalStandard"}, "properties": object{"model": object{"format": "OpenAI", "name": "gpt-99"}}}
	w.refused("PUT", id+"/deployments/other", unknown, "DeploymentModelNotSupported")
	w.answers(t, id)
	w.must("DELETE", id, nil)
	w.refused("PUT", id, account("kars-ai-x"), "FlagMustBeSetForRestore")
	w.must("DELETE", w.subscription()+"/providers/Microsoft.CognitiveServices/locations/eastus2/resourceGroups/g/deletedAccounts/kars-ai", nil)
	w.must("PUT", id, account("kars-ai-x"))
}

// answers asks the account's model with and without the role that allows it.
func (w *world) answers(t *testing.T, account string) {
	t.Helper()
	bot := w.principal("bot", "sp")
	for _, want := range []int{401, 200} {
		token, err := w.token(bot, "https://cognitiveservices.azure.com/.default")
		if err != nil {
			t.Fatal(err)
		}
		req, err := http.NewRequest(http.MethodPost, "https://kars-ai-x.openai.azure.com/openai/v1/chat/completions",
			strings.NewReader(`{"model":"gpt-4.1","messages":[{"role":"user","content":"hello"}]}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token.Token)
		req.Header.Set("Content-Type", "application/json")
		resp, err := w.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if (resp.StatusCode == 200) != (want == 200) {
			t.Errorf("asking the model: %d, want about %d", resp.StatusCode, want)
		}
		if _, err := w.server.PutPrincipal(localazure.Principal{
			Name: "bot", Roles: []localazure.Role{{Role: "Cognitive Services OpenAI User", Scope: account}},
		}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSubnetsAreOneWithTheirNetwork(t *testing.T) {
	w := newWorld(t)
	id := w.group("g") + "/providers/Microsoft.Network/virtualNetworks/net"
	network := func(subnets ...any) object {
		return object{"location": "eastus2", "properties": object{
			"addressSpace": object{"addressPrefixes": []any{"10.224.0.0/16"}}, "subnets": subnets,
		}}
	}
	subnet := func(name, prefix string) object {
		return object{"name": name, "properties": object{"addressPrefix": prefix}}
	}
	names := func() string {
		var all []string
		for _, s := range w.must("GET", id, nil)["properties"].(object)["subnets"].([]any) {
			all = append(all, s.(object)["name"].(string))
		}
		return strings.Join(all, " ")
	}
	w.must("PUT", id, network(subnet("one", "10.224.0.0/24"), subnet("two", "10.224.1.0/24")))
	w.must("PUT", id+"/subnets/three", object{"properties": object{"addressPrefix": "10.224.2.0/24"}})
	if got := names(); got != "one two three" {
		t.Errorf("after adding one: %s", got)
	}
	w.must("DELETE", id+"/subnets/one", nil)
	if got := names(); got != "two three" {
		t.Errorf("after deleting one: %s", got)
	}
	w.must("PUT", id, network(subnet("two", "10.224.1.0/24")))
	if list := w.must("GET", id+"/subnets", nil)["value"].([]any); len(list) != 1 || names() != "two" {
		t.Errorf("after writing the network without it: %v", list)
	}
	w.refused("PUT", id+"/subnets/far", object{"properties": object{"addressPrefix": "192.168.0.0/24"}}, "NetcfgInvalidSubnet")
	w.refused("PUT", id+"/subnets/bad", object{"properties": object{"addressPrefix": "nonsense"}}, "InvalidCIDRNotation")
}

func TestARegistryHasOneNameAndNoAdmin(t *testing.T) {
	w := newWorld(t)
	group := w.group("g")
	const registries = "/providers/Microsoft.ContainerRegistry/registries/"
	body := object{"location": "eastus2", "sku": object{"name": "Premium"}, "properties": object{"adminUserEnabled": false}}
	w.must("PUT", group+registries+"karsab", body)
	if p := w.must("GET", group+registries+"karsab", nil)["properties"].(object); p["loginServer"] != "karsab.azurecr.io" {
		t.Errorf("properties %v", p)
	}
	w.refused("PUT", w.group("other")+registries+"KarsAB", body, "AlreadyInUse")
	w.refused("PUT", group+registries+"no-hyphens", body, "InvalidResourceName")
	w.refused("POST", group+registries+"karsab/listCredentials", nil, "UnAuthorizedForCredentialOperations")
	_, header, tree := w.exchange(w.owner, "POST", group+registries+"karsab/importImage", object{
		"source": object{"registryUri": "ghcr.io", "sourceImage": "kars-dev/none:1"}, "targetTags": []any{"none:1"},
	})
	if end := w.await(header.Get("Azure-AsyncOperation")); end["status"] != "Failed" {
		t.Errorf("importing an image that is not there: %v, %v", tree, end)
	}
	if resp, err := w.client.Get("https://karsab.azurecr.io/v2/"); err != nil || resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("the registry's data plane: %v, %v", resp, err)
	}
}

func TestAResourceOfAnUnregisteredProviderIsRefused(t *testing.T) {
	w := newWorld(t)
	group, provider := w.group("g"), w.subscription()+"/providers/Microsoft.KeyVault"
	if state := w.must("GET", provider, nil)["registrationState"]; state != "Registered" {
		t.Errorf("at first the provider is %v", state)
	}
	w.must("POST", provider+"/unregister", nil)
	w.refused("PUT", group+"/providers/Microsoft.KeyVault/vaults/kars-kv", vault(w), "MissingSubscriptionRegistration")
	w.must("POST", provider+"/register", nil)
	w.must("PUT", group+"/providers/Microsoft.KeyVault/vaults/kars-kv", vault(w))
}

func TestWritesAtOnceLoseNothing(t *testing.T) {
	w := newWorld(t)
	group := w.group("g")
	var work sync.WaitGroup
	for i := range 8 {
		work.Go(func() {
			status, tree := w.do(w.owner, "PUT", fmt.Sprintf("%s/providers/Microsoft.OperationalInsights/workspaces/law-%d", group, i), object{"location": "eastus2"})
			if status != http.StatusCreated {
				t.Errorf("%d %v", status, tree)
			}
		})
	}
	work.Wait()
	if list := w.must("GET", group+"/resources", nil)["value"].([]any); len(list) != 8 {
		t.Errorf("%d resources, want 8", len(list))
	}
	w.must("PATCH", group+"/providers/Microsoft.OperationalInsights/workspaces/law-3", object{"tags": object{"a": "b"}})
	if tree := w.must("GET", group+"/providers/Microsoft.OperationalInsights/workspaces/law-3", nil); tree["tags"].(object)["a"] != "b" || tree["properties"].(object)["customerId"] == nil {
		t.Errorf("patched: %v", tree)
	}
}
