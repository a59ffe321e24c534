package localcluster

import (
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// reaper starts children and waits for them and for every orphan, as PID 1
// must. os/exec also waits, and two waiters steal from each other, so nothing
// else in the process may start children.
type reaper struct {
	mu       sync.Mutex
	children map[int]*child
}

// child is a process that the reaper started.
type child struct {
	pid    int
	done   chan struct{} // closed when it has ended
	status syscall.WaitStatus
}

// newReaper waits for children until the process ends.
func newReaper() *reaper {
	r := &reaper{children: map[int]*child{}}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGCHLD)
	go func() {
		for range signals {
			r.reap()
		}
	}()
	return r
}

// start runs a program; it must be called on the thread whose namespaces the
// program is to have.
func (r *reaper) start(path string, args []string, attr *syscall.ProcAttr) (*child, error) {
	// Held until the child is known: it may end before ForkExec returns.
	r.mu.Lock()
	defer r.mu.Unlock()
	pid, err := syscall.ForkExec(path, args, attr)
	if err != nil {
		return nil, &os.PathError{Op: "starting", Path: path, Err: err}
	}
	c := &child{pid: pid, done: make(chan struct{})}
	r.children[pid] = c
	return c, nil
}

func (r *reaper) reap() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
		if err == syscall.EINTR {
			continue
		}
		if err != nil || pid == 0 {
			return
		}
		if c, ok := r.children[pid]; ok {
			c.status = status
			close(c.done)
			delete(r.children, pid)
		}
	}
}
