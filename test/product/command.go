package product

import (
	"bytes"
	"encoding/json"
	"errors"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience bounds one command, on a machine that does other things too.
const patience = 5 * time.Minute

// Result is how a command ended.
type Result struct {
	Args           []string
	Code           int // -1 if a signal ended it
	Stdout, Stderr string
	Took           time.Duration
}

// Process is a command that runs.
type Process struct {
	cmd         *exec.Cmd
	out, err    buffer
	began       time.Time
	done        chan struct{}
	result      Result
	transcripts *transcript
}

// Run runs kars and waits for its end.
func (h *Home) Run(t testing.TB, args ...string) Result {
	t.Helper()
	return h.Start(t, args...).Wait(t)
}

// Must is [Home.Run] for a command that has to succeed.
func (h *Home) Must(t testing.TB, args ...string) Result {
	t.Helper()
	got := h.Run(t, args...)
	if got.Code != 0 {
		t.Fatalf("kars %s: exit %d\n%s", strings.Join(args, " "), got.Code, got.Stderr)
	}
	return got
}

// Start begins a command.
func (h *Home) Start(t testing.TB, args ...string) *Process {
	t.Helper()
	p := &Process{began: time.Now(), done: make(chan struct{}), transcripts: &h.said}
	p.cmd = exec.Command(h.binary, args...) //nolint:gosec,noctx // the product, which tests signal themselves
	p.cmd.Env, p.cmd.Dir = h.env, h.Dir
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.err
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go p.reap(args)
	return p
}

func (p *Process) reap(args []string) {
	defer close(p.done)
	_ = p.cmd.Wait()
	p.result = Result{
		Args: args, Code: p.cmd.ProcessState.ExitCode(), Took: time.Since(p.began),
		Stdout: p.out.String(), Stderr: p.err.String(),
	}
	p.transcripts.add(p.result)
}

// Wait returns how the command ended.
func (p *Process) Wait(t testing.TB) Result {
	t.Helper()
	select {
	case <-p.done:
		return p.result
	case <-time.After(patience):
		_ = p.cmd.Process.Kill()
		<-p.done
		t.Fatalf("kars %s did not end within %s; it said\n%s", strings.Join(p.result.Args, " "), patience, p.result.Stderr)
		return Result{}
	}
}

// Ended says whether the command has come to its end.
func (p *Process) Ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// Signal sends the command a signal; one that has ended gets none.
func (p *Process) Signal(t testing.TB, s syscall.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil && !p.Ended() && !errors.Is(err, syscall.ESRCH) {
		t.Fatalf("signal %s: %v", s, err)
	}
}

// Decode reads a document of the command.
func Decode[T any](t testing.TB, r Result) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(r.Stdout), &v); err != nil {
		t.Fatalf("kars %s printed no document: %v\n%s%s", strings.Join(r.Args, " "), err, r.Stdout, r.Stderr)
	}
	return v
}

// buffer is a bytes.Buffer that may be read while a process writes it.
type buffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// transcript is what all commands have printed.
type transcript struct {
	mu  sync.Mutex
	all []Result
}

func (t *transcript) add(r Result) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.all = append(t.all, r)
}

// Said are the commands that have ended, and what they printed.
func (h *Home) Said() []Result {
	h.said.mu.Lock()
	defer h.said.mu.Unlock()
	return append([]Result{}, h.said.all...)
}
