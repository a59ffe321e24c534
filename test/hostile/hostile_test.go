// Package hostile puts an agent that wants out into a real sandbox and lets it
// try. Every attempt is made by others too, from the same network, so that each
// of the agent's failures is that of an attempt which can succeed.
package hostile

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kars-dev/kars/test/hostile/escape"
	"github.com/kars-dev/kars/test/product"
)

func TestTheAgentCannotGetOut(t *testing.T) {
	h := product.Open(t)
	binary := buildAgent(t, h)
	up := product.Decode[product.UpResult](t, h.Must(t, "up", "--local", "-o", "json"))
	image := pushAgent(t, h, up.Outputs.RegistryLoginServer, binary)
	h.Must(t, "add", "hostile", "--image", image)
	w := look(t, h, binary)

	t.Run("the sandbox of a brought image gets answers from the model", func(t *testing.T) {
		got := product.Decode[product.ConnectResult](t, h.Must(t, "connect", "hostile", "-m", "hello", "-o", "json"))
		if !strings.Contains(got.Reply, "local model") {
			t.Errorf("the agent answered %q", got.Reply)
		}
	})
	t.Run("the router's agent port is all that answers it", func(t *testing.T) { network(t, w) })
	t.Run("the packet filter alone keeps it in", func(t *testing.T) { filterAlone(t, w) })
	t.Run("nobody outside reaches it", func(t *testing.T) { fromOutside(t, w) })
	t.Run("it opens no socket that goes around the packet filter", func(t *testing.T) { sockets(t, w) })
	t.Run("it cannot become more than it is", func(t *testing.T) { privileges(t, w) })
	t.Run("it sees none of its neighbours' files and processes", func(t *testing.T) { neighbours(t, w) })
	t.Run("it holds nothing", func(t *testing.T) { environment(t, w) })
}

// compare has the same attempts made by the agent, which must fail, and by
// somebody else, who must not.
func compare(t *testing.T, what string, agent, other func([]escape.Attempt) []escape.Outcome, attempts map[string]escape.Attempt) {
	t.Helper()
	var names []string
	for name := range attempts {
		names = append(names, name)
	}
	slices.Sort(names)
	var list []escape.Attempt
	for _, name := range names {
		list = append(list, attempts[name])
	}
	byAgent, byOther := agent(list), other(list)
	for i, name := range names {
		t.Run(name, func(t *testing.T) {
			if !byOther[i].Open {
				t.Errorf("%s, made by %s, must succeed to prove anything: %s", list[i], what, byOther[i].Saw)
			}
			if byAgent[i].Open {
				t.Errorf("%s succeeded: %s", list[i], byAgent[i].Saw)
			}
		})
	}
}

// network compares the agent with its own router: the same pod, another user.
func network(t *testing.T, w *world) {
	targets := map[string]escape.Attempt{
		"the nodes' metadata service":       {Kind: escape.TCP, Target: "169.254.169.254:80"},
		"the broker's service":              {Kind: escape.TCP, Target: w.brokerService},
		"the broker's pod":                  {Kind: escape.TCP, Target: w.brokerPod},
		"the API server's service":          {Kind: escape.TCP, Target: w.apiService},
		"the API server itself":             {Kind: escape.TCP, Target: w.apiServer},
		"Azure":                             {Kind: escape.TCP, Target: "203.0.113.10:443"},
		"the cluster's DNS over TCP":        {Kind: escape.TCP, Target: w.dns},
		"the cluster's DNS over UDP":        {Kind: escape.DNS, Target: w.dns},
		"another sandbox's router":          {Kind: escape.TCP, Target: w.otherPod + ":9090"},
		"its own router's kubelet port":     {Kind: escape.TCP, Target: "127.0.0.1:9090"},
		"that port at the pod's address":    {Kind: escape.TCP, Target: w.pod + ":9090"},
		"that port over IPv6":               {Kind: escape.TCP, Target: "[::1]:9090"},
		"its own port at the pod's address": {Kind: escape.TCP, Target: w.pod + ":7777"},
		"its own port":                      {Kind: escape.TCP, Target: "127.0.0.1:8080"},
		"its own port over IPv6":            {Kind: escape.TCP, Target: "[::1]:7777"},
	}
	for i, node := range w.nodes {
		targets[fmt.Sprintf("the kubelet of node %d", i+1)] = escape.Attempt{Kind: escape.TCP, Target: node + ":10250"}
	}
	if w.linkLocal != "" {
		targets["the kubelet port at the pod's link-local address"] = escape.Attempt{Kind: escape.TCP, Target: w.linkLocal}
	}
	compare(t, "the router's user", w.agent(t), w.inPod(t, 1001), targets)

	allowed := []escape.Attempt{{Kind: escape.TCP, Target: "127.0.0.1:8443"}}
	if got := w.agent(t)(allowed); !got[0].Open {
		t.Errorf("the router's agent port does not answer the agent: %s", got[0].Saw)
	}
	silent := w.agent(t)([]escape.Attempt{{Kind: escape.Ping, Target: w.nodes[0]}, {Kind: escape.Ping, Target: w.apiServerIP()}})
	for _, got := range silent {
		if got.Open {
			t.Errorf("a ping was answered: %s", got.Saw)
		}
	}
}

// filterAlone makes the attempts as the agent's user from outside its
// container, where no seccomp profile binds it.
func filterAlone(t *testing.T, w *world) {
	compare(t, "the token sidecar's user", w.inPod(t, 1000), w.inPod(t, 1002), map[string]escape.Attempt{
		"the nodes' metadata service":   {Kind: escape.TCP, Target: "169.254.169.254:80"},
		"the API server's service":      {Kind: escape.TCP, Target: w.apiService},
		"the broker's service":          {Kind: escape.TCP, Target: w.brokerService},
		"Azure":                         {Kind: escape.TCP, Target: "203.0.113.10:443"},
		"the cluster's DNS over UDP":    {Kind: escape.DNS, Target: w.dns},
		"its own router's kubelet port": {Kind: escape.TCP, Target: "127.0.0.1:9090"},
		"that port over IPv6":           {Kind: escape.TCP, Target: "[::1]:9090"},
	})
}

// fromOutside has a node connect to what the agent listens on.
func fromOutside(t *testing.T, w *world) {
	got := w.onNode(t)([]escape.Attempt{
		{Kind: escape.TCP, Target: w.pod + ":9090"},
		{Kind: escape.TCP, Target: w.pod + ":7777"},
		{Kind: escape.TCP, Target: w.pod + ":8080"},
		{Kind: escape.TCP, Target: w.pod + ":8443"},
	})
	if !got[0].Open {
		t.Errorf("the kubelet's port must answer a node to prove anything: %s", got[0].Saw)
	}
	for i, what := range []string{"the agent's open port", "the agent's own port", "the router's agent port"} {
		if got[i+1].Open {
			t.Errorf("%s answers a node", what)
		}
	}
}

// sockets compares the agent with the pod's root.
func sockets(t *testing.T, w *world) {
	compare(t, "the pod's root", w.agent(t), w.inPod(t, 0), map[string]escape.Attempt{
		"packets as they are on the wire": {Kind: escape.Socket, Target: "packet"},
		"raw IPv4":                        {Kind: escape.Socket, Target: "raw"},
		"raw IPv6":                        {Kind: escape.Socket, Target: "raw6"},
		"netlink":                         {Kind: escape.Socket, Target: "netlink"},
	})
	for _, got := range w.agent(t)([]escape.Attempt{
		{Kind: escape.Socket, Target: "vsock"}, {Kind: escape.Socket, Target: "alg"}, {Kind: escape.Socket, Target: "xdp"},
	}) {
		if got.Open {
			t.Errorf("a socket of another family was opened: %s", got.Saw)
		}
	}
}

func privileges(t *testing.T, w *world) {
	var attempts []escape.Attempt
	for _, call := range escape.Calls() {
		attempts = append(attempts, escape.Attempt{Kind: escape.Call, Target: call})
	}
	for i, got := range w.agent(t)(attempts) {
		if got.Open {
			t.Errorf("%s succeeded", attempts[i])
		}
	}
	// The counter-proof: the calls are made as they should be.
	if got := w.inPod(t, 0)([]escape.Attempt{{Kind: escape.Call, Target: "setuid 1001"}, {Kind: escape.Call, Target: "unshare net"}}); !got[0].Open || !got[1].Open {
		t.Errorf("the pod's root cannot become another user or unshare a network: %+v", got)
	}
	status := w.agent(t)([]escape.Attempt{{Kind: escape.Fact, Target: "status"}})[0].Saw
	for _, line := range []string{"NoNewPrivs:\t1", "Seccomp:\t2", "CapEff:\t0000000000000000", "CapPrm:\t0000000000000000", "CapBnd:\t0000000000000000", "CapAmb:\t0000000000000000", "Uid:\t1000\t1000\t1000\t1000"} {
		if !strings.Contains(status, line+"\n") {
			t.Errorf("the agent's status lacks %q:\n%s", line, status)
		}
	}
}

// neighbours looks for what the other containers of the pod have mounted.
func neighbours(t *testing.T, w *world) {
	theirs := map[string]string{
		"/run/kars/token/token.sock":         w.router,
		"/etc/kars/ca-bundle/ca.crt":         w.router,
		"/var/run/secrets/kars/broker/token": w.token,
		"/etc/kars/broker-ca/ca.crt":         w.token,
	}
	var attempts []escape.Attempt
	for path, pid := range theirs {
		attempts = append(attempts, escape.Attempt{Kind: escape.Read, Target: path})
		if found, err := filepath.Glob(filepath.Join("/proc", pid, "root", path)); err != nil || len(found) != 1 {
			t.Errorf("%s is not there in the neighbour: %v", path, err)
		}
	}
	for _, path := range []string{"/var/run/secrets", "/run/secrets", "/run/kars", "/etc/kars", "/var/run/secrets/kubernetes.io"} {
		attempts = append(attempts, escape.Attempt{Kind: escape.Read, Target: path})
	}
	attempts = append(attempts,
		escape.Attempt{Kind: escape.Unix, Target: "/run/kars/token/token.sock"},
		escape.Attempt{Kind: escape.Write, Target: "/written"},
		escape.Attempt{Kind: escape.Write, Target: "/etc/resolv.conf"},
		escape.Attempt{Kind: escape.Write, Target: "/proc/sys/kernel/core_pattern"},
		escape.Attempt{Kind: escape.Write, Target: "/sys/fs/cgroup/cgroup.procs"},
	)
	for i, got := range w.agent(t)(attempts) {
		if got.Open {
			t.Errorf("%s succeeded: %s", attempts[i], got.Saw)
		}
	}
	facts := w.agent(t)([]escape.Attempt{
		{Kind: escape.Fact, Target: "processes"}, {Kind: escape.Fact, Target: "sockets"}, {Kind: escape.Write, Target: "/tmp/written"},
	})
	if facts[0].Saw != agentPath {
		t.Errorf("the agent sees these processes, want itself alone:\n%s", facts[0].Saw)
	}
	for line := range strings.Lines(facts[1].Saw) {
		if strings.Contains(line, " @") {
			t.Errorf("there is an abstract socket in the agent's network: %s", line)
		}
	}
	if !facts[2].Open {
		t.Errorf("the agent cannot write its own scratch space: %s", facts[2].Saw)
	}
}

// environment wants nothing in it but what every agent needs, and where the API
// server is, which the kubelet tells every container.
func environment(t *testing.T, w *world) {
	said := w.agent(t)([]escape.Attempt{{Kind: escape.Fact, Target: "environment"}})[0].Saw
	for line := range strings.Lines(said) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		if strings.HasPrefix(name, "KUBERNETES_") {
			continue
		}
		switch name {
		case "PATH", "HOME", "HOSTNAME", "KARS_AGENT_PORT", "KARS_MODEL", "OPENAI_BASE_URL":
		case "OPENAI_API_KEY":
			if value != "unused" {
				t.Errorf("the agent has a key")
			}
		default:
			t.Errorf("the agent's environment has %s", name)
		}
	}
	if !strings.Contains(said, "OPENAI_BASE_URL=http://127.0.0.1:8443/v1") {
		t.Errorf("the agent's environment lacks the router:\n%s", said)
	}
}

// run has the attempts made by a command that reads and writes them.
func run(t *testing.T, cmd *exec.Cmd, attempts []escape.Attempt) []escape.Outcome {
	t.Helper()
	raw, err := json.Marshal(attempts)
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdin = strings.NewReader(string(raw))
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v", cmd.Args, explain(err))
	}
	return decode(t, string(out), len(attempts))
}

func decode(t *testing.T, raw string, n int) []escape.Outcome {
	t.Helper()
	var outcomes []escape.Outcome
	if err := json.Unmarshal([]byte(raw), &outcomes); err != nil || len(outcomes) != n {
		t.Fatalf("%d outcomes were wanted: %v\n%s", n, err, raw)
	}
	return outcomes
}
