package localcluster

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/go-cmp/cmp"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kars-dev/kars/localazure"
)

func checkNodes(t *testing.T, u user, c localazure.Cluster) {
	for _, n := range c.Nodes {
		got, err := u.CoreV1().Nodes().Get(t.Context(), n.Name, meta.GetOptions{})
		if err != nil {
			t.Error(err)
			continue
		}
		if got.Labels["kubernetes.azure.com/agentpool"] != n.Pool || !strings.HasPrefix(n.Name, "aks-"+n.Pool+"-") {
			t.Errorf("node %s of pool %s has labels %v", n.Name, n.Pool, got.Labels)
		}
		userNamespaces := false
		for _, h := range got.Status.RuntimeHandlers {
			if h.Name == "runc" && h.Features != nil && h.Features.UserNamespaces != nil {
				userNamespaces = *h.Features.UserNamespaces
			}
		}
		if !userNamespaces {
			t.Errorf("node %s reports no user namespaces: %+v", n.Name, got.Status.RuntimeHandlers)
		}
	}
}

func checkNames(t *testing.T, u user) {
	for name, want := range map[string]string{
		"kubernetes.default.svc.cluster.local": "10.0.0.1",
		"kubernetes.default":                   "10.0.0.1",
		"management.azure.com":                 azureAddress.String(),
		"login.microsoftonline.com":            azureAddress.String(),
		"kars.azurecr.io":                      azureAddress.String(),
		testSpec().FQDN:                        controlAddress.String(),
	} {
		eventually(t, "looking up "+name, func(context.Context) error {
			if got := u.ask(t, "plain", "lookup", "name", name); got != want {
				return fmt.Errorf("got %s, want %s", got, want)
			}
			return nil
		})
	}
	if got := u.ask(t, "plain", "lookup", "name", "example.com"); !strings.Contains(got, "no such host") {
		t.Errorf("looking up a name that is not Azure's: got %s", got)
	}
}

func checkWays(t *testing.T, u user) {
	for name, test := range map[string]struct{ address, want string }{
		"azure":                        {azureAddress.String() + ":443", "connected"},
		"instance metadata":            {metadataAddress.String() + ":80", "connected"},
		"the API server's service":     {"10.0.0.1:443", "connected"},
		"a port where nobody listens":  {azureAddress.String() + ":444", "connection refused"},
		"an address on the internet":   {"198.51.100.1:443", "no route to host"},
		"an address of the test's own": {"192.0.2.1:80", "no route to host"},
	} {
		if got := u.ask(t, "plain", "dial", "address", test.address); !strings.Contains(got, test.want) {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
}

// checkToken reads the pod's token as Entra would: by the keys that the issuer
// publishes.
func checkToken(t *testing.T, u user, c localazure.Cluster, spec localazure.ClusterSpec) {
	var keys jose.JSONWebKeySet
	if err := json.Unmarshal(c.JWKS, &keys); err != nil {
		t.Fatal(err)
	}
	token, err := jwt.ParseSigned(u.ask(t, "plain", "file", "path", "/token/token"), []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		t.Fatal(err)
	}
	var got jwt.Claims
	if err := token.Claims(keys, &got); err != nil {
		t.Fatal(err)
	}
	want := jwt.Claims{
		Issuer: spec.Issuer, Subject: "system:serviceaccount:default:default",
		Audience: jwt.Audience{"api://AzureADTokenExchange"},
	}
	if diff := cmp.Diff(want, jwt.Claims{Issuer: got.Issuer, Subject: got.Subject, Audience: got.Audience}); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
}

func pidNamespace(t *testing.T, pid int) string {
	t.Helper()
	ns, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", pid))
	if err != nil {
		t.Fatal(err)
	}
	return ns
}

// checkNothingRuns looks for what a cluster may leave outside its folder. A
// process that has ended keeps its namespace's name until its parent, which may
// be this test, has asked for its exit code.
func checkNothingRuns(t *testing.T, dir state, namespace string) {
	t.Helper()
	processes, _ := filepath.Glob("/proc/[0-9]*/ns/pid")
	for _, p := range processes {
		if ns, err := os.Readlink(p); err == nil && ns == namespace && !hasEnded(filepath.Dir(filepath.Dir(p))) {
			command, _ := os.ReadFile(filepath.Join(filepath.Dir(filepath.Dir(p)), "cmdline"))
			t.Errorf("a process is left: %q", command)
		}
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, string(dir)) || strings.Contains(line, "kars-") {
			t.Errorf("a mount is left: %s", line)
		}
	}
}

// hasEnded reads the state in a process's folder; man 5 proc_pid_stat.
func hasEnded(process string) bool {
	text, err := os.ReadFile(filepath.Join(process, "stat"))
	if err != nil {
		return true
	}
	_, after, _ := strings.Cut(string(text), ") ")
	return strings.HasPrefix(after, "Z") || strings.HasPrefix(after, "X")
}

// showLogs prints the end of every log, for a test that failed.
func showLogs(t *testing.T, c *Clusters) {
	logs, _ := filepath.Glob(filepath.Join(c.dir(), "*", "logs", "*.log"))
	for _, path := range logs {
		text, _ := os.ReadFile(path)
		t.Logf("%s:\n%s", filepath.Base(path), text[max(0, len(text)-500):])
	}
}

func readSysctls(t *testing.T) map[string]string {
	t.Helper()
	values := map[string]string{}
	for name := range kubeletSysctls {
		text, err := os.ReadFile(filepath.Join("/proc/sys", name))
		if err != nil {
			t.Fatal(err)
		}
		values[name] = strings.TrimSpace(string(text))
	}
	return values
}
