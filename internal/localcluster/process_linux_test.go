package localcluster

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestProcessIsNotMistakenForAnother(t *testing.T) {
	pid := os.Getpid()
	tick, err := startTick(strconv.Itoa(pid))
	if err != nil {
		t.Fatal(err)
	}
	p, err := findProcess(pid, tick)
	if err != nil {
		t.Fatal(err)
	}
	p.close()
	if _, err := findProcess(pid, tick-1); !errors.Is(err, errEnded) {
		t.Errorf("a process with our number that started before us: got %v, want %v", err, errEnded)
	}
}

func TestWaitEndsWithTheProcess(t *testing.T) {
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	reaped := make(chan struct{})
	go func() { defer close(reaped); _ = cmd.Wait() }()
	tick, err := startTick(strconv.Itoa(cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	p, err := findProcess(cmd.Process.Pid, tick)
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	brief, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := p.wait(brief); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("waiting for a process that runs: got %v, want %v", err, context.DeadlineExceeded)
	}
	if err := p.signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := p.wait(t.Context()); err != nil {
		t.Errorf("waiting for a process that was killed: %v", err)
	}
	<-reaped
}

// TestSupervisorThatIsEndingIsWaitedFor has a process that says it is the
// supervisor and no longer holds the folder, as one that was killed while the
// kernel still ends its cluster.
func TestSupervisorThatIsEndingIsWaitedFor(t *testing.T) {
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	tick, err := startTick(strconv.Itoa(cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	dir := state(t.TempDir())
	if err := writeJSON(dir.status(), status{PID: cmd.Process.Pid, Started: tick, Phase: ready}); err != nil {
		t.Fatal(err)
	}
	brief, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if p, _, err := settledSupervisor(brief, dir); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("while it ends: got %v, %v, want %v", p, err, context.DeadlineExceeded)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if _, _, err := settledSupervisor(t.Context(), dir); !errors.Is(err, errEnded) {
		t.Errorf("after its end: got %v, want %v", err, errEnded)
	}
}

func FuzzStartTickOfAnyCommand(f *testing.F) {
	for _, command := range []string{"sh", "a b", "a) b", ")", "", "(\n)"} {
		f.Add(command, uint64(42))
	}
	f.Fuzz(func(t *testing.T, command string, tick uint64) {
		stat := "1 (" + command + ") S" + strings.Repeat(" 7", 18) + " " + strconv.FormatUint(tick, 10) + " 8 9"
		if got, err := parseStartTick([]byte(stat)); err != nil || got != tick {
			t.Errorf("read %d, %v from %q, want %d", got, err, stat, tick)
		}
		if _, err := parseStartTick([]byte(command)); err == nil && len(command) < 40 {
			t.Errorf("read a time from %q, which is too short", command)
		}
	})
}
