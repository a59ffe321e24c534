package localcluster

import (
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"
)

// required finds the version of a module that a go.mod asks for.
func required(t *testing.T, folder, module string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../hack", folder, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^\s*(?:require )?` + regexp.QuoteMeta(module) + ` (v\S+)`).FindSubmatch(text)
	if m == nil {
		t.Fatalf("hack/%s/go.mod does not require %s", folder, module)
	}
	return string(m[1])
}

func TestVersionsAreThoseThatHackBuilds(t *testing.T) {
	for _, c := range []struct{ name, got, folder, module string }{
		{"kubernetes", KubernetesVersion, "k8s", "k8s.io/kubernetes"},
		{"containerd", containerdVersion, "containerd", "github.com/containerd/containerd/v2"},
		{"runc", runcVersion, "runtime", "github.com/opencontainers/runc"},
		{"cni", cniVersion, "runtime", "github.com/containernetworking/plugins"},
		{"coredns", coreDNSVersion, "coredns", "github.com/coredns/coredns"},
	} {
		if want := required(t, c.folder, c.module); c.got != want {
			t.Errorf("%s: this package runs %s, hack/%s builds %s", c.name, c.got, c.folder, want)
		}
	}
}

func testMachine() machine {
	return machine{
		Name: "aks-system-1-vmss000000", Pool: "system",
		Address: netip.MustParseAddr("10.224.0.4"), Pods: netip.MustParsePrefix("10.244.0.0/24"),
		Labels: map[string]string{"b": "2", "a": "1"},
		Taints: []taint{{Key: "CriticalAddonsOnly", Value: "true", Effect: "NoSchedule"}},
	}
}

func TestKubeletIsHardenedAndToldItsPlace(t *testing.T) {
	data, err := kubeletConfig(testMachine(), "10.0.0.10", "/kars-1/node")
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := yaml.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"address":        "10.224.0.4",
		"cgroupRoot":     "/kars-1/node",
		"clusterDNS":     []any{"10.0.0.10"},
		"failCgroupV1":   false,
		"failSwapOn":     false,
		"seccompDefault": true,
		"authentication": map[string]any{
			"anonymous": map[string]any{"enabled": false},
			"webhook":   map[string]any{"enabled": true},
			"x509":      map[string]any{"clientCAFile": "/etc/kubernetes/ca.crt"},
		},
		"authorization":      map[string]any{"mode": "Webhook"},
		"registerWithTaints": []any{map[string]any{"key": "CriticalAddonsOnly", "value": "true", "effect": "NoSchedule"}},
	}
	for k := range got {
		if _, ok := want[k]; !ok {
			delete(got, k)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestKubeletAsksForCredentialsOnlyWhereItCan(t *testing.T) {
	for _, provider := range []bool{true, false} {
		args := strings.Join(kubeletArgs(testMachine(), provider), " ")
		if got := strings.Contains(args, "--image-credential-provider-config"); got != provider {
			t.Errorf("provider %t: %s", provider, args)
		}
		if !strings.Contains(args, "--node-labels=a=1,b=2 ") {
			t.Errorf("labels are not in order: %s", args)
		}
	}
}

func TestContainerdRunsTheRuncThatWasBuilt(t *testing.T) {
	data, err := containerdConfig("/opt/kars", "mcr.microsoft.com/pause:1", "overlayfs")
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Version int
		Plugins map[string]struct {
			Pinned     map[string]string `toml:"pinned_images"`
			Containerd struct {
				Runtimes map[string]struct{ Options struct{ BinaryName string } }
			}
		}
	}
	if _, err := toml.Decode(string(data), &got); err != nil {
		t.Fatal(err)
	}
	if pause := got.Plugins["io.containerd.cri.v1.images"].Pinned["sandbox"]; pause != "mcr.microsoft.com/pause:1" {
		t.Errorf("pause image is %q", pause)
	}
	want := "/opt/kars/runc-" + runcVersion + "/runc"
	if runc := got.Plugins["io.containerd.cri.v1.runtime"].Containerd.Runtimes["runc"].Options.BinaryName; got.Version != 3 || runc != want {
		t.Errorf("version %d, runc %q, want 3 and %q", got.Version, runc, want)
	}
}

func TestKubeconfigNamesFilesAndHoldsNoKey(t *testing.T) {
	data, err := kubeconfig("https://a.example:443", "/ca.crt", "/client.crt", "/client.key")
	if err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.Load(data)
	if err != nil {
		t.Fatal(err)
	}
	chosen := config.Contexts[config.CurrentContext]
	cluster, user := config.Clusters[chosen.Cluster], config.AuthInfos[chosen.AuthInfo]
	got := []string{cluster.Server, cluster.CertificateAuthority, user.ClientCertificate, user.ClientKey, string(user.ClientKeyData)}
	if diff := cmp.Diff([]string{"https://a.example:443", "/ca.crt", "/client.crt", "/client.key", ""}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestCorefileForwardsNothing(t *testing.T) {
	for _, cluster := range []bool{true, false} {
		text := corefile("a.hcp.eastus2.azmk8s.io", netip.Addr{}, cluster)
		if strings.Contains(text, "forward") {
			t.Errorf("forwards:\n%s", text)
		}
		if got := strings.Contains(text, "kubernetes cluster.local"); got != cluster {
			t.Errorf("cluster %t:\n%s", cluster, text)
		}
	}
}
