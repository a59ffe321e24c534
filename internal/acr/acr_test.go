package acr

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// node is a machine with a metadata service and a registry in reach.
type node struct {
	t        *testing.T
	imds     http.HandlerFunc
	registry http.HandlerFunc
	pauses   []time.Duration
}

func goodIMDS(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Metadata") != "true" || r.URL.Path != "/metadata/identity/oauth2/token" {
		http.Error(w, "{}", http.StatusBadRequest)
		return
	}
	q := r.URL.Query()
	token := strings.Join([]string{"token", q.Get("api-version"), q.Get("resource"), q.Get("client_id")}, " ")
	_ = json.NewEncoder(w).Encode(map[string]string{"access_token": token})
}

func goodRegistry(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost || r.URL.Path != "/oauth2/exchange" || r.ParseForm() != nil ||
		r.PostForm.Get("grant_type") != "access_token" || r.PostForm.Get("service") != r.Host {
		http.Error(w, "{}", http.StatusBadRequest)
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]string{"refresh_token": "refresh for " + r.PostForm.Get("access_token")})
}

func (n *node) provider(clientID string) *Provider {
	n.t.Helper()
	imds := httptest.NewServer(n.imds)
	n.t.Cleanup(imds.Close)
	registry := httptest.NewTLSServer(n.registry)
	n.t.Cleanup(registry.Close)
	config := registry.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	config.ServerName = "example.com" // of the test server's certificate
	return New(Options{
		ClientID: clientID, IMDS: imds.URL,
		Transport: &http.Transport{DialTLSContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			d := tls.Dialer{Config: config}
			return d.DialContext(ctx, network, registry.Listener.Addr().String())
		}},
		Wait: func(_ context.Context, d time.Duration) error {
			n.pauses = append(n.pauses, d)
			return nil
		},
	})
}

func kubeletAsks(image string) string {
	return `{"kind":"CredentialProviderRequest","apiVersion":"credentialprovider.kubelet.k8s.io/v1","image":"` + image + `"}`
}

func TestKubeletGetsARefreshTokenForTheRegistry(t *testing.T) {
	n := &node{t: t, imds: goodIMDS, registry: goodRegistry}
	var out bytes.Buffer
	err := Serve(t.Context(), n.provider("c1"), strings.NewReader(kubeletAsks("Contoso.azurecr.io/app:1")), &out)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"apiVersion":"credentialprovider.kubelet.k8s.io/v1","kind":"CredentialProviderResponse","cacheKeyType":"Registry","cacheDuration":"10m0s",` +
		`"auth":{"contoso.azurecr.io":{"username":"00000000-0000-0000-0000-000000000000","password":"refresh for token 2018-02-01 https://containerregistry.azure.net c1"}}}`
	if diff := cmp.Diff(want, strings.TrimSpace(out.String())); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
}

func TestATokenIsSentToAzureRegistriesAlone(t *testing.T) {
	for name, image := range map[string]string{
		"another registry":             "ghcr.io/kars-dev/kars-router:1",
		"a host that only looks alike": "contoso.azurecr.io.evil.test/app:1",
		"a suffix without a dot":       "contosoazurecr.io/app:1",
		"a name with a dot":            "a.contoso.azurecr.io/app:1",
		"a port":                       "contoso.azurecr.io:8443/app:1",
		"a user in the host":           "x@contoso.azurecr.io/app:1",
		"Docker Hub":                   "contoso/azurecr.io:1",
		"a host with a line break":     "contoso.azurecr.io\n/app",
		"no registry's name":           "a.azurecr.io/app:1",
	} {
		t.Run(name, func(t *testing.T) {
			n := &node{t: t}
			n.imds = func(http.ResponseWriter, *http.Request) { t.Error("asked for a token") }
			n.registry = n.imds
			_, err := n.provider("").Credentials(t.Context(), image)
			if !errors.Is(err, ErrNotAzure) {
				t.Errorf("error %v, want %v", err, ErrNotAzure)
			}
		})
	}
}

func TestAnImageElsewhereGetsNoCredentials(t *testing.T) {
	n := &node{t: t, imds: goodIMDS, registry: goodRegistry}
	var out bytes.Buffer
	if err := Serve(t.Context(), n.provider(""), strings.NewReader(kubeletAsks("ghcr.io/a/b:1")), &out); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), `"auth":{}`) {
		t.Errorf("answer %s", out.String())
	}
}

func TestBadRequestsOfKubelet(t *testing.T) {
	for name, in := range map[string]string{
		"nothing":            "",
		"another version":    strings.Replace(kubeletAsks("a"), "/v1", "/v1alpha1", 1),
		"another kind":       strings.Replace(kubeletAsks("a"), "CredentialProviderRequest", "Pod", 1),
		"no image":           kubeletAsks(""),
		"something not JSON": "image",
	} {
		t.Run(name, func(t *testing.T) {
			n := &node{t: t, imds: goodIMDS, registry: goodRegistry}
			var out bytes.Buffer
			if err := Serve(t.Context(), n.provider(""), strings.NewReader(in), &out); err == nil || out.Len() != 0 {
				t.Errorf("error %v, answer %q", err, out.String())
			}
		})
	}
}

// answers plays one answer after the other, and then the good one.
func answers(good http.HandlerFunc, list ...http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if len(list) == 0 {
			good(w, r)
			return
		}
		next := list[0]
		list = list[1:]
		next(w, r)
	}
}

func status(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		_, _ = w.Write([]byte(body))
	}
}

func TestRefusals(t *testing.T) {
	const denied = `{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}`
	for name, tt := range map[string]struct {
		imds, registry http.HandlerFunc
		want           string // the error; empty: none
		pauses         int
	}{
		"a throttled metadata service is asked again": {answers(goodIMDS, status(429, ""), status(500, "")), goodRegistry, "", 2},
		"a registry that is down for a moment":        {goodIMDS, answers(goodRegistry, status(503, "")), "", 1},
		"no AcrPull": {
			goodIMDS, status(401, denied),
			"exchanging the node's token at contoso.azurecr.io: status 401 UNAUTHORIZED: authentication required", 0,
		},
		"an identity that the node does not have": {
			status(400, `{"error":"invalid_request","error_description":"Identity not found"}`), goodRegistry,
			"getting the node's token: status 400 invalid_request: Identity not found", 0,
		},
		"a registry that stays down": {
			goodIMDS, status(503, ""), "exchanging the node's token at contoso.azurecr.io: status 503", 4,
		},
		"a redirect is not followed": {
			goodIMDS, func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "https://evil.test/", http.StatusTemporaryRedirect)
			},
			"exchanging the node's token at contoso.azurecr.io: status 307", 0,
		},
		"an answer that is not JSON is not quoted": {
			goodIMDS, status(200, "secret"),
			"exchanging the node's token at contoso.azurecr.io: the answer is not the JSON that was expected", 0,
		},
	} {
		t.Run(name, func(t *testing.T) {
			n := &node{t: t, imds: tt.imds, registry: tt.registry}
			_, err := n.provider("").Credentials(t.Context(), "contoso.azurecr.io/app:1")
			got := ""
			if err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			if len(n.pauses) != tt.pauses {
				t.Errorf("paused %v, want %d pauses", n.pauses, tt.pauses)
			}
		})
	}
}

func FuzzServe(f *testing.F) {
	f.Add(kubeletAsks("contoso.azurecr.io/app:1"))
	f.Add(`{"kind":1}`)
	p := New(Options{IMDS: "http://127.0.0.1:1", Wait: func(context.Context, time.Duration) error { return context.Canceled }})
	f.Fuzz(func(t *testing.T, in string) {
		var out bytes.Buffer
		err := Serve(t.Context(), p, strings.NewReader(in), &out)
		if (err == nil) != strings.Contains(out.String(), `"auth":{}`) {
			t.Errorf("request %q: error %v, answer %q", in, err, out.String())
		}
	})
}
