package localcluster

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// service is a program that runs as long as its cluster.
type service struct {
	name      string // unique in the cluster; names its log
	path      string // as seen in the namespace
	args      []string
	env       []string
	namespace *namespace
}

// services runs services and starts one again when it ends.
type services struct {
	reaper *reaper
	logs   string // folder
	log    *slog.Logger

	mu      sync.Mutex
	running map[string]*running
}

type running struct {
	cancel context.CancelFunc
	done   chan struct{}
	mu     sync.Mutex
	child  *child
}

// maxLog is the size in bytes from which a log is put aside at start.
const maxLog = 8 << 20

// start runs s until [services.stop]. It returns when s has started once, or
// with the reason why it cannot.
func (s *services) start(v service) error {
	first, err := s.launch(v)
	if err != nil {
		return fmt.Errorf("%s: %w", v.name, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{cancel: cancel, done: make(chan struct{}), child: first}
	s.mu.Lock()
	s.running[v.name] = r
	s.mu.Unlock()
	go s.keep(ctx, v, r)
	return nil
}

// keep restarts a service that ends, the later the more often it does.
func (s *services) keep(ctx context.Context, v service, r *running) {
	defer close(r.done)
	const most = 5 * time.Second
	pause := 100 * time.Millisecond
	for {
		started := time.Now()
		<-r.child.done
		if ctx.Err() != nil {
			return
		}
		s.log.Warn("a service ended and is started again", "service", v.name, "status", describe(r.child.status))
		if time.Since(started) > time.Minute {
			pause = 100 * time.Millisecond
		}
		for {
			select {
			case <-ctx.Done():
				return
			case <-time.After(pause):
			}
			pause = min(2*pause, most)
			c, err := s.launch(v)
			if err == nil {
				r.mu.Lock()
				r.child = c
				r.mu.Unlock()
				break
			}
			s.log.Error("starting a service again", "service", v.name, "error", err)
		}
		r.mu.Lock()
		if ctx.Err() != nil { // stopped meanwhile: end what was just started
			_ = syscall.Kill(r.child.pid, syscall.SIGKILL)
		}
		r.mu.Unlock()
	}
}

func (s *services) launch(v service) (*child, error) {
	log, err := openLog(filepath.Join(s.logs, v.name+".log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	attr := &syscall.ProcAttr{
		Dir:   "/",
		Env:   append([]string{"PATH=" + nodePath, "HOME=/root"}, v.env...),
		Files: []uintptr{null.Fd(), log.Fd(), log.Fd()},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	}
	var c *child
	err = v.namespace.do(func() (err error) {
		c, err = s.reaper.start(v.path, append([]string{v.path}, v.args...), attr)
		return err
	})
	return c, err
}

// stop asks services to end, waits for them, and kills those that take longer
// than patience. Names that do not run are passed over.
func (s *services) stop(patience time.Duration, names ...string) {
	deadline := time.Now().Add(patience)
	var waiting []*running
	for _, name := range names {
		s.mu.Lock()
		r := s.running[name]
		delete(s.running, name)
		s.mu.Unlock()
		if r == nil {
			continue
		}
		r.cancel()
		r.signal(syscall.SIGTERM)
		waiting = append(waiting, r)
	}
	for _, r := range waiting {
		select {
		case <-r.done:
		case <-time.After(time.Until(deadline)):
			r.signal(syscall.SIGKILL)
			<-r.done
		}
	}
}

func (r *running) signal(sig syscall.Signal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case <-r.child.done: // its number may be another's by now
	default:
		_ = syscall.Kill(r.child.pid, sig)
	}
}

func describe(s syscall.WaitStatus) string {
	if s.Signaled() {
		return s.Signal().String()
	}
	return fmt.Sprintf("exit %d", s.ExitStatus())
}

// openLog opens a log to append to; one that has grown is put aside first.
func openLog(path string) (*os.File, error) {
	if info, err := os.Stat(path); err == nil && info.Size() > maxLog {
		if err := os.Rename(path, path+".1"); err != nil {
			return nil, err
		}
	}
	return os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
}
