// Package escape is what an agent may try that wants out of its sandbox. The
// same attempts are made by the agent and, to show that they could succeed, by
// others: an attempt that nobody can make proves nothing.
package escape

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Kind is what is tried.
type Kind string

// The kinds of attempt, and what their target is.
const (
	TCP    Kind = "tcp"    // connect to host:port
	DNS    Kind = "dns"    // ask host:port over UDP and get an answer
	Ping   Kind = "ping"   // get an echo from an IPv4 address
	Unix   Kind = "unix"   // connect to a socket's path, or its abstract name after @
	Socket Kind = "socket" // open a socket of a family, as packet
	Call   Kind = "call"   // make a system call, as setuid
	Read   Kind = "read"   // see a file or folder
	Write  Kind = "write"  // make a file
	Fact   Kind = "fact"   // say environment, status or processes
)

// Attempt is one thing to try.
type Attempt struct {
	Kind   Kind   `json:"kind"`
	Target string `json:"target"`
}

func (a Attempt) String() string { return string(a.Kind) + " " + a.Target }

// Outcome is how an attempt went.
type Outcome struct {
	Open bool   `json:"open"` // it succeeded
	Saw  string `json:"saw"`  // the error, or what was found
}

// patience bounds an attempt; what is dropped on the way never answers.
const patience = 2 * time.Second

// All makes all attempts at once; the outcomes are in their order.
func All(ctx context.Context, attempts []Attempt) []Outcome {
	out := make([]Outcome, len(attempts))
	var group sync.WaitGroup
	for i, a := range attempts {
		group.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, patience)
			defer cancel()
			saw, err := a.try(ctx)
			if out[i] = (Outcome{Open: err == nil, Saw: saw}); err != nil {
				out[i].Saw = err.Error()
			}
		})
	}
	group.Wait()
	return out
}

func (a Attempt) try(ctx context.Context) (saw string, err error) {
	switch a.Kind {
	case TCP:
		return connect(ctx, "tcp", a.Target)
	case Unix:
		return connect(ctx, "unix", a.Target)
	case DNS:
		return ask(ctx, a.Target)
	case Ping:
		return ping(ctx, a.Target)
	case Socket:
		return openSocket(a.Target)
	case Call:
		return call(a.Target)
	case Read:
		info, err := os.Stat(a.Target)
		if err != nil {
			return "", err
		}
		return info.Mode().String(), nil
	case Write:
		f, err := os.Create(a.Target)
		if err != nil {
			return "", err
		}
		return "written", f.Close()
	case Fact:
		return fact(a.Target)
	}
	return "", fmt.Errorf("nobody knows how to try %q", a.Kind)
}

func connect(ctx context.Context, network, target string) (string, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, target)
	if err != nil {
		return "", err
	}
	return "connected", conn.Close()
}

// question asks for the A record of "kubernetes.default.svc.cluster.local".
var question = []byte("\x13\x37\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00" +
	"\x0akubernetes\x07default\x03svc\x07cluster\x05local\x00\x00\x01\x00\x01")

func ask(ctx context.Context, target string) (string, error) {
	return exchange(ctx, "udp", target, question)
}

func exchange(ctx context.Context, network, target string, packet []byte) (string, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, target)
	if err != nil {
		return "", err
	}
	defer conn.Close() //nolint:errcheck // nothing is kept
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return "", err
	}
	if _, err := conn.Write(packet); err != nil {
		return "", err
	}
	n, err := conn.Read(make([]byte, 512))
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d bytes came back", n), nil
}

// fact reads what the process can know of itself and its neighbours.
func fact(what string) (string, error) {
	switch what {
	case "environment":
		return strings.Join(os.Environ(), "\n"), nil
	case "status":
		raw, err := os.ReadFile("/proc/self/status")
		return string(raw), err
	case "processes":
		return processes()
	case "sockets":
		raw, err := os.ReadFile("/proc/net/unix")
		return string(raw), err
	}
	return "", fmt.Errorf("there is no fact %q", what)
}

func processes() (string, error) {
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return "", err
	}
	var lines []string
	for _, f := range files {
		if raw, err := os.ReadFile(f); err == nil && len(raw) > 0 {
			lines = append(lines, strings.TrimRight(strings.ReplaceAll(string(raw), "\x00", " "), " "))
		}
	}
	return strings.Join(lines, "\n"), nil
}
