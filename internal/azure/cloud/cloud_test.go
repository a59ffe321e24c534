package cloud_test

import (
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kars-dev/kars/internal/azure/cloud"
)

func TestByName(t *testing.T) {
	for name, want := range map[string]string{
		"":                  "management.azure.com",
		"azurecloud":        "management.azure.com",
		"AzureUSGovernment": "management.usgovcloudapi.net",
		"AzureChinaCloud":   "management.chinacloudapi.cn",
	} {
		c, ok := cloud.ByName(name)
		if !ok || c.ResourceManager != want {
			t.Errorf("ByName(%q) = %q, %t; want %q", name, c.ResourceManager, ok, want)
		}
	}
	if _, ok := cloud.ByName("AzureGermanCloud"); ok {
		t.Error("a cloud that was closed is found")
	}
}

func TestCloudsHaveEveryHost(t *testing.T) {
	for _, c := range []cloud.Cloud{cloud.Public, cloud.USGov, cloud.China} {
		for what, value := range map[string]string{
			"directory": c.ActiveDirectoryHost, "resource manager": c.ResourceManager, "graph": c.Graph,
			"registry": c.RegistrySuffix, "vault": c.VaultSuffix, "openai": c.OpenAISuffix,
			"cognitive services": c.CognitiveServicesSuffix,
		} {
			if value == "" || strings.ContainsAny(value, "/:") || strings.HasPrefix(value, ".") {
				t.Errorf("%s: the %s host is %q", c.Name, what, value)
			}
		}
		if !strings.HasPrefix(c.TokenExchangeAudience, "api://AzureADTokenExchange") {
			t.Errorf("%s: token exchange audience %q", c.Name, c.TokenExchangeAudience)
		}
	}
}

func certificate(s *httptest.Server) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
}

func TestLocalReachesTheListenerByAnyName(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.Host)
	}))
	defer s.Close()
	tr, err := cloud.Local(s.Listener.Addr().String(), certificate(s))
	if err != nil {
		t.Fatal(err)
	}
	// The test server's certificate is for example.com and its subdomains.
	resp, err := (&http.Client{Transport: tr}).Get("https://registry.example.com/v2/")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("status %d", resp.StatusCode)
	}
}

func TestLocalRefusesWhatIsNotAnAzureName(t *testing.T) {
	s := httptest.NewTLSServer(http.NotFoundHandler())
	defer s.Close()
	tr, err := cloud.Local(s.Listener.Addr().String(), certificate(s))
	if err != nil {
		t.Fatal(err)
	}
	for name, url := range map[string]string{
		"the metadata address":      "http://169.254.169.254/metadata/instance",
		"an address on port 443":    "https://20.0.0.1/",
		"an IPv6 address":           "https://[2001:db8::1]/",
		"a loopback address":        "https://127.0.0.1/",
		"plain HTTP by name":        "http://management.azure.com/",
		"a name on some other port": "https://management.azure.com:8443/",
	} {
		t.Run(name, func(t *testing.T) {
			resp, err := (&http.Client{Transport: tr}).Get(url)
			if err == nil {
				resp.Body.Close()
			}
			var refused *cloud.RefusedError
			if !errors.As(err, &refused) {
				t.Errorf("got %v, want a RefusedError", err)
			}
		})
	}
}

func TestLocalSaysThatTheLocalAzureIsNotRunning(t *testing.T) {
	s := httptest.NewTLSServer(http.NotFoundHandler())
	ca := certificate(s)
	s.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	tr, err := cloud.Local(address, ca)
	if err != nil {
		t.Fatal(err)
	}
	_, err = (&http.Client{Transport: tr}).Get("https://management.azure.com/") //nolint:bodyclose // there is none
	var down *cloud.NotRunningError
	if !errors.As(err, &down) || down.Address != address {
		t.Errorf("got %v, want a NotRunningError for %s", err, address)
	}
}

func TestLocalRefusesAnAddressThatIsNotLoopback(t *testing.T) {
	for _, address := range []string{"", "127.0.0.1", "10.0.0.1:443", "management.azure.com:443"} {
		if _, err := cloud.Local(address, nil); err == nil {
			t.Errorf("Local(%q) is accepted", address)
		}
	}
	if _, err := cloud.Local("127.0.0.1:1", []byte("none")); err == nil {
		t.Error("a certificate authority that is none is accepted")
	}
}

func TestTransportTrustsTheBundle(t *testing.T) {
	s := httptest.NewTLSServer(http.NotFoundHandler())
	defer s.Close()
	bundle := filepath.Join(t.TempDir(), "ca.crt")
	if err := os.WriteFile(bundle, certificate(s), 0o600); err != nil {
		t.Fatal(err)
	}
	get := func(o cloud.TransportOptions) error {
		tr, err := cloud.Transport(o)
		if err != nil {
			return err
		}
		resp, err := (&http.Client{Transport: tr}).Get(s.URL)
		if err == nil {
			resp.Body.Close()
		}
		return err
	}
	if err := get(cloud.TransportOptions{CABundle: bundle}); err != nil {
		t.Errorf("with the bundle: %v", err)
	}
	if err := get(cloud.TransportOptions{}); err == nil {
		t.Error("without the bundle an unknown authority is trusted")
	}
	if err := os.WriteFile(bundle, []byte("not a certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := get(cloud.TransportOptions{CABundle: bundle}); err == nil {
		t.Error("a bundle without certificates is accepted")
	}
}

func TestDoerKeepsItsRequestsOnTheirHost(t *testing.T) {
	var reached bool
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	defer other.Close()
	s := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	defer s.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := cloud.NewDoer(http.DefaultTransport).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if reached || resp.StatusCode != http.StatusTemporaryRedirect {
		t.Errorf("status %d, the other host was reached: %t", resp.StatusCode, reached)
	}
}

// answers is a transport that answers without a network.
type answers func(*http.Request) *http.Response

func (a answers) RoundTrip(r *http.Request) (*http.Response, error) { return a(r), nil }

func TestDoerKeepsItsRequestsOnTLS(t *testing.T) {
	var plain int
	doer := cloud.NewDoer(answers(func(r *http.Request) *http.Response {
		resp := &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody, Request: r}
		if r.URL.Scheme == "https" {
			resp.StatusCode = http.StatusTemporaryRedirect
			resp.Header.Set("Location", "http://management.azure.com/")
			return resp
		}
		plain++
		return resp
	}))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://management.azure.com/", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer secret")
	resp, err := doer.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if plain != 0 {
		t.Error("the token went out in the clear")
	}
}
