package arm_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kars-dev/kars/internal/azure/arm"
	"github.com/kars-dev/kars/internal/azure/cloud"
	"github.com/kars-dev/kars/internal/azure/credential"
	"github.com/kars-dev/kars/internal/azure/graph"
	"github.com/kars-dev/kars/internal/diagnose"
	"github.com/kars-dev/kars/internal/rbac"
	"github.com/kars-dev/kars/localazure"
)

// azure is a local Azure that runs in this process.
type azure struct {
	*localazure.Server
	address    string
	principals string // the folder of their files
}

func localAzure(t *testing.T) *azure {
	t.Helper()
	return localAzureAt(t, nil)
}

// localAzureAt is a local Azure with a clock of its own.
func localAzureAt(t *testing.T, now func() time.Time) *azure {
	t.Helper()
	a := &azure{principals: t.TempDir()}
	s, err := localazure.Open(localazure.Options{Dir: t.TempDir(), Now: now, Keep: func(c localazure.Credential) error {
		raw, err := json.Marshal(c)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(a.principals, c.Name+".json"), raw, 0o600)
	}})
	if err != nil {
		t.Fatal(err)
	}
	a.Server = s
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	a.address = ln.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, ln) }()
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-done, s.Close()); err != nil {
			t.Errorf("closing the local Azure: %v", err)
		}
	})
	return a
}

// as opens the doors as one of the local principals.
func (a *azure) as(t *testing.T, name string) (*arm.Client, *graph.Client, credential.Caller) {
	t.Helper()
	rt, err := cloud.Local(a.address, a.CA())
	if err != nil {
		t.Fatal(err)
	}
	cred, err := credential.ForLocal(filepath.Join(a.principals, name+".json"), credential.Options{Transport: rt})
	if err != nil {
		t.Fatal(err)
	}
	caller, err := credential.Identify(t.Context(), cred, cloud.Public)
	if err != nil {
		t.Fatal(err)
	}
	c, err := arm.New(cred, arm.Options{Transport: rt})
	if err != nil {
		t.Fatal(err)
	}
	g, err := graph.New(cred, graph.Options{Transport: rt})
	if err != nil {
		t.Fatal(err)
	}
	return c, g, caller
}

func (a *azure) add(t *testing.T, p localazure.Principal) localazure.Credential {
	t.Helper()
	c, err := a.PutPrincipal(p)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const (
	fullIdentityAPI    = "2023-01-31"
	networkContributor = "4d97b98b-1d4f-4787-a291-c67834d212e7"
)

func TestTheOwnerOfALocalAzureBringsUpAGroupAndTakesItDown(t *testing.T) {
	a := localAzure(t)
	c, _, caller := a.as(t, localazure.OwnerName)
	ctx, sub := t.Context(), a.SubscriptionID()
	if caller.Type != credential.User || caller.TenantID != a.TenantID() || !caller.HomeTenant {
		t.Errorf("caller %+v", caller)
	}
	subscriptions, err := c.Subscriptions(ctx)
	if err != nil || len(subscriptions) != 1 || subscriptions[0].ID != sub {
		t.Fatalf("subscriptions %+v, %v", subscriptions, err)
	}
	permissions, err := c.Permissions(ctx, arm.SubscriptionID(sub))
	if err != nil || len(permissions) == 0 || !slices.Contains(permissions[0].Actions, "*") {
		t.Errorf("permissions %+v, %v", permissions, err)
	}
	for i, want := range []bool{true, false} {
		if created, err := c.PutGroup(ctx, sub, "g", "eastus2", nil); err != nil || created != want {
			t.Fatalf("run %d: created %t, %v", i, created, err)
		}
	}

	group := arm.GroupID(sub, "g")
	identity := group + "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/kars-controller"
	template := map[string]any{
		"$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#", "contentVersion": "1.0.0.0",
		"resources": []any{
			map[string]any{
				"type": "Microsoft.ManagedIdentity/userAssignedIdentities", "apiVersion": fullIdentityAPI, "name": "kars-controller", "location": "eastus2",
			},
		},
	}
	if err := c.ValidateDeployment(ctx, group, "kars-foundation", arm.Deployment{Template: template}); err != nil {
		t.Fatal(err)
	}
	o, err := c.BeginDeployment(ctx, group, "kars-foundation", arm.Deployment{Template: template})
	if err != nil {
		t.Fatal(err)
	}
	if token, err := o.Token(); err != nil || !o.Done() && token == "" {
		t.Errorf("token %q, %v", token, err)
	} else if token != "" {
		// A later run waits for it by its token.
		if o, err = c.Resume(token); err != nil {
			t.Fatal(err)
		}
	}
	deployment, err := o.Wait(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if properties, _ := deployment["properties"].(map[string]any); properties["provisioningState"] != "Succeeded" {
		t.Errorf("deployment %v", deployment)
	}
	operations, err := c.DeploymentOperations(ctx, group, "kars-foundation")
	if err != nil || !slices.ContainsFunc(operations, func(o arm.DeploymentOperation) bool {
		return strings.EqualFold(o.ResourceID, identity) && o.State == "Succeeded"
	}) {
		t.Errorf("operations %+v, %v", operations, err)
	}
	found, ok, err := c.Get(ctx, identity, fullIdentityAPI)
	if err != nil || !ok {
		t.Fatalf("identity: found %t, %v", ok, err)
	}
	properties, _ := found["properties"].(map[string]any)
	principal, _ := properties["principalId"].(string)

	grant := rbac.Assignment{Scope: group, PrincipalID: principal, PrincipalType: "ServicePrincipal", RoleDefinitionID: networkContributor}
	name := "33333333-3333-3333-3333-333333333333"
	for i, want := range []bool{true, false} {
		if created, err := c.PutRoleAssignment(ctx, name, grant); err != nil || created != want {
			t.Fatalf("run %d: created %t, %v", i, created, err)
		}
	}
	if created, err := c.PutRoleAssignment(ctx, "44444444-4444-4444-4444-444444444444", grant); err != nil || created {
		t.Errorf("the same grant by another name: created %t, %v", created, err)
	}
	assignments, err := c.RoleAssignments(ctx, group, "principalId eq '"+principal+"'")
	if err != nil || len(assignments) != 1 || assignments[0].RoleDefinitionID != networkContributor {
		t.Errorf("assignments %+v, %v", assignments, err)
	}
	fic := arm.FederatedCredential{
		Name: "broker", Issuer: "https://issuer.example/", Subject: "system:serviceaccount:kars-system:kars-broker",
		Audiences: []string{cloud.Public.TokenExchangeAudience},
	}
	if created, err := c.PutFederatedCredential(ctx, identity, fic); err != nil || !created {
		t.Errorf("federated credential: created %t, %v", created, err)
	}
	if all, err := c.FederatedCredentials(ctx, identity); err != nil || len(all) != 1 || all[0].Subject != fic.Subject {
		t.Errorf("federated credentials %+v, %v", all, err)
	}
	if all, err := c.Resources(ctx, sub, "g"); err != nil || len(all) != 1 {
		t.Errorf("resources %+v, %v", all, err)
	}
	if deleted, err := c.DeleteRoleAssignment(ctx, arm.RoleAssignmentID(group, name)); err != nil || !deleted {
		t.Errorf("role assignment: deleted %t, %v", deleted, err)
	}
	gone, err := c.DeleteGroup(ctx, sub, "g")
	if err == nil {
		_, err = gone.Wait(ctx)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, ok, err := c.GetGroup(ctx, sub, "g"); err != nil || ok {
		t.Errorf("after its deletion the group is found: %t, %v", ok, err)
	}
}

func TestU38AReaderIsToldWhatIsMissingAndWhere(t *testing.T) {
	a := localAzure(t)
	reader := a.add(t, localazure.Principal{Name: "reader", Type: "sp", Roles: []localazure.Role{{Role: "Reader"}}})
	c, _, caller := a.as(t, "reader")
	if caller.Type != credential.ServicePrincipal || caller.ObjectID != reader.ObjectID || caller.AppID != reader.ClientID {
		t.Errorf("caller %+v, want %+v", caller, reader)
	}
	_, err := c.PutGroup(t.Context(), a.SubscriptionID(), "g", "eastus2", nil)
	var e *arm.Error
	if !errors.As(err, &e) || !arm.IsForbidden(err) || !arm.HasCode(err, "AuthorizationFailed") {
		t.Fatalf("got %v", err)
	}
	if e.Action != "Microsoft.Resources/subscriptions/resourceGroups/write" || !strings.EqualFold(e.Scope, arm.GroupID(a.SubscriptionID(), "g")) {
		t.Errorf("missing %q at %q", e.Action, e.Scope)
	}
	described, ok := diagnose.Of(err)
	if x := diagnose.Explain(described); !ok || x.ID != "authorization-failed" || !strings.Contains(x.Fix[0].Command, reader.ObjectID) {
		t.Errorf("explained as %+v", x)
	}
}

func TestU25ALocalCallersDirectoryRolesAreRead(t *testing.T) {
	const developer = "Agent ID Developer"
	a := localAzure(t)
	a.add(t, localazure.Principal{Name: "ada", DirectoryRoles: []string{developer}})
	a.add(t, localazure.Principal{Name: "bob"})
	for name, want := range map[string]int{"ada": 1, "bob": 0} {
		_, g, caller := a.as(t, name)
		me, err := g.Me(t.Context())
		if err != nil || me.ID != caller.ObjectID {
			t.Errorf("%s: me %+v, %v", name, me, err)
		}
		roles, err := g.MyDirectoryRoles(t.Context())
		if err != nil || len(roles) != want || want == 1 && (roles[0].Name != developer || roles[0].TemplateID == "") {
			t.Errorf("%s: roles %+v, %v", name, roles, err)
		}
		granted, err := g.Permissions(t.Context())
		if err != nil || !slices.Contains(granted.Delegated, "AgentIdentityBlueprint.Create") || len(granted.Application) > 0 {
			t.Errorf("%s: permissions %+v, %v", name, granted, err)
		}
	}
}

func TestALocalAzureThatIsGoneIsSaidAtOnce(t *testing.T) {
	a := localAzure(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead := ln.Addr().String()
	ln.Close()
	rt, err := cloud.Local(dead, a.CA())
	if err != nil {
		t.Fatal(err)
	}
	c, err := arm.New(anyone{}, arm.Options{Transport: rt})
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	_, err = c.PutGroup(t.Context(), a.SubscriptionID(), "g", "eastus2", nil)
	var down *cloud.NotRunningError
	if !errors.As(err, &down) || time.Since(began) > 5*time.Second {
		t.Errorf("after %s: %v", time.Since(began), err)
	}
	if x := diagnose.Explain(down.Diagnosis()); x.ID != "local-azure-down" {
		t.Errorf("explained as %+v", x)
	}
}
