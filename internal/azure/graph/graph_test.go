package graph

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/google/go-cmp/cmp"

	"github.com/kars-dev/kars/internal/azure/cloud"
	"github.com/kars-dev/kars/internal/azure/wire"
)

type bearer string

func (b bearer) GetToken(_ context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	if o.Scopes[0] != "https://example.com/.default" {
		return azcore.AccessToken{}, errors.New("asked for " + o.Scopes[0])
	}
	return azcore.AccessToken{Token: string(b), ExpiresOn: time.Now().Add(time.Hour)}, nil
}

func start(t *testing.T, token string) (*http.ServeMux, *Client) {
	t.Helper()
	mux := http.NewServeMux()
	s := httptest.NewTLSServer(mux)
	t.Cleanup(s.Close)
	rt, err := cloud.Local(s.Listener.Addr().String(), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}))
	if err != nil {
		t.Fatal(err)
	}
	in := cloud.Public
	in.Graph = "example.com" // what the test server's certificate is for
	c, err := New(bearer(token), Options{Cloud: in, Transport: rt, Version: "1.2.3", Retry: wire.Retry{Delay: time.Nanosecond}})
	if err != nil {
		t.Fatal(err)
	}
	return mux, c
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func TestDoSendsAndReadsJSON(t *testing.T) {
	mux, c := start(t, "t")
	mux.HandleFunc("POST /v1.0/applications", func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		if string(raw) != `{"@odata.type":"#x"}` || r.Header.Get("Authorization") != "Bearer t" ||
			r.Header.Get("OData-Version") != "4.0" || r.Header.Get("User-Agent") != "kars/1.2.3" {
			t.Errorf("sent %s with %v", raw, r.Header)
		}
		reply(w, 201, map[string]any{"id": "1"})
	})
	var out struct{ ID string }
	if err := c.Do(t.Context(), http.MethodPost, "/v1.0/applications", map[string]any{"@odata.type": "#x"}, &out); err != nil || out.ID != "1" {
		t.Errorf("id %q, %v", out.ID, err)
	}
	if reads, writes := c.Counts(); reads != 0 || writes != 1 {
		t.Errorf("%d reads, %d writes", reads, writes)
	}
}

func TestAFilterMayHoldSpacesAndQuotes(t *testing.T) {
	mux, c := start(t, "t")
	mux.HandleFunc("GET /v1.0/applications", func(w http.ResponseWriter, r *http.Request) {
		if got := r.URL.Query().Get("$filter"); got != "displayName eq 'kars-blueprint-a'" {
			t.Errorf("filter %q", got)
		}
		reply(w, 200, map[string]any{"value": []any{}})
	})
	if err := c.Do(t.Context(), http.MethodGet, "/v1.0/applications?$filter=displayName eq 'kars-blueprint-a'", nil, nil); err != nil {
		t.Error(err)
	}
}

func TestARefusalIsAnError(t *testing.T) {
	mux, c := start(t, "t")
	mux.HandleFunc("/v1.0/x", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, 403, map[string]any{"error": map[string]any{
			"code": "Authorization_RequestDenied", "message": "Insufficient privileges to complete the operation.",
			"innerError": map[string]any{"request-id": "rid"},
		}})
	})
	err := c.Do(t.Context(), http.MethodGet, "/v1.0/x", nil, nil)
	var got *Error
	if !errors.As(err, &got) {
		t.Fatalf("got %v, want an Error", err)
	}
	want := &Error{
		Method: "GET", Path: "/v1.0/x", Status: 403, Code: "Authorization_RequestDenied",
		Message: "Insufficient privileges to complete the operation.", RequestID: "rid",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
	if !IsForbidden(err) || IsNotFound(err) || !HasCode(err, "authorization_requestdenied") {
		t.Error("the error is not recognised")
	}
}

func TestACreateIsNotSentAgainWhenItMayHaveBeenDone(t *testing.T) {
	mux, c := start(t, "t")
	asked := map[string]int{}
	mux.HandleFunc("/v1.0/x", func(w http.ResponseWriter, r *http.Request) {
		asked[r.Method]++
		reply(w, 500, map[string]any{})
	})
	for method, want := range map[string]int{http.MethodPost: 1, http.MethodGet: 6} {
		if err := c.Do(t.Context(), method, "/v1.0/x", nil, nil); !IsTransient(err) {
			t.Errorf("%s: %v is not transient", method, err)
		}
		if asked[method] != want {
			t.Errorf("%s went out %d times, want %d", method, asked[method], want)
		}
	}
}

func TestU25DirectoryRolesAreReadForUsersAndServicePrincipals(t *testing.T) {
	mux, c := start(t, "t")
	page := func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("ConsistencyLevel") != "eventual" {
			t.Error("a cast collection is asked for without ConsistencyLevel")
		}
		if r.URL.Query().Get("page") == "" {
			reply(w, 200, map[string]any{
				"value":           []any{map[string]any{"id": "1", "roleTemplateId": "a", "displayName": "A"}},
				"@odata.nextLink": "https://example.com" + r.URL.Path + "?$count=true&page=2",
			})
			return
		}
		reply(w, 200, map[string]any{"value": []any{map[string]any{"id": "2", "roleTemplateId": "b", "displayName": "B"}}})
	}
	mux.HandleFunc("GET /v1.0/me/transitiveMemberOf/microsoft.graph.directoryRole", page)
	mux.HandleFunc("GET /v1.0/servicePrincipals/o/transitiveMemberOf/microsoft.graph.directoryRole", page)
	want := []Role{{ID: "1", TemplateID: "a", Name: "A"}, {ID: "2", TemplateID: "b", Name: "B"}}
	for name, ask := range map[string]func() ([]Role, error){
		"a user":              func() ([]Role, error) { return c.MyDirectoryRoles(t.Context()) },
		"a service principal": func() ([]Role, error) { return c.ServicePrincipalDirectoryRoles(t.Context(), "o") },
	} {
		got, err := ask()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: roles (-want +got):\n%s", name, diff)
		}
	}
	if reads, writes := c.Counts(); reads != 4 || writes != 0 {
		t.Errorf("%d reads, %d writes", reads, writes)
	}
}

func TestANextPageElsewhereIsNotFollowed(t *testing.T) {
	mux, c := start(t, "t")
	mux.HandleFunc("GET /v1.0/x", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, 200, map[string]any{"value": []any{}, "@odata.nextLink": "https://elsewhere.example.com/"})
	})
	if _, err := List[Role](t.Context(), c, "/v1.0/x"); err == nil {
		t.Error("the token went to another host")
	}
}

func TestMeAndServicePrincipal(t *testing.T) {
	mux, c := start(t, "t")
	mux.HandleFunc("GET /v1.0/me", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, 200, map[string]any{"id": "u", "displayName": "Ada", "userPrincipalName": "ada@x", "userType": "Guest"})
	})
	mux.HandleFunc("GET /v1.0/servicePrincipals/s", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, 200, map[string]any{"id": "s", "displayName": "ci", "appId": "a"})
	})
	me, err := c.Me(t.Context())
	if diff := cmp.Diff(Principal{ID: "u", DisplayName: "Ada", UPN: "ada@x", UserType: "Guest"}, me); err != nil || diff != "" {
		t.Errorf("me: %v\n%s", err, diff)
	}
	sp, err := c.ServicePrincipal(t.Context(), "s")
	if diff := cmp.Diff(Principal{ID: "s", DisplayName: "ci", AppID: "a"}, sp); err != nil || diff != "" {
		t.Errorf("service principal: %v\n%s", err, diff)
	}
}

func TestPermissionsAreThoseOfTheToken(t *testing.T) {
	raw := base64.RawURLEncoding.EncodeToString([]byte(`{"scp":"Directory.AccessAsUser.All User.Read","roles":["R"]}`))
	_, c := start(t, "e30."+raw+".s")
	got, err := c.Permissions(t.Context())
	want := Permissions{Delegated: []string{"Directory.AccessAsUser.All", "User.Read"}, Application: []string{"R"}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
}

func FuzzPermissions(f *testing.F) {
	for _, seed := range []string{"", "..", "e30.e30.e30", "a.!.c", "e30.eyJzY3AiOjF9.x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		if p, err := permissions(token); err != nil && (p.Delegated != nil || p.Application != nil) {
			t.Errorf("an error and %+v", p)
		}
	})
}

func FuzzParseError(f *testing.F) {
	f.Add([]byte(`{"error":{"code":"Request_BadRequest","message":"m","details":[{"code":"X","target":"t"}]}}`))
	f.Add([]byte(`{"error":"text"}`))
	f.Add([]byte(``))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if e := parseError(raw); e.Status != 0 {
			t.Errorf("a status out of nothing: %+v", e)
		}
	})
}
