package guard_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"

	"github.com/kars-dev/kars/internal/guard"
)

// The test binary runs itself as another user inside a network namespace.
const (
	actionEnv = "KARS_GUARD_TEST"
	// dialTime is long enough for a handshake within one machine; what is
	// dropped only ends with it.
	dialTime = 600 * time.Millisecond
)

func TestMain(m *testing.M) {
	if action := os.Getenv(actionEnv); action != "" {
		if err := act(strings.Fields(action)); err != nil {
			fmt.Println("blocked:", err)
			os.Exit(3)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// act is what a child does: `dial NETWORK ADDRESS`, `serve ADDRESS…` and
// `leak PORT`, which end with their standard input, or `inside`, the part of a
// test that has a user namespace of its own.
func act(action []string) error {
	switch action[0] {
	case "dial":
		return dial(action[1], action[2])
	case "serve":
		for _, address := range action[1:] {
			l, err := net.Listen("tcp", address)
			if err != nil {
				return err
			}
			go echo(l)
		}
		fmt.Println("serving")
		_, _ = io.Copy(io.Discard, os.Stdin)
		return nil
	case "leak":
		return leak(action[1])
	case "inside":
		return inside()
	}
	return errors.New("unknown action")
}

// dial connects, sends a line and reads it back.
func dial(network, address string) error {
	if network == "raw" {
		fd, err := syscall.Socket(syscall.AF_PACKET, syscall.SOCK_RAW, 0)
		if err != nil {
			return err
		}
		return syscall.Close(fd)
	}
	conn, err := net.DialTimeout(network, address, dialTime)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(dialTime)); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(conn, "hello"); err != nil {
		return err
	}
	_, err = bufio.NewReader(conn).ReadString('\n')
	return err
}

func echo(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			_, _ = io.Copy(conn, conn)
		}()
	}
}

// leak listens with a queue for nobody, so that the kernel answers callers with
// SYN cookies, which no socket stands for, and closes each connection behind
// what it wrote, so that none stands for what the kernel sends again either.
func leak(port string) error {
	number, err := strconv.Atoi(port)
	if err != nil {
		return err
	}
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	if err := errors.Join(syscall.Bind(fd, &syscall.SockaddrInet4{Port: number}), syscall.Listen(fd, 0)); err != nil {
		return err
	}
	fmt.Println("serving")
	go func() {
		for {
			conn, _, err := syscall.Accept(fd)
			if err != nil {
				return
			}
			_, _ = syscall.Write(conn, []byte("secret\n"))
			_ = syscall.Close(conn)
		}
	}()
	_, _ = io.Copy(io.Discard, os.Stdin)
	return nil
}

func echoPackets(c net.PacketConn) {
	buf := make([]byte, 1500)
	for {
		n, from, err := c.ReadFrom(buf)
		if err != nil {
			return
		}
		_, _ = c.WriteTo(buf[:n], from)
	}
}

// executable copies the test binary to where other users may run it.
func executable(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "kars-guard")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "child")
	if err := errors.Join(os.Chmod(dir, 0o755), os.WriteFile(path, self, 0o755)); err != nil { //nolint:gosec // other users run it
		t.Fatal(err)
	}
	return path
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	if os.Getenv("KARS_REQUIRE") == "pods" {
		t.Fatal("KARS_REQUIRE=pods: this test needs root")
	}
	t.Skip("network namespaces need root")
}

// pod is a network namespace like a pod's, joined to an outside by a cable.
type pod struct {
	t       *testing.T
	binary  string
	inside  netns.NsHandle
	outside netns.NsHandle
}

const (
	podIP     = "192.0.2.2"
	podIP6    = "2001:db8::2"
	otherIP   = "192.0.2.1"
	otherIP6  = "2001:db8::1"
	metadata  = "169.254.169.254"
	resolver  = otherIP + ":53"
	elsewhere = otherIP + ":443"
)

// newPod makes both namespaces on a thread of its own, which is thrown away.
func newPod(t *testing.T) *pod {
	t.Helper()
	needRoot(t)
	p := &pod{t: t, binary: executable(t)}
	p.onThread(netns.None(), func() error {
		var err error
		if p.outside, err = netns.New(); err != nil {
			return err
		}
		if err := up("lo", metadata+"/32"); err != nil {
			return err
		}
		if p.inside, err = netns.New(); err != nil {
			return err
		}
		return errors.Join(up("lo"), p.cable())
	})
	t.Cleanup(func() { _ = p.inside.Close(); _ = p.outside.Close() })
	p.onThread(p.outside, func() error {
		if err := up("cable1", otherIP+"/24", otherIP6+"/64"); err != nil {
			return err
		}
		return p.listenOutside()
	})
	p.onThread(p.inside, func() error {
		if err := up("cable0", podIP+"/24", podIP6+"/64"); err != nil {
			return err
		}
		link, err := netlink.LinkByName("cable0")
		if err != nil {
			return err
		}
		return netlink.RouteAdd(&netlink.Route{LinkIndex: link.Attrs().Index, Gw: net.ParseIP(otherIP)})
	})
	return p
}

func (p *pod) cable() error {
	return netlink.LinkAdd(&netlink.Veth{
		LinkAttrs:     netlink.LinkAttrs{Name: "cable0"},
		PeerName:      "cable1",
		PeerNamespace: netlink.NsFd(p.outside),
	})
}

func (p *pod) listenOutside() error {
	for _, address := range []string{elsewhere, "[" + otherIP6 + "]:443", metadata + ":80"} {
		l, err := net.Listen("tcp", address)
		if err != nil {
			return err
		}
		p.t.Cleanup(func() { _ = l.Close() })
		go echo(l)
	}
	for _, address := range []string{resolver, "[" + otherIP6 + "]:53"} {
		c, err := net.ListenPacket("udp", address)
		if err != nil {
			return err
		}
		p.t.Cleanup(func() { _ = c.Close() })
		go echoPackets(c)
	}
	return nil
}

// up gives an interface addresses, without waiting for duplicates to object.
func up(name string, addresses ...string) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	for _, a := range addresses {
		addr, err := netlink.ParseAddr(a)
		if err != nil {
			return err
		}
		if addr.IP.To4() == nil {
			addr.Flags = syscall.IFA_F_NODAD
		}
		if err := netlink.AddrAdd(link, addr); err != nil {
			return err
		}
	}
	return netlink.LinkSetUp(link)
}

// onThread runs f on a thread inside the namespace. The thread is never given
// back, so that nothing else of the test runs in there.
func (p *pod) onThread(ns netns.NsHandle, f func() error) {
	p.t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		if ns.IsOpen() {
			if err := netns.Set(ns); err != nil {
				done <- err
				return
			}
		}
		done <- f()
	}()
	if err := <-done; err != nil {
		p.t.Fatal(err)
	}
}

// run starts a child as the user inside the pod.
func (p *pod) command(uid uint32, action string) *exec.Cmd {
	cmd := exec.Command(p.binary)
	cmd.Env = []string{actionEnv + "=" + action}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Credential: &syscall.Credential{Uid: uid, Gid: uid},
		Pdeathsig:  syscall.SIGKILL,
	}
	return cmd
}

// serve keeps a child listening as the user until the test ends.
func (p *pod) serve(uid uint32, addresses ...string) {
	p.t.Helper()
	p.keep(uid, "serve "+strings.Join(addresses, " "))
}

// keep runs a child that says when it serves, until the test ends.
func (p *pod) keep(uid uint32, action string) {
	p.t.Helper()
	cmd := p.command(uid, action)
	cmd.SysProcAttr.Pdeathsig = 0 // would come with the end of the thread
	stdin, err := cmd.StdinPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	p.onThread(p.inside, cmd.Start)
	p.t.Cleanup(func() { _ = stdin.Close(); _ = cmd.Wait() })
	if line, err := bufio.NewReader(stdout).ReadString('\n'); err != nil || line != "serving\n" {
		p.t.Fatalf("server as user %d: %q, %v", uid, line, err)
	}
}

// dial tries from inside the pod as the user, and returns why it failed.
func (p *pod) dial(uid uint32, network, address string) string {
	var out []byte
	p.onThread(p.inside, func() error {
		// The exit status says the same as the output.
		out, _ = p.command(uid, "dial "+network+" "+address).CombinedOutput()
		return nil
	})
	return strings.TrimSpace(string(out))
}

// inside is a pod in a user namespace: it closes its own network, and tries.
func inside() error {
	if err := up("lo"); err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:9090")
	if err != nil {
		return err
	}
	go echo(l)
	if err := guard.Install(guard.DefaultPolicy()); err != nil {
		return err
	}
	fmt.Println("closed")
	_, _ = io.Copy(io.Discard, os.Stdin)
	return nil
}
