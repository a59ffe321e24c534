package graph_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/kars-dev/kars/localazure/directory"
	"github.com/kars-dev/kars/localazure/entra"
	"github.com/kars-dev/kars/localazure/graph"
	"github.com/kars-dev/kars/localazure/store"
)

const tenant = "11111111-2222-4333-8444-555555555555"

// world is a tenant with its authority and its Graph.
type world struct {
	t         *testing.T
	directory *directory.Directory
	authority *entra.Authority
	graph     *graph.Service
}

func newWorld(t *testing.T) *world {
	t.Helper()
	st, err := store.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	d := directory.New(st, time.Now, tenant)
	if err := d.Found(); err != nil {
		t.Fatal(err)
	}
	a, err := entra.New(entra.Options{Store: st, Directory: d, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return &world{t: t, directory: d, authority: a, graph: graph.New(graph.Options{Directory: d, Verifier: a, Now: time.Now})}
}

// person is someone with a Graph token.
type person struct {
	directory.Principal
	token string
}

// user creates a user with directory roles, signed in with the client.
func (w *world) user(name, client string, roles ...string) person {
	w.t.Helper()
	p, err := w.directory.CreateUser(directory.NewUser{UPN: name + "@" + directory.Domain, Password: "pass of " + name})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, r := range roles {
		if err := w.directory.AssignDirectoryRole(p.ID, r); err != nil {
			w.t.Fatal(err)
		}
	}
	return person{p, w.signIn(url.Values{
		"grant_type": {"password"}, "client_id": {client}, "username": {p.UPN}, "password": {"pass of " + name},
	})}
}

// app creates an application with permissions of Graph.
func (w *world) app(name string, permissions ...string) person {
	w.t.Helper()
	p, secret, err := w.directory.CreateServicePrincipalWithSecret(name)
	if err != nil {
		w.t.Fatal(err)
	}
	err = w.directory.Update(func(t *directory.Tx) error {
		for _, name := range permissions {
			if err := t.GrantPermission(p.ID, directory.GraphAppID, name); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return person{p, w.signIn(url.Values{
		"grant_type": {"client_credentials"}, "client_id": {p.AppID}, "client_secret": {secret.Text},
	})}
}

func (w *world) signIn(form url.Values) string {
	w.t.Helper()
	form.Set("scope", "https://graph.microsoft.com/.default")
	r := httptest.NewRequest(http.MethodPost, "https://login.microsoftonline.com/"+tenant+"/oauth2/v2.0/token", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	rec := httptest.NewRecorder()
	w.authority.ServeHTTP(rec, r)
	var body map[string]any
	if err := json.Unmarshal(rec.Body.Bytes(), &body); err != nil {
		w.t.Fatal(err)
	}
	if rec.Code != http.StatusOK {
		w.t.Fatalf("signing in: %v", body["error_description"])
	}
	return body["access_token"].(string)
}

// tree is a JSON object.
type tree = map[string]any

// do sends a request to Graph.
func (w *world) do(who person, method, path string, body any) (int, tree) {
	w.t.Helper()
	var raw bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&raw).Encode(body); err != nil {
			w.t.Fatal(err)
		}
	}
	r := httptest.NewRequest(method, "https://graph.microsoft.com"+path, &raw)
	if who.token != "" {
		r.Header.Set("Authorization", "Bearer "+who.token)
	}
	rec := httptest.NewRecorder()
	w.graph.ServeHTTP(rec, r)
	var out tree
	if rec.Body.Len() > 0 {
		if err := json.Unmarshal(rec.Body.Bytes(), &out); err != nil {
			w.t.Fatalf("%s %s: %v", method, path, err)
		}
	}
	return rec.Code, out
}

// ok sends a request that must be answered with the status.
func (w *world) ok(who person, status int, method, path string, body any) tree {
	w.t.Helper()
	got, out := w.do(who, method, path, body)
	if got != status {
		w.t.Fatalf("%s %s answered %d, want %d: %v", method, path, got, status, out)
	}
	return out
}

// refused sends a request that must be refused with status and code.
func (w *world) refused(who person, status int, code, method, path string, body any) {
	w.t.Helper()
	got, out := w.do(who, method, path, body)
	if e, _ := out["error"].(tree); got != status || e["code"] != code {
		w.t.Errorf("%s %s answered %d %v, want %d %s", method, path, got, out, status, code)
	}
}

func sponsoredBy(id string) []string { return []string{"https://graph.microsoft.com/v1.0/users/" + id} }

// blueprint creates a blueprint with its principal as someone.
func (w *world) blueprint(who person, name string) tree {
	w.t.Helper()
	app := w.ok(who, http.StatusCreated, "POST", "/v1.0/applications/", tree{
		"@odata.type": "Microsoft.Graph.AgentIdentityBlueprint", "displayName": name,
		"sponsors@odata.bind": sponsoredBy(who.ID), "owners@odata.bind": sponsoredBy(who.ID),
	})
	w.ok(who, http.StatusCreated, "POST", "/v1.0/servicePrincipals", tree{"appId": app["appId"]})
	return app
}

// asBlueprint signs in as a blueprint with a secret.
func (w *world) asBlueprint(app tree) person {
	w.t.Helper()
	var secret directory.Secret
	var sp directory.Object
	err := w.directory.Update(func(t *directory.Tx) (err error) {
		if sp, _, err = t.ServicePrincipalByAppID(app["appId"].(string)); err != nil {
			return err
		}
		secret, err = t.AddSecret(app["id"].(string), "test", time.Time{})
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return person{sp.Principal(), w.signIn(url.Values{
		"grant_type": {"client_credentials"}, "client_id": {app["appId"].(string)}, "client_secret": {secret.Text},
	})}
}
