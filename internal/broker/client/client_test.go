package client

import (
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// serve starts a TLS server and returns a client that trusts it.
func serve(t *testing.T, h http.HandlerFunc) (*Client, *httptest.Server) {
	t.Helper()
	srv := httptest.NewTLSServer(h)
	t.Cleanup(srv.Close)
	c, err := New(Options{
		BaseURL:   srv.URL,
		TokenFile: write(t, "token", "the-token\n"),
		CAFile:    write(t, "ca.crt", string(caOf(srv))),
	})
	if err != nil {
		t.Fatal(err)
	}
	return c, srv
}

func caOf(srv *httptest.Server) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})
}

func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTokenSendsTheTokenFileAndReadsTheExpiry(t *testing.T) {
	var auth, body string
	c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		auth, body = r.Header.Get("Authorization"), string(raw)
		_, _ = io.WriteString(w, `{"accessToken":"a.b.c","expiresOn":1700000000}`)
	})
	got, err := c.Token(t.Context(), "https://vault.azure.net")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Token{AccessToken: "a.b.c", ExpiresOn: time.Unix(1700000000, 0)}, got); diff != "" {
		t.Errorf("token (-want +got):\n%s", diff)
	}
	if auth != "Bearer the-token" {
		t.Errorf("Authorization = %q, want the file's token without its newline", auth)
	}
	if want := `{"resource":"https://vault.azure.net"}`; body != want {
		t.Errorf("body = %s, want %s", body, want)
	}
}

func TestIdentityCallsNameTheSandboxInThePath(t *testing.T) {
	var seen []string
	c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.Method+" "+r.URL.String())
		if r.Method == http.MethodDelete {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		_, _ = io.WriteString(w, `{"appId":"a","objectId":"a","displayName":"d"}`)
	})
	id, err := c.EnsureIdentity(t.Context(), "kars", "one", "uid-1", "d")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Identity{AppID: "a", ObjectID: "a", DisplayName: "d"}, id); diff != "" {
		t.Errorf("identity (-want +got):\n%s", diff)
	}
	if err := c.DeleteIdentity(t.Context(), "kars", "one", "uid 1"); err != nil {
		t.Fatal(err)
	}
	want := []string{"PUT /v1/identities/kars/one", "DELETE /v1/identities/kars/one?uid=uid+1"}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestErrorsAreTyped(t *testing.T) {
	tests := map[string]struct {
		status    int
		body      string
		code      Code
		temporary bool
	}{
		"a refusal keeps its code and is final":  {403, `{"error":{"code":"Forbidden","message":"no"}}`, CodeForbidden, false},
		"an identity still to come is temporary": {409, `{"error":{"code":"IdentityPending","message":"wait"}}`, CodeIdentityPending, true},
		"a proxy's page becomes unavailable":     {502, `<html>`, CodeUnavailable, true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			c, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(tc.status)
				_, _ = io.WriteString(w, tc.body)
			})
			_, err := c.Token(t.Context(), "r")
			if !IsCode(err, tc.code) {
				t.Fatalf("error = %v, want code %s", err, tc.code)
			}
			if IsTemporary(err) != tc.temporary {
				t.Errorf("temporary = %v, want %v", !tc.temporary, tc.temporary)
			}
		})
	}
}

func TestNoErrorQuotesAToken(t *testing.T) {
	c, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"accessToken":"secret.secret.secret"`)
	})
	_, err := c.Token(t.Context(), "r")
	if err == nil || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "the-token") {
		t.Errorf("error = %v, want one without the token", err)
	}
}

func TestARedirectIsNotFollowed(t *testing.T) {
	var reached bool
	c, srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/elsewhere" {
			reached = true
			return
		}
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	})
	_ = srv
	if _, err := c.Token(t.Context(), "r"); err == nil || reached {
		t.Errorf("error = %v, reached = %v: want a refusal and no second request", err, reached)
	}
}

func TestAChangedCAFileIsReadAgain(t *testing.T) {
	ok := func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(TokenReply{AccessToken: "x", ExpiresOn: 1})
	}
	c, srv := serve(t, ok)
	good := caOf(srv)
	if err := os.WriteFile(c.caFile, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Token(t.Context(), "r"); err == nil {
		t.Fatal("a CA file without a certificate was trusted")
	}
	if err := os.WriteFile(c.caFile, good, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Token(t.Context(), "r"); err != nil {
		t.Errorf("after the CA came back: %v", err)
	}
}

func TestNewRefusesPlainHTTP(t *testing.T) {
	if _, err := New(Options{BaseURL: "http://kars-broker", TokenFile: "t", CAFile: "c"}); err == nil {
		t.Error("a token would travel in the clear")
	}
}

func FuzzParseError(f *testing.F) {
	f.Add(403, []byte(`{"error":{"code":"Forbidden","message":"m"}}`))
	f.Add(500, []byte(`<html>`))
	f.Add(401, []byte(`{"error":null}`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		e, ok := errors.AsType[*Error](parseError(status, body))
		if !ok || e.Code == "" || e.Status != status {
			t.Errorf("parseError(%d, %q) = %v, want a typed error", status, body, e)
		}
	})
}
