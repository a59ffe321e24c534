package arm_test

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/google/go-cmp/cmp"

	"github.com/kars-dev/kars/internal/azure/arm"
	"github.com/kars-dev/kars/internal/azure/cloud"
	"github.com/kars-dev/kars/internal/azure/wire"
	"github.com/kars-dev/kars/internal/rbac"
)

const (
	subscription = "11111111-1111-1111-1111-111111111111"
	groupID      = "/subscriptions/" + subscription + "/resourceGroups/g"
)

type anyone struct{}

func (anyone) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: "t", ExpiresOn: time.Now().Add(time.Hour)}, nil
}

// host is what the test server's certificate is for.
const host = "example.com"

// server answers by method and path and remembers what it was asked.
type server struct {
	*http.ServeMux
	mu   sync.Mutex
	seen []string
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.seen = append(s.seen, r.Method+" "+r.URL.Path)
	s.mu.Unlock()
	s.ServeMux.ServeHTTP(w, r)
}

func (s *server) requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.seen)
}

// start runs the server and returns a client whose waits take no time.
func start(t *testing.T) (*server, *arm.Client) {
	t.Helper()
	s := &server{ServeMux: http.NewServeMux()}
	h := httptest.NewTLSServer(s)
	t.Cleanup(h.Close)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: h.Certificate().Raw})
	rt, err := cloud.Local(h.Listener.Addr().String(), ca)
	if err != nil {
		t.Fatal(err)
	}
	in := cloud.Public
	in.ResourceManager = host
	c, err := arm.New(anyone{}, arm.Options{
		Cloud: in, Transport: rt, Version: "1.2.3",
		Retry: wire.Retry{Delay: time.Nanosecond},
		Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
	})
	if err != nil {
		t.Fatal(err)
	}
	return s, c
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if body != nil {
		_ = json.NewEncoder(w).Encode(body)
	}
}

func failure(code, message string) any {
	return map[string]any{"error": map[string]any{"code": code, "message": message}}
}

func TestGetReadsATreeAndSaysWhenThereIsNone(t *testing.T) {
	s, c := start(t)
	s.HandleFunc("GET "+groupID+"/providers/X/y/there", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("api-version") != "2030-01-01" || r.Header.Get("Authorization") != "Bearer t" || r.Header.Get("User-Agent") != "kars/1.2.3" {
			t.Errorf("asked with %q, %v", r.URL.RawQuery, r.Header)
		}
		reply(w, 200, map[string]any{"name": "there", "properties": map[string]any{"newField": 1.5}})
	})
	s.HandleFunc("GET "+groupID+"/providers/X/y/none", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, 404, failure("ResourceNotFound", "none"))
	})
	got, found, err := c.Get(t.Context(), groupID+"/providers/X/y/there", "2030-01-01")
	if err != nil || !found {
		t.Fatalf("found %t, %v", found, err)
	}
	want := arm.Tree{"name": "there", "properties": map[string]any{"newField": 1.5}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("resource (-want +got):\n%s", diff)
	}
	if _, found, err = c.Get(t.Context(), groupID+"/providers/X/y/none", "2030-01-01"); err != nil || found {
		t.Errorf("found %t, %v; want neither", found, err)
	}
}

func TestCountsTellReadsFromWrites(t *testing.T) {
	s, c := start(t)
	s.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { reply(w, 200, map[string]any{}) })
	ctx := t.Context()
	ask := func(path string) {
		if err := c.Ask(ctx, path, "v", nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, action := range []string{"validate", "checkNameAvailability", "listClusterUserCredential", "checkPolicyRestrictions", "whatIf", "listKeys"} {
		ask(groupID + "/" + action)
	}
	_, _, _ = c.Get(ctx, groupID, "v")
	if reads, writes := c.Counts(); reads != 7 || writes != 0 {
		t.Errorf("%d reads and %d writes, want 7 and 0", reads, writes)
	}
	ask(groupID + "/register")
	_, _ = c.Put(ctx, groupID, "v", map[string]any{})
	_, _ = c.Patch(ctx, groupID, "v", map[string]any{})
	_, _ = c.Delete(ctx, groupID, "v")
	if reads, writes := c.Counts(); reads != 7 || writes != 4 {
		t.Errorf("%d reads and %d writes, want 7 and 4", reads, writes)
	}
}

func TestU05PermissionsReadsEveryPageP11(t *testing.T) {
	s, c := start(t)
	path := "/subscriptions/" + subscription + "/providers/Microsoft.Authorization/permissions"
	s.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("page") == "" {
			reply(w, 200, map[string]any{
				"value":    []any{map[string]any{"actions": []string{"*"}, "notActions": []string{"Microsoft.Authorization/*/Write"}}},
				"nextLink": "https://" + host + path + "?page=2",
			})
			return
		}
		reply(w, 200, map[string]any{"value": []any{map[string]any{"dataActions": []string{"A/b/read"}}}})
	})
	got, err := c.Permissions(t.Context(), arm.SubscriptionID(subscription))
	if err != nil {
		t.Fatal(err)
	}
	want := []rbac.Permission{
		{Actions: []string{"*"}, NotActions: []string{"Microsoft.Authorization/*/Write"}},
		{DataActions: []string{"A/b/read"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("permissions (-want +got):\n%s", diff)
	}
}

func TestANextPageElsewhereIsNotFollowed(t *testing.T) {
	s, c := start(t)
	s.HandleFunc("GET /subscriptions", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, 200, map[string]any{"value": []any{}, "nextLink": "https://elsewhere." + host + "/subscriptions"})
	})
	if _, err := c.Subscriptions(t.Context()); err == nil {
		t.Error("the token went to another host")
	}
	if n := len(s.requests()); n != 1 {
		t.Errorf("%d requests", n)
	}
}

func TestPutRoleAssignment(t *testing.T) {
	a := rbac.Assignment{
		Scope: groupID, PrincipalID: "p", PrincipalType: "ServicePrincipal", RoleDefinitionID: "7f951dda-4ed3-4680-a7ca-43fe172d538d",
	}
	for name, test := range map[string]struct {
		status  int
		body    any
		created bool
		code    string
	}{
		"a new one is created":                     {201, map[string]any{}, true, ""},
		"the same one is there":                    {200, map[string]any{}, false, ""},
		"the same one is there by another name":    {409, failure("RoleAssignmentExists", "The role assignment already exists."), false, ""},
		"a principal that is not replicated yet":   {400, failure("PrincipalNotFound", "Principal p does not exist"), false, "PrincipalNotFound"},
		"another one is there under the same name": {409, failure("RoleAssignmentUpdateNotPermitted", "no"), false, "RoleAssignmentUpdateNotPermitted"},
	} {
		t.Run(name, func(t *testing.T) {
			s, c := start(t)
			var body struct {
				Properties map[string]string `json:"properties"`
			}
			s.HandleFunc("PUT "+groupID+"/providers/Microsoft.Authorization/roleAssignments/n", func(w http.ResponseWriter, r *http.Request) {
				_ = json.NewDecoder(r.Body).Decode(&body)
				reply(w, test.status, test.body)
			})
			created, err := c.PutRoleAssignment(t.Context(), "n", a)
			if created != test.created || (err != nil) != (test.code != "") || (err != nil && !arm.HasCode(err, test.code)) {
				t.Errorf("created %t, %v", created, err)
			}
			want := map[string]string{
				"roleDefinitionId": "/subscriptions/" + subscription + "/providers/Microsoft.Authorization/roleDefinitions/" + a.RoleDefinitionID,
				"principalId":      "p", "principalType": "ServicePrincipal",
			}
			if diff := cmp.Diff(want, body.Properties); diff != "" {
				t.Errorf("sent (-want +got):\n%s", diff)
			}
			if n := len(s.requests()); n != 1 {
				t.Errorf("%d requests, want 1", n)
			}
		})
	}
}

func TestRoleAssignmentsAreListedByFilter(t *testing.T) {
	s, c := start(t)
	s.HandleFunc("GET "+groupID+"/providers/Microsoft.Authorization/roleAssignments", func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.URL.RawQuery, "assignedTo%28%27o%27%29%20and%20x") {
			t.Errorf("query %s", r.URL.RawQuery)
		}
		reply(w, 200, map[string]any{"value": []any{map[string]any{"id": "i", "properties": map[string]any{
			"roleDefinitionId": "/providers/Microsoft.Authorization/roleDefinitions/ABC", "principalId": "o", "principalType": "User", "scope": groupID,
		}}}})
	})
	got, err := c.RoleAssignments(t.Context(), groupID, "assignedTo('o') and x")
	if err != nil {
		t.Fatal(err)
	}
	want := []rbac.Assignment{{ID: "i", PrincipalID: "o", PrincipalType: "User", RoleDefinitionID: "abc", Scope: groupID}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("assignments (-want +got):\n%s", diff)
	}
}

func TestThrottlingIsWaitedForWithinTheDeadline(t *testing.T) {
	s, c := start(t)
	n := 0
	s.HandleFunc("GET "+groupID, func(w http.ResponseWriter, _ *http.Request) {
		if n++; n < 3 {
			w.Header().Set("Retry-After-Ms", "1")
			reply(w, 429, failure("TooManyRequests", "slow down"))
			return
		}
		reply(w, 200, map[string]any{})
	})
	if _, found, err := c.Get(t.Context(), groupID, "v"); err != nil || !found {
		t.Errorf("found %t, %v", found, err)
	}
	if reads, _ := c.Counts(); reads != 3 {
		t.Errorf("%d reads counted, want 3", reads)
	}
}

func TestThrottlingBeyondTheDeadlineIsSaidAtOnce(t *testing.T) {
	s, c := start(t)
	s.HandleFunc("GET "+groupID, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "600")
		w.Header().Set("x-ms-correlation-request-id", "cid")
		reply(w, 429, failure("SubscriptionRequestsThrottled", "slow down"))
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, _, err := c.Get(ctx, groupID, "v")
	var e *arm.Error
	if !errors.As(err, &e) || e.RetryAfter != 10*time.Minute || e.CorrelationID != "cid" || !arm.IsTransient(err) {
		t.Errorf("got %#v", err)
	}
}

func TestCredentialsAndVersionsOfAManagedCluster(t *testing.T) {
	s, c := start(t)
	id := arm.ClusterID(subscription, "g", "kars-aks")
	s.HandleFunc("POST "+id+"/listClusterUserCredential", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, 200, map[string]any{"kubeconfigs": []any{map[string]any{"name": "clusterUser", "value": "YXBpVmVyc2lvbjogdjE="}}})
	})
	s.HandleFunc("POST "+id+"/listClusterAdminCredential", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, 200, map[string]any{"kubeconfigs": []any{}})
	})
	s.HandleFunc("GET /subscriptions/"+subscription+"/providers/Microsoft.ContainerService/locations/eastus2/kubernetesVersions",
		func(w http.ResponseWriter, _ *http.Request) {
			reply(w, 200, map[string]any{"values": []any{map[string]any{"version": "1.36", "isDefault": true, "patchVersions": map[string]any{"1.36.3": nil}}}})
		})
	raw, err := c.UserCredential(t.Context(), id)
	if err != nil || string(raw) != "apiVersion: v1" {
		t.Errorf("kubeconfig %q, %v", raw, err)
	}
	if _, err := c.AdminCredential(t.Context(), id); err == nil {
		t.Error("an answer without a kubeconfig is accepted")
	}
	versions, err := c.KubernetesVersions(t.Context(), subscription, "eastus2")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]arm.KubernetesVersion{{Version: "1.36", Patches: []string{"1.36.3"}, Default: true}}, versions); diff != "" {
		t.Errorf("versions (-want +got):\n%s", diff)
	}
	if _, writes := c.Counts(); writes != 0 {
		t.Errorf("%d writes", writes)
	}
}

func TestImportImageNamesSourceAndTags(t *testing.T) {
	s, c := start(t)
	s.HandleFunc("POST "+groupID+"/providers/Microsoft.ContainerRegistry/registries/r/importImage", func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		const want = `{"mode":"NoForce","source":{"registryUri":"ghcr.io","sourceImage":"kars-dev/kars-agent:1"},"targetTags":["kars-agent:1"]}`
		if string(raw) != want {
			t.Errorf("sent %s, want %s", raw, want)
		}
		w.Header().Set("Location", "https://"+host+"/done")
		w.WriteHeader(202)
	})
	s.HandleFunc("GET /done", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(200) })
	o, err := c.ImportImage(t.Context(), groupID+"/providers/Microsoft.ContainerRegistry/registries/r",
		arm.Import{Registry: "ghcr.io", Image: "kars-dev/kars-agent:1", Tags: []string{"kars-agent:1"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.Wait(t.Context()); err != nil {
		t.Error(err)
	}
}

func ExampleError() {
	err := error(&arm.Error{Status: 403, Code: "AuthorizationFailed", Message: "no", CorrelationID: "c"})
	fmt.Println(err)
	fmt.Println(arm.IsForbidden(err), arm.IsNotFound(err))
	// Output:
	// AuthorizationFailed: no (status 403, correlation id c)
	// true false
}
