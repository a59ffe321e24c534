package localazure_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/resources/armresources"

	"github.com/kars-dev/kars/localazure"
)

type object = map[string]any

func template(resources ...any) object {
	return object{
		"$schema":        "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
		"contentVersion": "1.0.0.0", "resources": resources,
	}
}

func identity(name string, dependsOn ...any) object {
	return object{
		"type": "Microsoft.ManagedIdentity/userAssignedIdentities", "apiVersion": "2023-01-31",
		"name": name, "location": "eastus2", "dependsOn": dependsOn,
	}
}

func federated(parent, name, subject string, dependsOn ...any) object {
	return object{
		"type": "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials", "apiVersion": "2023-01-31",
		"name": parent + "/" + name, "dependsOn": dependsOn,
		"properties": object{"issuer": "https://issuer.example/", "subject": subject, "audiences": []any{"api://AzureADTokenExchange"}},
	}
}

func (w *world) deployments() *armresources.DeploymentsClient {
	w.Helper()
	client, err := armresources.NewDeploymentsClient(w.server.SubscriptionID(), w, w.sdk())
	if err != nil {
		w.Fatal(err)
	}
	return client
}

func (w *world) group(name string) string {
	w.Helper()
	id := w.subscription() + "/resourceGroups/" + name
	w.must("PUT", id, object{"location": "eastus2"})
	return id
}

func TestADeploymentWritesItsResourcesInTheOrderOfTheirDependencies(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	group := w.group("g")
	// Two credentials of one identity may not be written at once: only the order
	// lets this succeed. Children come before their parent in the template.
	poller, err := w.deployments().BeginCreateOrUpdate(ctx, "g", "d", armresources.Deployment{Properties: &armresources.DeploymentProperties{
		Mode: to.Ptr(armresources.DeploymentModeIncremental),
		Template: template(
			federated("first", "two", "b", group+"/providers/Microsoft.ManagedIdentity/userAssignedIdentities/first/federatedIdentityCredentials/one"),
			federated("first", "one", "a", "first"),
			identity("first"), identity("second", "Microsoft.ManagedIdentity/userAssignedIdentities/first"),
		),
	}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	result, err := poller.PollUntilDone(ctx, &runtime.PollUntilDoneOptions{Frequency: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if *result.Properties.ProvisioningState != armresources.ProvisioningStateSucceeded || len(result.Properties.OutputResources) != 4 {
		t.Errorf("ended as %s with %d resources", *result.Properties.ProvisioningState, len(result.Properties.OutputResources))
	}
	operations, err := armresources.NewDeploymentOperationsClient(w.server.SubscriptionID(), w, w.sdk())
	if err != nil {
		t.Fatal(err)
	}
	page, err := operations.NewListPager("g", "d", nil).NextPage(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if len(page.Value) != 4 {
		t.Errorf("%d operations, want 4", len(page.Value))
	}
	for _, o := range page.Value {
		if *o.Properties.ProvisioningState != "Succeeded" || *o.Properties.StatusCode != "Created" {
			t.Errorf("operation on %s: %s %s", *o.Properties.TargetResource.ID, *o.Properties.ProvisioningState, *o.Properties.StatusCode)
		}
	}
}

func TestADeploymentIsRefusedWholeWhenOneResourceIsNotAllowed(t *testing.T) {
	w := newWorld(t)
	group := w.group("g")
	deployer := w.principal("deployer", "sp", "Contributor@g")
	body := object{"properties": object{"mode": "Incremental", "template": template(
		identity("first"),
		object{
			"type": "Microsoft.Authorization/roleAssignments", "apiVersion": "2022-04-01", "name": "0b0f6a4e-1111-4222-8333-944455556666",
			"properties": object{"principalId": deployer.ObjectID, "roleDefinitionId": w.role(readerRole)},
		},
	)}}
	for _, path := range []string{"/providers/Microsoft.Resources/deployments/d", "/providers/Microsoft.Resources/deployments/d/validate"} {
		method := "PUT"
		if strings.HasSuffix(path, "validate") {
			method = "POST"
		}
		status, tree := w.do(deployer, method, group+path, body)
		want := "Authorization failed for template resource '0b0f6a4e-1111-4222-8333-944455556666' of type 'Microsoft.Authorization/roleAssignments'. The client '" + deployer.ClientID +
			"' with object id '" + deployer.ObjectID + "' does not have permission to perform action 'Microsoft.Authorization/roleAssignments/write' at scope '" +
			group + "/providers/Microsoft.Authorization/roleAssignments/0b0f6a4e-1111-4222-8333-944455556666'."
		if status != http.StatusForbidden || code(tree) != "InvalidTemplateDeployment" || !strings.Contains(message(tree), want) {
			t.Errorf("%s %s: %d %v, want 403 InvalidTemplateDeployment with %s", method, path, status, tree, want)
		}
	}
	if status, _ := w.do(w.owner, "GET", group+"/providers/Microsoft.ManagedIdentity/userAssignedIdentities/first", nil); status != http.StatusNotFound {
		t.Errorf("the identity that was allowed: %d, want 404", status)
	}
}

func TestAFailedResourceFailsTheDeploymentAndWhatDependsOnIt(t *testing.T) {
	w := newWorld(t)
	group := w.group("g")
	path := group + "/providers/Microsoft.Resources/deployments/d"
	bad := identity("first")
	bad["location"] = "the moon"
	_, header, tree := w.exchange(w.owner, "PUT", path, object{"properties": object{
		"mode": "Incremental", "template": template(bad, identity("second", "first"), identity("third")),
	}})
	end := w.await(header.Get("Azure-AsyncOperation"))
	if end["status"] != "Failed" || code(end) != "DeploymentFailed" {
		t.Fatalf("%v ended as %v", tree, end)
	}
	details, _ := end["error"].(object)["details"].([]any)
	if len(details) != 1 || details[0].(object)["code"] != "LocationNotAvailableForResourceType" {
		t.Errorf("details %v", details)
	}
	for name, want := range map[string]int{"first": 404, "second": 404, "third": 200} {
		if status, _ := w.do(w.owner, "GET", group+"/providers/Microsoft.ManagedIdentity/userAssignedIdentities/"+name, nil); status != want {
			t.Errorf("%s: %d, want %d", name, status, want)
		}
	}
	if state := w.must("GET", path, nil)["properties"].(object)["provisioningState"]; state != "Failed" {
		t.Errorf("the deployment's state is %v", state)
	}
}

func TestASecureParameterReachesItsResourceAndNothingElse(t *testing.T) {
	w := newWorld(t)
	group := w.group("g")
	secret := "correct horse battery staple"
	tagged := identity("first")
	tagged["tags"] = object{"value": "[parameters('secret')]", "text": "[[not an expression]"}
	tree := template(tagged)
	tree["parameters"] = object{"secret": object{"type": "secureString"}}
	path := group + "/providers/Microsoft.Resources/deployments/d"
	w.must("PUT", path, object{"properties": object{
		"mode": "Incremental", "template": tree, "parameters": object{"secret": object{"value": secret}},
	}})
	tags := w.must("GET", group+"/providers/Microsoft.ManagedIdentity/userAssignedIdentities/first", nil)["tags"].(object)
	if tags["value"] != secret || tags["text"] != "[not an expression]" {
		t.Errorf("the resource's tags are %v", tags)
	}
	if shown := w.must("GET", path, nil)["properties"].(object)["parameters"].(object)["secret"].(object); shown["value"] != nil {
		t.Errorf("the deployment shows %v", shown)
	}
}

func TestASubscriptionDeploymentMakesAGroupAndDeploysIntoIt(t *testing.T) {
	w := newWorld(t)
	inner := object{
		"type": "Microsoft.Resources/deployments", "apiVersion": "2022-09-01", "name": "inner", "resourceGroup": "made", "dependsOn": []any{"made"},
		"properties": object{"mode": "Incremental", "template": template(identity("first"))},
	}
	w.must("PUT", w.subscription()+"/providers/Microsoft.Resources/deployments/outer", object{
		"location": "eastus2",
		"properties": object{"mode": "Incremental", "template": template(
			object{"type": "Microsoft.Resources/resourceGroups", "apiVersion": "2021-04-01", "name": "made", "location": "eastus2"}, inner,
		)},
	})
	w.must("GET", w.subscription()+"/resourceGroups/made/providers/Microsoft.ManagedIdentity/userAssignedIdentities/first", nil)
}

func TestATemplateThatCannotBeDeployedIsRefused(t *testing.T) {
	w := newWorld(t)
	path := w.group("g") + "/providers/Microsoft.Resources/deployments/d"
	for name, c := range map[string]struct {
		template object
		want     string
	}{
		"a circle":               {template(identity("a-1", "b-1"), identity("b-1", "a-1")), "Circular dependency"},
		"an unknown dependency":  {template(identity("a-1", "none")), "is not defined in the template"},
		"a resource twice":       {template(identity("a-1"), identity("A-1")), "defined multiple times"},
		"an expression":          {template(identity("[concat('a', 'b')]")), "not evaluated"},
		"an unknown parameter":   {template(identity("[parameters('x')]")), "is not found"},
		"no schema":              {object{"resources": []any{}}, "$schema"},
		"names that do not fit":  {template(federated("x/y", "z", "s")), "types and names that do not match"},
		"a resource of no type":  {template(object{"name": "x"}), "lacks 'type'"},
		"resources of no object": {template("x"), "not an object"},
	} {
		t.Run(name, func(t *testing.T) {
			status, tree := w.do(w.owner, "PUT", path, object{"properties": object{"mode": "Incremental", "template": c.template}})
			if status != http.StatusBadRequest || code(tree) != "InvalidTemplate" || !strings.Contains(message(tree), c.want) {
				t.Errorf("%d %v, want 400 InvalidTemplate with %q", status, tree, c.want)
			}
		})
	}
}

func TestADeploymentThatWasCutShortGoesOnAtTheNextOpen(t *testing.T) {
	m := newMachines()
	m.hold = true
	dir := t.TempDir()
	first := openWorld(t, localazure.Options{Dir: dir, Clusters: m})
	s := first.site()
	first.grant(s)
	cluster := s.body()
	cluster["type"], cluster["apiVersion"], cluster["name"] = "Microsoft.ContainerService/managedClusters", "2024-09-01", "kars-aks"
	path := s.group + "/providers/Microsoft.Resources/deployments/d"
	status, _, tree := first.exchange(first.owner, "PUT", path, object{"properties": object{
		"mode": "Incremental", "template": template(cluster, identity("after", s.cluster)),
	}})
	if status != http.StatusCreated {
		t.Fatalf("%d %v", status, tree)
	}
	eventually(t, "the cluster is being started", func() bool { return m.count(s.cluster) > 0 })
	first.stop()
	second := openWorld(t, localazure.Options{Dir: dir, Clusters: newMachines()})
	second.owner = first.owner
	eventually(t, "the deployment has succeeded", func() bool {
		return second.must("GET", path, nil)["properties"].(object)["provisioningState"] == "Succeeded"
	})
	second.must("GET", s.group+"/providers/Microsoft.ManagedIdentity/userAssignedIdentities/after", nil)
}
