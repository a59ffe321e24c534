package credential

import (
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/google/go-cmp/cmp"

	"github.com/kars-dev/kars/internal/azure/cloud"
)

func token(t *testing.T, claims map[string]any) string {
	t.Helper()
	raw, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	return "e30." + base64.RawURLEncoding.EncodeToString(raw) + ".c2ln"
}

func TestU07CallerMayBeAUserOrAServicePrincipal(t *testing.T) {
	for name, test := range map[string]struct {
		claims map[string]any
		want   Caller
	}{
		"a user is named by the principal name": {
			map[string]any{"oid": "o", "tid": "t", "appid": "cli", "idtyp": "user", "upn": "ada@contoso.example", "name": "Ada"},
			Caller{ObjectID: "o", TenantID: "t", AppID: "cli", Type: User, DisplayName: "ada@contoso.example", HomeTenant: true},
		},
		"a user's token without idtyp is known by its scopes": {
			map[string]any{"oid": "o", "tid": "t", "azp": "cli", "scp": "user_impersonation", "preferred_username": "ada"},
			Caller{ObjectID: "o", TenantID: "t", AppID: "cli", Type: User, DisplayName: "ada", HomeTenant: true},
		},
		"a guest's identity provider is another": {
			map[string]any{"oid": "o", "tid": "t", "scp": "x", "iss": "https://sts.windows.net/t/", "idp": "https://sts.windows.net/u/"},
			Caller{ObjectID: "o", TenantID: "t", Type: User, DisplayName: "o"},
		},
		"an application has no scopes": {
			map[string]any{"oid": "o", "tid": "t", "appid": "a", "app_displayname": "ci", "idp": "https://sts.windows.net/t/", "iss": "https://sts.windows.net/t/"},
			Caller{ObjectID: "o", TenantID: "t", AppID: "a", Type: ServicePrincipal, DisplayName: "ci", HomeTenant: true},
		},
		"a managed identity says only that it is an application": {
			map[string]any{"oid": "o", "tid": "t", "appid": "a", "idtyp": "app"},
			Caller{ObjectID: "o", TenantID: "t", AppID: "a", Type: ServicePrincipal, DisplayName: "o", HomeTenant: true},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := decode(token(t, test.claims))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("caller (-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{"", "..", "a.b.c", "e30.e30.e30", "e30.eyJvaWQiOiJvIiwidGlkIjoidCJ9.", "e30.eyJvaWQiOjF9.x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		c, err := decode(raw)
		if err == nil && (c.ObjectID == "" || c.TenantID == "" || c.DisplayName == "") {
			t.Errorf("decode(%q) = %+v: incomplete and no error", raw, c)
		}
	})
}

// authority is an Entra that knows one user and one application.
type authority struct {
	mu     sync.Mutex
	forms  []url.Values
	answer func(form url.Values) (int, any)
}

func (a *authority) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost || r.URL.Path != "/tenant/oauth2/v2.0/token" {
		http.NotFound(w, r)
		return
	}
	_ = r.ParseForm()
	a.mu.Lock()
	a.forms = append(a.forms, r.PostForm)
	a.mu.Unlock()
	status, body := a.answer(r.PostForm)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// local starts the authority and returns options that reach it by its name.
func local(t *testing.T, h http.Handler) Options {
	t.Helper()
	s := httptest.NewTLSServer(h)
	t.Cleanup(s.Close)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	tr, err := cloud.Local(s.Listener.Addr().String(), ca)
	if err != nil {
		t.Fatal(err)
	}
	c := cloud.Public
	c.ActiveDirectoryHost = "example.com" // what the test server's certificate is for
	return Options{Cloud: c, Transport: tr}
}

func principalFile(t *testing.T, p Principal) string {
	t.Helper()
	raw, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), p.Name+".json")
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func get(t *testing.T, c azcore.TokenCredential, scope string) (azcore.AccessToken, error) {
	t.Helper()
	return c.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{scope}})
}

var (
	owner = Principal{Name: "owner", Type: "user", TenantID: "tenant", Username: "owner@x", Password: "pw"}
	robot = Principal{Name: "ci", Type: "sp", TenantID: "tenant", ClientID: "app", Secret: "sh"}
)

func TestForLocalSendsThePrincipalsGrant(t *testing.T) {
	for name, test := range map[string]struct {
		principal Principal
		want      url.Values
	}{
		"a user by password through kars' own client": {owner, url.Values{
			"grant_type": {"password"}, "client_id": {PublicClientID}, "username": {"owner@x"}, "password": {"pw"}, "scope": {"s/.default"},
		}},
		"a service principal by its secret": {robot, url.Values{
			"grant_type": {"client_credentials"}, "client_id": {"app"}, "client_secret": {"sh"}, "scope": {"s/.default"},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			a := &authority{answer: func(url.Values) (int, any) {
				return 200, map[string]any{"access_token": "at", "expires_in": 3600}
			}}
			c, err := ForLocal(principalFile(t, test.principal), local(t, a))
			if err != nil {
				t.Fatal(err)
			}
			got, err := get(t, c, "s/.default")
			if err != nil {
				t.Fatal(err)
			}
			if left := time.Until(got.ExpiresOn); got.Token != "at" || left < 59*time.Minute || left > time.Hour {
				t.Errorf("token %q with %s left", got.Token, left)
			}
			if diff := cmp.Diff([]url.Values{test.want}, a.forms); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTokensAreKeptPerScopeUntilTheyAreOld(t *testing.T) {
	n := 0
	a := &authority{}
	a.answer = func(url.Values) (int, any) {
		n++
		return 200, map[string]any{"access_token": fmt.Sprint(n), "expires_in": 3600}
	}
	o := local(t, a)
	c := newGrant(owner, o.client())
	now := time.Now()
	c.now = func() time.Time { return now }
	for _, step := range []struct {
		after time.Duration
		scope string
		want  string
	}{{0, "a", "1"}, {0, "a", "1"}, {0, "b", "2"}, {54 * time.Minute, "a", "1"}, {2 * time.Minute, "a", "3"}} {
		now = now.Add(step.after)
		got, err := get(t, c, step.scope)
		if err != nil {
			t.Fatal(err)
		}
		if got.Token != step.want {
			t.Errorf("after %s more, scope %s: token %s, want %s", step.after, step.scope, got.Token, step.want)
		}
	}
}

func TestATokenThatAServerChallengedIsNotHandedOutAgain(t *testing.T) {
	n := 0
	a := &authority{answer: func(url.Values) (int, any) {
		n++
		return 200, map[string]any{"access_token": fmt.Sprint(n), "expires_in": 3600}
	}}
	c := newGrant(owner, local(t, a).client())
	for _, claims := range []string{"", "", `{"access_token":{}}`} {
		if _, err := c.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{"a"}, Claims: claims}); err != nil {
			t.Fatal(err)
		}
	}
	if n != 2 {
		t.Errorf("%d tokens were asked for, want 2", n)
	}
}

func TestARefusalIsAnErrorWithEntrasNumber(t *testing.T) {
	const description = "AADSTS50126: Error validating credentials due to invalid username or password. Trace ID: 1 Correlation ID: 2 Timestamp: 3"
	a := &authority{answer: func(url.Values) (int, any) {
		return 400, map[string]any{"error": "invalid_grant", "error_description": description, "correlation_id": "2"}
	}}
	c, err := ForLocal(principalFile(t, owner), local(t, a))
	if err != nil {
		t.Fatal(err)
	}
	_, err = get(t, c, "a")
	var refused *Error
	if !errors.As(err, &refused) {
		t.Fatalf("got %v, want an Error", err)
	}
	want := &Error{
		Status: 400, Code: "invalid_grant", Number: "AADSTS50126", CorrelationID: "2",
		Message: "AADSTS50126: Error validating credentials due to invalid username or password.",
	}
	if diff := cmp.Diff(want, refused); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
	if len(a.forms) != 1 {
		t.Errorf("a refusal was asked for %d times", len(a.forms))
	}
	if strings.Contains(err.Error(), "pw") {
		t.Errorf("the password is in the error: %v", err)
	}
}

func FuzzParseError(f *testing.F) {
	f.Add([]byte(`{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided."}`))
	f.Add([]byte(`<html>`))
	f.Add([]byte(``))
	f.Fuzz(func(t *testing.T, body []byte) {
		if e := parseError(400, body); e.Code == "" && e.Message == "" && json.Valid(body) == false {
			t.Errorf("parseError(%q) says nothing", body)
		}
	})
}

func TestForLocalSaysThatTheLocalAzureIsNotRunning(t *testing.T) {
	o := local(t, http.NotFoundHandler())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	s := httptest.NewTLSServer(http.NotFoundHandler())
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	s.Close()
	if o.Transport, err = cloud.Local(address, ca); err != nil {
		t.Fatal(err)
	}
	for _, p := range []Principal{owner, robot} {
		c, err := ForLocal(principalFile(t, p), o)
		if err != nil {
			t.Fatal(err)
		}
		_, err = get(t, c, "a")
		var down *cloud.NotRunningError
		if !errors.As(err, &down) {
			t.Errorf("as %s: got %v, want a NotRunningError", p.Name, err)
		}
	}
}

func TestReadPrincipalRefusesWhatCannotSignIn(t *testing.T) {
	for name, p := range map[string]Principal{
		"no tenant":                          {Type: "user", Username: "u", Password: "p"},
		"a user without a password":          {Type: "user", TenantID: "t", Username: "u"},
		"a service principal without secret": {Type: "sp", TenantID: "t", ClientID: "c"},
		"another type":                       {Type: "group", TenantID: "t"},
	} {
		if _, err := ReadPrincipal(principalFile(t, p)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := ReadPrincipal(filepath.Join(t.TempDir(), "none.json")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}

func TestDefaultReadsTheEnvironmentAsAzidentityDoes(t *testing.T) {
	t.Setenv("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential")
	t.Setenv("AZURE_TENANT_ID", "")
	c, err := Default(Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = get(t, c, "https://management.azure.com/.default")
	var none *Error
	if !errors.As(err, &none) || none.Diagnosis().Code != "CredentialUnavailable" {
		t.Errorf("got %v, want an Error that no credential is available", err)
	}
}
