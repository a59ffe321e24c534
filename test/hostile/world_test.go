package hostile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/kars-dev/kars/images"
	"github.com/kars-dev/kars/internal/acr"
	"github.com/kars-dev/kars/internal/sandbox"
	"github.com/kars-dev/kars/test/hostile/escape"
	"github.com/kars-dev/kars/test/product"
)

// agentPath is where the hostile agent is in its image.
const agentPath = "/hostile-agent"

// world is the sandbox and what is around it.
type world struct {
	home   *product.Home
	binary string // the agent's, on this machine

	pod, otherPod string // addresses
	linkLocal     string // of the pod, with port; "" where there is no IPv6
	nodes         []string
	brokerService string
	brokerPod     string
	apiService    string
	apiServer     string
	dns           string

	// Processes of the sandbox, by their numbers on this machine.
	agentPID, router, token string
	node                    string // a process in the network of a node
}

// buildAgent builds the agent where any user of the machine can run it.
func buildAgent(t *testing.T, h *product.Home) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "kars-hostile-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(dir, "agent")
	cmd := exec.Command("go", "build", "-trimpath", "-o", binary, "./test/hostile/agent")
	cmd.Dir, cmd.Env = h.Root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building the agent: %v\n%s", err, out)
	}
	return binary
}

// pushAgent pushes the agent's image to the cluster's registry, as its owner.
func pushAgent(t *testing.T, h *product.Home, loginServer, binary string) string {
	t.Helper()
	image, err := images.Pack(images.Spec{Binary: binary, Path: agentPath, User: 1000, Architecture: runtime.GOARCH})
	if err != nil {
		t.Fatal(err)
	}
	digest, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	azure := h.Azure(t)
	entra, err := azure.Credential.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{"https://management.azure.com/.default"}})
	if err != nil {
		t.Fatal(err)
	}
	refresh, err := acr.New(acr.Options{Transport: azure.Transport}).Exchange(t.Context(), loginServer, entra.Token)
	if err != nil {
		t.Fatal(err)
	}
	ref, err := name.NewTag(loginServer + "/hostile:1")
	if err != nil {
		t.Fatal(err)
	}
	err = remote.Write(ref, image, remote.WithContext(t.Context()), remote.WithTransport(azure.Transport),
		remote.WithAuth(&authn.Basic{Username: acr.NullUser, Password: refresh}))
	if err != nil {
		t.Fatal(err)
	}
	return loginServer + "/hostile@" + digest.String()
}

// look finds out what is where.
func look(t *testing.T, h *product.Home, binary string) *world {
	t.Helper()
	k := h.Kube(t)
	w := &world{home: h, binary: binary}
	podIP := func(sandboxName string) string {
		pod := &corev1.Pod{}
		key := client.ObjectKey{Namespace: sandbox.Namespace("kars", sandboxName), Name: sandboxName}
		if err := k.Client().Get(t.Context(), key, pod); err != nil {
			t.Fatal(err)
		}
		return pod.Status.PodIP
	}
	service := func(namespace, name string, port int) string {
		s := &corev1.Service{}
		if err := k.Client().Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, s); err != nil {
			t.Fatal(err)
		}
		return net.JoinHostPort(s.Spec.ClusterIP, strconv.Itoa(port))
	}
	w.pod, w.otherPod = podIP("hostile"), podIP("my-assistant")
	w.brokerService = service("kars-system", "kars-broker", 443)
	w.apiService = service("default", "kubernetes", 443)
	w.dns = service("kube-system", "kube-dns", 53)
	pods, err := k.Clientset().CoreV1().Pods("kars-system").List(t.Context(), metav1.ListOptions{LabelSelector: "app.kubernetes.io/name=kars-broker"})
	if err != nil || len(pods.Items) != 1 {
		t.Fatalf("the broker's pods: %v", err)
	}
	w.brokerPod = net.JoinHostPort(pods.Items[0].Status.PodIP, strconv.Itoa(sandbox.BrokerPort))
	slice, err := k.Clientset().DiscoveryV1().EndpointSlices("default").Get(t.Context(), "kubernetes", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	w.apiServer = net.JoinHostPort(slice.Endpoints[0].Addresses[0], strconv.Itoa(int(*slice.Ports[0].Port)))
	nodes, err := k.Clientset().CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
	if err != nil || len(nodes.Items) != 2 {
		t.Fatalf("the nodes: %v", err)
	}
	for _, n := range nodes.Items {
		w.nodes = append(w.nodes, n.Status.Addresses[0].Address)
	}
	w.findProcesses(t)
	w.linkLocal = linkLocal(t, w.agentPID)
	return w
}

func (w *world) apiServerIP() string {
	host, _, _ := net.SplitHostPort(w.apiServer)
	return host
}

// findProcesses finds the sandbox's containers among the machine's processes.
func (w *world) findProcesses(t *testing.T) {
	t.Helper()
	lines := map[string]string{} // by process
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if raw, err := os.ReadFile(f); err == nil {
			lines[filepath.Base(filepath.Dir(f))] = string(raw)
		}
	}
	cluster := w.home.Clusters(t)[0]
	for pid, line := range lines {
		groups, _ := os.ReadFile(filepath.Join("/proc", pid, "cgroup"))
		ours := bytes.Contains(groups, []byte("/kars-"+cluster.Key))
		switch {
		case ours && line == agentPath+"\x00":
			w.agentPID = pid
		case strings.Contains(line, "kubelet\x00") && namespace(pid, "pid") == namespace(strconv.Itoa(cluster.PID), "pid"):
			w.node = pid
		}
	}
	network := namespace(w.agentPID, "net")
	if w.agentPID == "" || network == "" {
		t.Fatal("the agent's process was not found")
	}
	for pid, line := range lines {
		if namespace(pid, "net") != network {
			continue
		}
		switch line {
		case "/kars-router\x00route\x00":
			w.router = pid
		case "/kars-router\x00token\x00":
			w.token = pid
		}
	}
	if w.router == "" || w.token == "" || w.node == "" {
		t.Fatalf("router %q, token sidecar %q and node %q: not all were found", w.router, w.token, w.node)
	}
}

// namespace is the namespace of a kind in which a process lives, "" if there is
// no such process.
func namespace(pid, kind string) string {
	n, _ := os.Readlink(filepath.Join("/proc", pid, "ns", kind))
	return n
}

// linkLocal is the pod's own IPv6 address, on the router's kubelet port.
func linkLocal(t *testing.T, pid string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("/proc", pid, "net/if_inet6"))
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(raw)) {
		f := strings.Fields(line)
		if len(f) < 6 || f[3] != "20" || len(f[0]) != 32 {
			continue
		}
		var groups []string
		for i := 0; i < 32; i += 4 {
			groups = append(groups, f[0][i:i+4])
		}
		// By its number, because to look its name up takes netlink.
		index, err := strconv.ParseUint(f[1], 16, 32)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("[%s%%%d]:9090", strings.Join(groups, ":"), index)
	}
	return ""
}

// agent has the agent make the attempts.
func (w *world) agent(t *testing.T) func([]escape.Attempt) []escape.Outcome {
	return func(attempts []escape.Attempt) []escape.Outcome {
		t.Helper()
		raw, err := json.Marshal(attempts)
		if err != nil {
			t.Fatal(err)
		}
		said := product.Decode[product.ConnectResult](t, w.home.Must(t, "connect", "hostile", "-m", "try "+string(raw), "-o", "json"))
		return decode(t, said.Reply, len(attempts))
	}
}

// inPod has a user make the attempts in the pod's network and user namespace,
// outside its containers.
func (w *world) inPod(t *testing.T, uid int) func([]escape.Attempt) []escape.Outcome {
	return func(attempts []escape.Attempt) []escape.Outcome {
		t.Helper()
		id := strconv.Itoa(uid)
		return run(t, exec.Command("nsenter", "--target", w.agentPID, "--user", "--net", "--setuid", id, "--setgid", id, w.binary, "try"), attempts)
	}
}

// onNode has a node make the attempts.
func (w *world) onNode(t *testing.T) func([]escape.Attempt) []escape.Outcome {
	return func(attempts []escape.Attempt) []escape.Outcome {
		t.Helper()
		return run(t, exec.Command("nsenter", "--target", w.node, "--net", w.binary, "try"), attempts)
	}
}

func explain(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return fmt.Errorf("%w: %s", err, exit.Stderr)
	}
	return err
}
