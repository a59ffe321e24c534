package guard_test

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/vishvananda/netns"

	"github.com/kars-dev/kars/internal/guard"
)

// TestTheAgentReachesNothingButTheRouter tries every way out as every user of
// a pod, before the guard ran, to know that the way exists, and after.
func TestTheAgentReachesNothingButTheRouter(t *testing.T) {
	p := newPod(t)
	p.serve(1001, "127.0.0.1:8443", "127.0.0.2:8443", "[::1]:8443", podIP+":8443", "127.0.0.1:9090", "[::1]:9090", podIP+":9090", "["+podIP6+"]:9090")
	p.serve(1000, "127.0.0.1:8080", podIP+":8080")
	type row struct {
		uid              uint32
		network, address string
		open             bool
	}
	rows := map[string]row{
		"the agent reaches the router's port":                     {1000, "tcp", "127.0.0.1:8443", true},
		"the agent does not reach the kubelet's port":             {1000, "tcp", "127.0.0.1:9090", false},
		"nor at the pod's address":                                {1000, "tcp", podIP + ":9090", false},
		"nor over IPv6":                                           {1000, "tcp", "[::1]:9090", false},
		"nor at the pod's IPv6 address":                           {1000, "tcp", "[" + podIP6 + "]:9090", false},
		"nor the router's port at another loopback address":       {1000, "tcp", "127.0.0.2:8443", false},
		"nor the router's port over IPv6":                         {1000, "tcp", "[::1]:8443", false},
		"nor the router's port at the pod's address":              {1000, "tcp", podIP + ":8443", false},
		"the agent does not reach another host":                   {1000, "tcp", elsewhere, false},
		"the agent does not reach another host over IPv6":         {1000, "tcp", "[" + otherIP6 + "]:443", false},
		"the agent does not reach the metadata service":           {1000, "tcp", metadata + ":80", false},
		"the agent does not reach a resolver":                     {1000, "udp", resolver, false},
		"the agent does not reach a resolver over IPv6":           {1000, "udp", "[" + otherIP6 + "]:53", false},
		"the router reaches the model":                            {1001, "tcp", elsewhere, true},
		"the router reaches the model over IPv6":                  {1001, "tcp", "[" + otherIP6 + "]:443", true},
		"the router reaches a resolver":                           {1001, "udp", resolver, true},
		"the router reaches the agent, which answers":             {1001, "tcp", "127.0.0.1:8080", true},
		"the token sidecar reaches the broker":                    {1002, "tcp", elsewhere, true},
		"a port-forward as root reaches the kubelet's port":       {0, "tcp", "127.0.0.1:9090", true},
		"and over IPv6":                                           {0, "tcp", "[::1]:9090", true},
		"a port-forward as overflow user too":                     {65534, "tcp", "127.0.0.1:9090", true},
		"root reaches nothing else on loopback":                   {0, "tcp", "127.0.0.1:8443", false},
		"root reaches no other host":                              {0, "tcp", elsewhere, false},
		"a user that the policy does not know reaches nothing":    {3000, "tcp", elsewhere, false},
		"a user that the policy does not know has no port either": {3000, "tcp", "127.0.0.1:9090", false},
	}
	try := func(want func(row) bool) {
		var wg sync.WaitGroup
		for name, r := range rows {
			wg.Go(func() {
				out := p.dial(r.uid, r.network, r.address)
				if open := out == ""; open != want(r) {
					t.Errorf("%s: user %d to %s %s: open = %v, want %v (%s)", name, r.uid, r.network, r.address, open, want(r), out)
				}
			})
		}
		wg.Wait()
	}
	try(func(row) bool { return true })
	if t.Failed() {
		t.Fatal("the namespaces are not as the test needs them")
	}
	p.onThread(p.inside, func() error { return guard.Install(guard.DefaultPolicy()) })
	try(func(r row) bool { return r.open })
	if out := p.dial(1000, "raw", "-"); out == "" {
		t.Error("the agent opened a raw socket")
	}
	fromOutside(t, p)
}

// fromOutside checks that the kubelet's probes get in, and that an agent that
// listens on the pod's address cannot answer.
func fromOutside(t *testing.T, p *pod) {
	t.Helper()
	p.onThread(p.outside, func() error {
		if err := dial("tcp", podIP+":9090"); err != nil {
			return fmt.Errorf("the kubelet cannot probe the router: %w", err)
		}
		if err := dial("tcp", podIP+":8080"); err == nil {
			return errors.New("the agent answered a caller from outside")
		}
		return nil
	})
}

// TestAnAgentThatListensTellsWhoCallsNothing lets an agent answer callers from
// outside without any of its packets being its own as far as the kernel knows.
func TestAnAgentThatListensTellsWhoCallsNothing(t *testing.T) {
	p := newPod(t)
	p.keep(1000, "leak 7777")
	p.onThread(p.outside, func() error {
		if told := call(podIP + ":7777"); told == 0 {
			return errors.New("the namespaces are not as the test needs them")
		}
		return nil
	})
	p.onThread(p.inside, func() error { return guard.Install(guard.DefaultPolicy()) })
	p.onThread(p.outside, func() error {
		if told := call(podIP + ":7777"); told != 0 {
			return fmt.Errorf("the agent told %d callers its secret", told)
		}
		return nil
	})
}

// call connects again and again, some at the same time, and counts who was
// told anything.
func call(address string) int64 {
	var told atomic.Int64
	var wg sync.WaitGroup
	runtime.LockOSThread()
	here, err := netns.Get()
	if err != nil {
		return -1
	}
	defer here.Close()
	for range 8 {
		wg.Go(func() {
			runtime.LockOSThread() // and never unlocked: the thread stays in there
			if netns.Set(here) != nil {
				return
			}
			conn, err := net.DialTimeout("tcp", address, 3*time.Second)
			if err != nil {
				return
			}
			defer conn.Close()
			_ = conn.SetReadDeadline(time.Now().Add(3 * time.Second))
			if n, _ := conn.Read(make([]byte, 16)); n > 0 {
				told.Add(1)
			}
		})
	}
	wg.Wait()
	return told.Load()
}

func TestInstallingTwiceLeavesOneRuleset(t *testing.T) {
	p := newPod(t)
	p.onThread(p.inside, func() error {
		return errors.Join(
			guard.Install(guard.DefaultPolicy()),
			guard.Install(guard.DefaultPolicy()),
			guard.Verify(guard.DefaultPolicy()))
	})
}

func TestVerifyNoticesARulesetThatIsNotTheWantedOne(t *testing.T) {
	p := newPod(t)
	p.onThread(p.inside, func() error {
		if err := guard.Verify(guard.DefaultPolicy()); err == nil {
			t.Error("no ruleset at all passed")
		}
		if err := guard.Install(guard.DefaultPolicy()); err != nil {
			return err
		}
		conn, err := nftables.New()
		if err != nil {
			return err
		}
		table := &nftables.Table{Family: nftables.TableFamilyINet, Name: guard.Table}
		rules, err := conn.GetRules(table, &nftables.Chain{Name: guard.Chain, Table: table})
		if err != nil {
			return err
		}
		if err := conn.DelRule(rules[4]); err != nil {
			return err
		}
		if err := conn.Flush(); err != nil {
			return err
		}
		if err := guard.Verify(guard.DefaultPolicy()); err == nil {
			t.Error("a ruleset with a rule missing passed")
		}
		return nil
	})
}

func TestInstallFailsWithoutTheCapability(t *testing.T) {
	needRoot(t)
	cmd := exec.Command(executable(t))
	cmd.Env = []string{actionEnv + "=inside"}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNET,
		Credential: &syscall.Credential{Uid: 1000, Gid: 1000},
	}
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Errorf("without CAP_NET_ADMIN the guard reported success: %s", out)
	}
}

// TestAPortForwardReachesAPodInAUserNamespace stands for containerd, which is
// root on the node and nobody in the pod.
func TestAPortForwardReachesAPodInAUserNamespace(t *testing.T) {
	needRoot(t)
	if limit, err := os.ReadFile("/proc/sys/user/max_user_namespaces"); err != nil || strings.TrimSpace(string(limit)) == "0" {
		t.Skip("the kernel allows no user namespaces")
	}
	p := &pod{t: t, binary: executable(t)}
	cmd := exec.Command(p.binary)
	cmd.Env = []string{actionEnv + "=inside"}
	ids := []syscall.SysProcIDMap{{ContainerID: 0, HostID: 1 << 20, Size: 1 << 16}}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWNET | syscall.CLONE_NEWUSER,
		UidMappings: ids, GidMappings: ids,
		Credential: &syscall.Credential{Uid: 0, Gid: 0},
	}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stdin.Close(); _ = cmd.Wait() })
	if line, err := bufio.NewReader(stdout).ReadString('\n'); err != nil || line != "closed\n" {
		t.Fatalf("the guard in a user namespace: %q, %v", line, err)
	}
	ns, err := netns.GetFromPid(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	p.onThread(ns, func() error {
		if err := dial("tcp", "127.0.0.1:9090"); err != nil {
			return fmt.Errorf("a port-forward from the node: %w", err)
		}
		return nil
	})
}

func TestPoliciesThatWouldOpenTheAgentAreRefused(t *testing.T) {
	tests := map[string]func(*guard.Policy){
		"the agent as root":                 func(p *guard.Policy) { p.Agent = 0 },
		"the agent as a trusted user":       func(p *guard.Policy) { p.Trusted = append(p.Trusted, p.Agent) },
		"the agent as a forwarder":          func(p *guard.Policy) { p.Forwarders = []uint32{p.Agent} },
		"a router that is not on loopback":  func(p *guard.Policy) { p.Router = netip.MustParseAddrPort("192.0.2.1:8443") },
		"one port for agent and kubelet":    func(p *guard.Policy) { p.KubeletPort = p.Router.Port() },
		"a router over IPv6, which is shut": func(p *guard.Policy) { p.Router = netip.MustParseAddrPort("[::1]:8443") },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			p := guard.DefaultPolicy()
			change(&p)
			if err := guard.Install(p); err == nil || !strings.HasPrefix(err.Error(), "guard:") {
				t.Errorf("Install = %v, want a refusal before anything is written", err)
			}
		})
	}
}

func TestInstallProfileReplacesWhatIsThere(t *testing.T) {
	dir := t.TempDir()
	for range 2 {
		path, err := guard.InstallProfile(dir)
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if path != filepath.Join(dir, "kars", "strict.json") || string(got) != string(guard.StrictProfile()) {
			t.Errorf("%s holds %d bytes, want the profile", path, len(got))
		}
	}
	left, err := filepath.Glob(filepath.Join(dir, "kars", ".*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v (%v)", left, err)
	}
}
