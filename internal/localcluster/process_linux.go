package localcluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// process is another process, which cannot be mistaken for one that comes
// after it with the same number.
type process struct {
	pid    int
	handle *os.File // a pidfd; readable when the process has ended, and with PID 1 its whole namespace
}

// errEnded says that a process is not there any more.
var errEnded = errors.New("the process has ended")

// findProcess opens the process that had the number pid and was started at
// this tick; see [startTick].
func findProcess(pid int, started uint64) (*process, error) {
	fd, err := unix.PidfdOpen(pid, unix.PIDFD_NONBLOCK)
	if errors.Is(err, unix.ESRCH) {
		return nil, errEnded
	} else if err != nil {
		return nil, fmt.Errorf("opening process %d: %w", pid, err)
	}
	p := &process{pid: pid, handle: os.NewFile(uintptr(fd), "pidfd")}
	if tick, err := startTick(strconv.Itoa(pid)); err != nil || tick != started {
		p.close()
		return nil, errEnded
	}
	return p, nil
}

func (p *process) close() { _ = p.handle.Close() }

func (p *process) signal(sig syscall.Signal) error {
	conn, err := p.handle.SyscallConn()
	if err != nil {
		return err
	}
	var sent error
	if err := conn.Control(func(fd uintptr) { sent = unix.PidfdSendSignal(int(fd), sig, nil, 0) }); err != nil {
		return err
	}
	if errors.Is(sent, unix.ESRCH) {
		return nil
	}
	return sent
}

// wait returns nil when the process has ended.
func (p *process) wait(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = p.handle.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	conn, err := p.handle.SyscallConn()
	if err != nil {
		return err
	}
	err = conn.Read(func(fd uintptr) bool {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
		return err == nil && n > 0
	})
	if ctx.Err() != nil {
		_ = p.handle.SetReadDeadline(time.Time{})
		return ctx.Err()
	}
	return err
}

// startTick is when a process was started, in clock ticks since boot; man 5
// proc_pid_stat.
func startTick(pid string) (uint64, error) {
	text, err := os.ReadFile(filepath.Join("/proc", pid, "stat"))
	if err != nil {
		return 0, err
	}
	return parseStartTick(text)
}

func parseStartTick(stat []byte) (uint64, error) {
	// The second field is the command in brackets, which may hold anything.
	end := bytes.LastIndexByte(stat, ')')
	fields := strings.Fields(string(stat[end+1:]))
	if end < 0 || len(fields) < 20 {
		return 0, fmt.Errorf("not a process' stat: %q", stat)
	}
	return strconv.ParseUint(fields[19], 10, 64)
}

// residentBytes adds up the memory of all processes in the PID namespace of
// process pid. A page that several of them share counts once in all.
func residentBytes(pid int) int64 {
	namespace, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", pid))
	if err != nil {
		return 0
	}
	folders, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return 0
	}
	var total int64
	for _, dir := range folders {
		if ns, err := os.Readlink(filepath.Join(dir, "ns/pid")); err != nil || ns != namespace {
			continue // another's, or gone
		}
		text, err := os.ReadFile(filepath.Join(dir, "smaps_rollup"))
		if err == nil {
			total += proportionalBytes(string(text))
		}
	}
	return total
}

// proportionalBytes reads the proportional set size, in which each page counts
// by the share that the process has of it; proc_pid_smaps(5).
func proportionalBytes(rollup string) int64 {
	for line := range strings.Lines(rollup) {
		if value, ok := strings.CutPrefix(line, "Pss:"); ok {
			kib, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			return kib << 10
		}
	}
	return 0
}
