package e2e

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kars-dev/kars/internal/azure/credential"
	"github.com/kars-dev/kars/internal/kube"
	"github.com/kars-dev/kars/test/product"
)

// jwt is a JSON web token, which begins with {" in base64 twice.
var jwt = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}`)

// claims are those of a token that tests look at.
type claims struct {
	AppID  string `json:"appid"`
	Issuer string `json:"iss"`
}

func decodeToken(token string) (claims, bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return claims{}, false
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	var c claims
	return c, err == nil && json.Unmarshal(raw, &c) == nil
}

// nothingLeaked looks for every secret that the test can know of in everything
// that was written down or shown.
func nothingLeaked(t *testing.T, h *product.Home) {
	secrets := knownSecrets(t, h)
	texts := map[string]string{}
	for _, said := range h.Said() {
		name := "output of kars " + strings.Join(said.Args, " ")
		texts[name] += said.Stdout + said.Stderr
	}
	readLogs(t, texts, h.LogFile())
	readLogs(t, texts, filepath.Join(h.Runs(), "*.jsonl"))
	readLogs(t, texts, filepath.Join(h.Local(), "clusters", "*", "logs", "*"))
	podTexts(t, texts, h.Kube(t))
	if len(texts) < 25 {
		t.Errorf("only %d logs, journals and outputs were found to look through", len(texts))
	}
	for name, text := range texts {
		report(t, name, leaks(text, secrets))
	}
	arguments := h.Arguments()
	if !strings.Contains(strings.Join(arguments, "\n"), "kube-apiserver") {
		t.Error("the arguments of the cluster's processes were not seen")
	}
	for _, line := range arguments {
		report(t, "arguments "+line, ourLeaks(line, secrets, h))
	}
	t.Run("what is looked for would be found", func(t *testing.T) { seekerFinds(t, h, secrets) })
}

func report(t *testing.T, where string, found []string) {
	t.Helper()
	for _, what := range found {
		t.Errorf("%s in %s", what, where)
	}
}

// leaks names the secrets that a text holds, without repeating them.
func leaks(text string, secrets map[string]string) []string {
	var out []string
	for name, value := range secrets {
		if strings.Contains(text, value) {
			out = append(out, name)
		}
	}
	for _, token := range jwt.FindAllString(text, -1) {
		c, _ := decodeToken(token)
		out = append(out, "a token of "+c.Issuer)
	}
	if strings.Contains(text, "PRIVATE KEY-----") {
		out = append(out, "a private key")
	}
	return out
}

// ourLeaks is [leaks] for what may belong to other programs of the machine: a
// token counts if this home's Azure or cluster issued it.
func ourLeaks(text string, secrets map[string]string, h *product.Home) []string {
	var out []string
	for _, what := range leaks(text, secrets) {
		if issuer, token := strings.CutPrefix(what, "a token of "); !token || strings.Contains(issuer, tenantOf(h)) {
			out = append(out, what)
		}
	}
	return out
}

func tenantOf(h *product.Home) string {
	owner, err := credential.ReadPrincipal(h.PrincipalFile("owner"))
	if err != nil {
		return ""
	}
	return owner.TenantID
}

// knownSecrets are the local principals' passwords and secrets, the
// authority's key, and what the cluster's Secrets hold, by a name for each.
func knownSecrets(t *testing.T, h *product.Home) map[string]string {
	t.Helper()
	out := map[string]string{}
	files, _ := filepath.Glob(filepath.Join(h.Principals(), "*.json"))
	for _, f := range files {
		p, err := credential.ReadPrincipal(f)
		if err != nil {
			t.Fatal(err)
		}
		out["the credential of "+p.Name] = p.Password + p.Secret
	}
	if len(out) < 2 {
		t.Fatalf("only %d local principals were found", len(out))
	}
	all, err := h.Kube(t).Clientset().CoreV1().Secrets("").List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all.Items {
		if s.Type == "helm.sh/release.v1" { // the chart, which is public
			continue
		}
		for key, value := range s.Data {
			public := bytes.Contains(value, []byte("BEGIN CERTIFICATE")) && !bytes.Contains(value, []byte("PRIVATE KEY"))
			if len(value) >= 16 && !public {
				out["the Secret "+s.Namespace+"/"+s.Name+" "+key] = string(value)
			}
		}
	}
	return out
}

func readLogs(t *testing.T, into map[string]string, pattern string) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Errorf("%s: no file (%v)", pattern, err)
	}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		into[f] = string(raw)
	}
}

// podTexts are the logs of every container and what the API shows to anybody
// who may read: events, ConfigMaps and kars' own resources.
func podTexts(t *testing.T, into map[string]string, k *kube.Client) {
	t.Helper()
	pods, err := k.Clientset().CoreV1().Pods("").List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range pods.Items {
		containers := p.Spec.Containers
		for _, c := range append(p.Spec.InitContainers, containers...) {
			var log bytes.Buffer
			name := "the log of " + p.Namespace + "/" + p.Name + " " + c.Name
			if err := k.Logs(t.Context(), p.Namespace, p.Name, kube.LogOptions{Container: c.Name}, &log); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			into[name] = log.String()
		}
		into["the pod "+p.Namespace+"/"+p.Name] = encoded(t, p)
	}
	for what, path := range map[string]string{
		"events":                 "/api/v1/events",
		"ConfigMaps":             "/api/v1/configmaps",
		"sandboxes":              "/apis/kars.azure.com/v1alpha1/karssandboxes",
		"the trust":              "/apis/kars.azure.com/v1alpha1/karsauthconfigs",
		"deployments":            "/apis/apps/v1/deployments",
		"API's service accounts": "/api/v1/serviceaccounts",
	} {
		raw, err := k.Clientset().CoreV1().RESTClient().Get().AbsPath(path).DoRaw(context.Background())
		if err != nil {
			t.Errorf("reading %s: %v", what, err)
		}
		into["the API's "+what] = string(raw)
	}
}

func encoded(t *testing.T, p corev1.Pod) string {
	t.Helper()
	raw, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// seekerFinds is the counter-proof: where secrets belong they are found.
func seekerFinds(t *testing.T, h *product.Home, secrets map[string]string) {
	files := 0
	err := filepath.WalkDir(h.Principals(), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		if files++; len(leaks(string(raw), secrets)) == 0 {
			t.Errorf("%s holds a credential that was not found", path)
		}
		return err
	})
	if err != nil || files == 0 {
		t.Errorf("%d credentials: %v", files, err)
	}
	key, err := os.ReadFile(filepath.Join(h.Local(), "ca.key"))
	if err != nil || len(leaks(string(key), secrets)) == 0 {
		t.Errorf("the authority's key was not found: %v", err)
	}
	k := h.Kube(t)
	if len(ourLeaks("x"+podToken(t, k, assistant)+"\n", secrets, h)) == 0 {
		t.Error("a token of the cluster was not found")
	}
}
