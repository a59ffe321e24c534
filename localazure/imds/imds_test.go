package imds_test

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/kars-dev/kars/localazure/directory"
	"github.com/kars-dev/kars/localazure/entra"
	"github.com/kars-dev/kars/localazure/imds"
	"github.com/kars-dev/kars/localazure/store"
)

const (
	tenant = "11111111-2222-4333-8444-555555555555"
	prefix = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/"
)

// region is a tenant with two nodes that carry different identities.
type region struct {
	t                      *testing.T
	directory              *directory.Directory
	authority              *entra.Authority
	controller, kubelet    directory.Principal
	system, sandbox, naked *imds.Service
}

func newRegion(t *testing.T) *region {
	t.Helper()
	st, err := store.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	r := &region{t: t, directory: directory.New(st, time.Now, tenant)}
	if r.authority, err = entra.New(entra.Options{Store: st, Directory: r.directory, Now: time.Now}); err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]*directory.Principal{"controller": &r.controller, "kubelet": &r.kubelet} {
		if *p, err = r.directory.CreateManagedIdentity(prefix+name, name); err != nil {
			t.Fatal(err)
		}
	}
	r.system = r.node(r.kubelet.ARMID, r.controller.ARMID)
	r.sandbox = r.node(r.kubelet.ARMID)
	r.naked = r.node()
	return r
}

func (r *region) node(identities ...string) *imds.Service {
	return imds.New(imds.Options{
		Issuer: r.authority, Now: time.Now, Principal: r.directory.ManagedIdentity,
		Identities: func(context.Context) ([]string, error) { return identities, nil },
		Instance:   imds.Instance{Name: "aks-system-0", ResourceID: "/subscriptions/s/vm", Location: "eastus2"},
	})
}

func ask(t *testing.T, node *imds.Service, query string, header http.Header) (int, map[string]any) {
	t.Helper()
	req := httptest.NewRequest(http.MethodGet, "http://169.254.169.254/metadata/"+query, nil)
	req.Header = header
	rec := httptest.NewRecorder()
	node.ServeHTTP(rec, req)
	var body map[string]any
	if err := json.Unmarshal(rec.Body.Bytes(), &body); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return rec.Code, body
}

func metadata() http.Header { return http.Header{"Metadata": {"true"}} }

func TestU30NodeGivesTokensOfItsOwnIdentitiesAlone(t *testing.T) {
	r := newRegion(t)
	const arm = "identity/oauth2/token?api-version=2018-02-01&resource=https://management.azure.com/"
	for name, c := range map[string]struct {
		node   *imds.Service
		query  string
		status int
		want   string // object id
	}{
		"a node with one identity needs no name":   {r.sandbox, arm, 200, r.kubelet.ID},
		"a node with two asks which":               {r.system, arm, 400, ""},
		"by client id":                             {r.system, arm + "&client_id=" + r.controller.AppID, 200, r.controller.ID},
		"by object id":                             {r.system, arm + "&object_id=" + r.controller.ID, 200, r.controller.ID},
		"by ARM id":                                {r.system, arm + "&mi_res_id=" + r.controller.ARMID, 200, r.controller.ID},
		"an identity of another node is not found": {r.sandbox, arm + "&client_id=" + r.controller.AppID, 400, ""},
		"nor by its object id":                     {r.sandbox, arm + "&object_id=" + r.controller.ID, 400, ""},
		"nor by its ARM id":                        {r.sandbox, arm + "&msi_res_id=" + r.controller.ARMID, 400, ""},
		"a node without identities has none":       {r.naked, arm, 400, ""},
		"two names are one too many":               {r.system, arm + "&client_id=" + r.controller.AppID + "&object_id=" + r.kubelet.ID, 400, ""},
		"a resource that there is not is refused":  {r.sandbox, "identity/oauth2/token?api-version=2018-02-01&resource=https://unknown.example", 400, ""},
		"a resource is required":                   {r.sandbox, "identity/oauth2/token?api-version=2018-02-01", 400, ""},
		"a version is required":                    {r.sandbox, "identity/oauth2/token?resource=https://management.azure.com/", 400, ""},
	} {
		t.Run(name, func(t *testing.T) {
			status, body := ask(t, c.node, c.query, metadata())
			if status != c.status {
				t.Fatalf("answered %d %v, want %d", status, body, c.status)
			}
			token, _ := body["access_token"].(string)
			if c.want == "" {
				if token != "" || body["error"] == nil || body["error_description"] == nil {
					t.Errorf("refused with %v, want error and error_description and no token", body)
				}
				return
			}
			claims, err := r.authority.Verify(t.Context(), token, "https://management.azure.com")
			if err != nil || claims.ObjectID != c.want || claims.IdentityType != "app" {
				t.Errorf("token of %q (%v), want %q", claims.ObjectID, err, c.want)
			}
		})
	}
}

func TestU30RequestThatSomebodyWasTrickedIntoIsRefused(t *testing.T) {
	r := newRegion(t)
	for name, header := range map[string]http.Header{
		"without the header Metadata": {},
		"with another value in it":    {"Metadata": {"yes"}},
		"passed on by a proxy":        {"Metadata": {"true"}, "X-Forwarded-For": {"10.0.0.1"}},
	} {
		for _, query := range []string{"identity/oauth2/token?api-version=2018-02-01&resource=https://management.azure.com/", "instance?api-version=2021-02-01"} {
			if status, body := ask(t, r.sandbox, query, header); status != http.StatusBadRequest {
				t.Errorf("%s: answered %d %v, want 400", name, status, body)
			}
		}
	}
}

func TestU30DeletedIdentityGetsNoToken(t *testing.T) {
	r := newRegion(t)
	if err := r.directory.DeleteManagedIdentity(r.kubelet.ARMID); err != nil {
		t.Fatal(err)
	}
	status, body := ask(t, r.sandbox, "identity/oauth2/token?api-version=2018-02-01&resource=https://management.azure.com/", metadata())
	if status != http.StatusBadRequest || body["error_description"] != "Identity not found" {
		t.Errorf("answered %d %v, want 400 Identity not found", status, body)
	}
}

func TestU30AzidentityGetsANodesToken(t *testing.T) {
	r := newRegion(t)
	server := httptest.NewServer(r.system)
	t.Cleanup(server.Close)
	client := &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, network, server.Listener.Addr().String())
		},
	}}
	cred, err := azidentity.NewManagedIdentityCredential(&azidentity.ManagedIdentityCredentialOptions{
		ClientOptions: azcore.ClientOptions{Transport: client}, ID: azidentity.ClientID(r.controller.AppID),
	})
	if err != nil {
		t.Fatal(err)
	}
	token, err := cred.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{"https://cognitiveservices.azure.com/.default"}})
	if err != nil {
		t.Fatal(err)
	}
	claims, err := r.authority.Verify(t.Context(), token.Token, "https://cognitiveservices.azure.com")
	if err != nil || claims.ObjectID != r.controller.ID {
		t.Errorf("token of %q (%v), want the controller's", claims.ObjectID, err)
	}
}

func TestInstanceSaysWhatTheNodeIs(t *testing.T) {
	r := newRegion(t)
	status, body := ask(t, r.sandbox, "instance?api-version=2021-02-01", metadata())
	compute, _ := body["compute"].(map[string]any)
	if status != http.StatusOK || compute["name"] != "aks-system-0" || compute["location"] != "eastus2" {
		t.Errorf("answered %d %v, want the node's name and location", status, body)
	}
}
