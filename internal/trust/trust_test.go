package trust_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kars-dev/kars/api/v1alpha1"
	"github.com/kars-dev/kars/internal/tenanttest"
	"github.com/kars-dev/kars/internal/trust"
	"github.com/kars-dev/kars/localazure/directory"
	"github.com/kars-dev/kars/localazure/store"
)

const cluster = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerService/managedClusters/kars-aks"

func request(u tenanttest.User) trust.Request {
	return trust.Request{
		TenantID: tenanttest.ID, Cluster: cluster, BlueprintName: "kars-blueprint-kars",
		CallerID: u.ID, CallerIsUser: true, Sponsors: []trust.Sponsor{{ID: u.ID}},
		Controller: v1alpha1.ControllerCredential{CredentialMode: v1alpha1.CredentialWorkloadIdentity},
		Issuer:     tenanttest.Issuer,
		Clock:      &instant{now: time.Unix(0, 0)},
	}
}

// instant is a clock on which nothing takes time.
type instant struct{ now time.Time }

func (c *instant) Now() time.Time { return c.now }

func (c *instant) Sleep(ctx context.Context, d time.Duration) error {
	c.now = c.now.Add(d)
	return ctx.Err()
}

// statuses are what became of blueprint, principal and credential.
func statuses(r trust.Result) []trust.Status {
	var out []trust.Status
	for _, c := range r.Changes {
		out = append(out, c.Status)
	}
	return out
}

func ensure(t *testing.T, u tenanttest.User, r trust.Request, want ...trust.Status) trust.Result {
	t.Helper()
	got, err := trust.Ensure(t.Context(), u.Graph, r)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, statuses(got)); diff != "" {
		t.Fatalf("blueprint, principal, credential (-want +got):\n%s", diff)
	}
	return got
}

func admin(t *testing.T) (*tenanttest.Tenant, tenanttest.User) {
	t.Helper()
	n := tenanttest.New(t)
	return n, n.User("admin", directory.AgentIDAdministrator)
}

func TestU36SettingUpTrustTwiceChangesNothing(t *testing.T) {
	n, u := admin(t)
	first := ensure(t, u, request(u), trust.Created, trust.Created, trust.Created)
	n.Requests()
	again := ensure(t, u, request(u), trust.Unchanged, trust.Unchanged, trust.Unchanged)
	for _, r := range n.Requests() {
		if !strings.HasPrefix(r, "GET ") && !strings.Contains(r, "login.microsoftonline.com") {
			t.Errorf("the second run sent %s", r)
		}
	}
	if first.ObjectID != again.ObjectID || first.AppID != again.AppID || first.PrincipalID != again.PrincipalID {
		t.Errorf("first %+v, then %+v", first, again)
	}
	if first.Status() != trust.Created || again.Status() != trust.Unchanged {
		t.Errorf("statuses %s, %s", first.Status(), again.Status())
	}
}

func TestU28TheBlueprintIsTypedTaggedAndSponsored(t *testing.T) {
	n, u := admin(t)
	r := request(u)
	r.ServiceManagementReference = "1c826d4f-22b0-4c67-b755-778a05d7ffc9"
	made := ensure(t, u, r, trust.Created, trust.Created, trust.Created)
	err := n.Directory.View(func(tx *directory.Tx) error {
		app, _, err := tx.Object(made.ObjectID)
		if err != nil {
			return err
		}
		sponsors, err := tx.Linked(app.ID, directory.SponsoredBy)
		if err != nil {
			return err
		}
		got := []string{app.Type, app.Text("displayName"), app.Text("serviceManagementReference"), strings.Join(sponsors, " ")}
		want := []string{directory.TypeBlueprint, "kars-blueprint-kars", r.ServiceManagementReference, u.ID}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("type, name, service tree, sponsors (-want +got):\n%s", diff)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestU28TheBetaAPIIsAskedWhereV1DoesNotKnowBlueprints(t *testing.T) {
	n, u := admin(t)
	n.Override(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasPrefix(r.URL.Path, "/v1.0/") || !strings.Contains(r.URL.Path, "agentIdentityBlueprint") {
			return false
		}
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"error":{"code":"BadRequest","message":"Resource not found for the segment 'microsoft.graph.agentIdentityBlueprint'."}}`))
		return true
	})
	ensure(t, u, request(u), trust.Created, trust.Created, trust.Created)
}

func TestU27DriftIsRepaired(t *testing.T) {
	n, u := admin(t)
	made := ensure(t, u, request(u), trust.Created, trust.Created, trust.Created)
	recorded := request(u)
	recorded.RecordedObjectID = made.ObjectID
	tests := map[string]struct {
		drift func(*directory.Tx) error
		want  []trust.Status
	}{
		"a blueprint that was renamed and lost its tag": {func(tx *directory.Tx) error {
			_, err := tx.Patch(made.ObjectID, store.Tree{"displayName": "mine", "tags": []any{}})
			return err
		}, []trust.Status{trust.Updated, trust.Unchanged, trust.Unchanged}},
		"a credential with the issuer of an earlier cluster": {func(tx *directory.Tx) error {
			_, err := tx.PutFederatedCredential(made.ObjectID, directory.FederatedCredential{
				Name: "kars-broker", Issuer: "https://old.oic.prod-aks.azure.com/x/y/", Subject: tenanttest.Broker, Audiences: []string{"api://AzureADTokenExchange"},
			})
			return err
		}, []trust.Status{trust.Unchanged, trust.Unchanged, trust.Updated}},
		"a credential that was deleted": {func(tx *directory.Tx) error {
			return tx.DeleteFederatedCredential(made.ObjectID, "kars-broker")
		}, []trust.Status{trust.Unchanged, trust.Unchanged, trust.Created}},
		"a principal that was deleted": {func(tx *directory.Tx) error {
			return tx.Delete(made.PrincipalID)
		}, []trust.Status{trust.Unchanged, trust.Created, trust.Unchanged}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if err := n.Directory.Update(tc.drift); err != nil {
				t.Fatal(err)
			}
			repaired := ensure(t, u, recorded, tc.want...)
			made.PrincipalID = repaired.PrincipalID
			ensure(t, u, recorded, trust.Unchanged, trust.Unchanged, trust.Unchanged)
		})
	}
}

// TestABlueprintOfSomeoneElseIsNotTaken: who owns the blueprint can sign in as
// the cluster's agents.
func TestABlueprintOfSomeoneElseIsNotTaken(t *testing.T) {
	n, u := admin(t)
	mallory := n.User("mallory", directory.AgentIDDeveloper)
	planted := ensure(t, mallory, request(mallory), trust.Created, trust.Created, trust.Created)
	if _, err := trust.Ensure(t.Context(), u.Graph, request(u)); !errors.Is(err, trust.ErrForeign) {
		t.Errorf("Ensure = %v, want %v", err, trust.ErrForeign)
	}
	// Without the tag it is a namesake, and no concern of ours.
	if err := n.Directory.Update(func(tx *directory.Tx) error {
		_, err := tx.Patch(planted.ObjectID, store.Tree{"tags": []any{}})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	made := ensure(t, u, request(u), trust.Created, trust.Created, trust.Created)
	if made.ObjectID == planted.ObjectID {
		t.Error("a blueprint was taken by its name")
	}
}

func TestU37ABlueprintMadeByOthersIsAdopted(t *testing.T) {
	n, u := admin(t)
	r := request(u)
	r.BlueprintAppID = n.Blueprint("made by the directory's people", u.ID)
	got := ensure(t, u, r, trust.Unchanged, trust.Unchanged, trust.Unchanged)
	if got.AppID != r.BlueprintAppID {
		t.Errorf("blueprint %s, want %s", got.AppID, r.BlueprintAppID)
	}
	r.BlueprintAppID = "99999999-0000-4000-8000-000000000000"
	if _, err := trust.Ensure(t.Context(), u.Graph, r); err == nil {
		t.Error("a blueprint that does not exist was adopted")
	}
}

func TestU35WithoutTheDirectoryRoleTheErrorIsTyped(t *testing.T) {
	n := tenanttest.New(t)
	u := n.User("plain")
	_, err := trust.Ensure(t.Context(), u.Graph, request(u))
	refused, ok := errors.AsType[*trust.NotPermittedError](err)
	if !ok {
		t.Fatalf("Ensure = %v, want a NotPermittedError", err)
	}
	if !strings.Contains(refused.Error(), "Agent ID Administrator") || !strings.Contains(refused.Error(), "Authorization_RequestDenied") {
		t.Errorf("the error names neither role nor cause: %v", refused)
	}
}

func TestU31TheManagedIdentityIsFederatedByItsObjectID(t *testing.T) {
	n, u := admin(t)
	r := request(u)
	r.Controller = v1alpha1.ControllerCredential{
		CredentialMode: v1alpha1.CredentialManagedIdentity, ManagedIdentityClientID: "c", ManagedIdentityPrincipalID: "22222222-0000-4000-8000-000000000000",
	}
	made := ensure(t, u, r, trust.Created, trust.Created, trust.Created)
	credentials, err := n.Directory.FederatedCredentials(made.ObjectID)
	if err != nil || len(credentials) != 1 {
		t.Fatalf("credentials %v, %v", credentials, err)
	}
	got := []string{credentials[0].Issuer, credentials[0].Subject, strings.Join(credentials[0].Audiences, " ")}
	want := []string{
		"https://login.microsoftonline.com/" + tenanttest.ID + "/v2.0",
		r.Controller.ManagedIdentityPrincipalID, "api://AzureADTokenExchange",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("issuer, subject, audience (-want +got):\n%s", diff)
	}
}

func TestU29ReplicationOfTheBlueprintIsWaitedFor(t *testing.T) {
	n, u := admin(t)
	refusals := 0
	n.Override(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPost || !strings.Contains(r.URL.Path, "/servicePrincipals") || refusals == 3 {
			return false
		}
		refusals++
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"error":{"code":"Request_BadRequest","message":"The appId 'x' of the service principal does not reference a valid application object."}}`))
		return true
	})
	ensure(t, u, request(u), trust.Created, trust.Created, trust.Created)
	if refusals != 3 {
		t.Errorf("%d refusals, want three", refusals)
	}
}

func TestRemoveDeletesTheClustersBlueprintAlone(t *testing.T) {
	n, u := admin(t)
	ensure(t, u, request(u), trust.Created, trust.Created, trust.Created)
	for _, want := range []trust.Status{trust.Deleted, trust.Unchanged} {
		got, err := trust.Remove(t.Context(), u.Graph, request(u))
		if err != nil || got.Status != want {
			t.Errorf("Remove = %+v, %v; want %s", got, err, want)
		}
	}
	adopted := request(u)
	adopted.BlueprintAppID = n.Blueprint("made by others", u.ID)
	if got, err := trust.Remove(t.Context(), u.Graph, adopted); err != nil || got.Status != trust.Unchanged {
		t.Errorf("removing an adopted blueprint = %+v, %v; want it left alone", got, err)
	}
}

func TestU32TheConfigurationSaysWhatWasMade(t *testing.T) {
	r := request(tenanttest.User{ID: "33333333-0000-4000-8000-000000000000"})
	r.DownstreamAPIs = trust.DefaultAPIs(r.Cloud, "https://acct.openai.azure.com", "https://v.vault.azure.net/")
	c := trust.Config(r, trust.Result{AppID: "app", ObjectID: "object"})
	got := []string{
		c.Name, c.APIVersion, c.Kind, c.Spec.Tenant.AuthorityHost, c.Spec.AgentID.BlueprintClientID, c.Spec.AgentID.BlueprintObjectID,
		c.Spec.DownstreamAPIs["OpenAI"].Scopes[0], c.Spec.DownstreamAPIs["KeyVault"].Scopes[0], c.Spec.DownstreamAPIs["Graph"].Scopes[0],
	}
	want := []string{
		"default", "kars.azure.com/v1alpha1", "KarsAuthConfig", "https://login.microsoftonline.com", "app", "object",
		"https://cognitiveservices.azure.com/.default", "https://vault.azure.net/.default", "https://graph.microsoft.com/.default",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
}
