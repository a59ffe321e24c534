package localcluster

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// namespace is a thread of this process that lives in namespaces of its own.
// Files, sockets and processes that a function makes there belong to them.
type namespace struct {
	calls  chan func()
	thread int // in this process' PID namespace
}

// newNamespace starts a thread in new namespaces; flags are CLONE_NEW*.
func newNamespace(flags int) (*namespace, error) {
	return startThread(func() error { return unix.Unshare(flags) })
}

// withOwnMounts starts another thread, which differs in its mounts alone, and
// only by what is mounted where it is private.
func (n *namespace) withOwnMounts() (*namespace, error) {
	return startThread(func() error {
		// A thread that shares its root with others may not change it.
		if err := unix.Unshare(unix.CLONE_FS); err != nil {
			return err
		}
		for kind, flag := range map[string]int{"net": unix.CLONE_NEWNET, "uts": unix.CLONE_NEWUTS} {
			if err := setns(fmt.Sprintf("/proc/self/task/%d/ns/%s", n.thread, kind), flag); err != nil {
				return err
			}
		}
		// Last, since it takes /proc away.
		if err := setns(fmt.Sprintf("/proc/self/task/%d/ns/mnt", n.thread), unix.CLONE_NEWNS); err != nil {
			return err
		}
		return unix.Unshare(unix.CLONE_NEWNS)
	})
}

// onThread runs fn on a thread of its own that ends with the calling goroutine,
// since nothing else may run where fn has been. It is not the process' first
// thread: that one cannot end, and its root is what others see as the process'.
func onThread(fn func()) {
	runtime.LockOSThread() // never unlocked, but for the first thread
	if unix.Gettid() != unix.Getpid() {
		fn()
		return
	}
	defer runtime.UnlockOSThread()
	done := make(chan struct{})
	go func() { // elsewhere, as long as this thread is taken
		defer close(done)
		runtime.LockOSThread()
		fn()
	}()
	<-done
}

func startThread(enter func() error) (*namespace, error) {
	n := &namespace{calls: make(chan func())}
	started := make(chan error)
	go onThread(func() {
		n.thread = unix.Gettid()
		err := enter()
		started <- err
		if err != nil {
			return
		}
		for call := range n.calls {
			call()
		}
	})
	if err := <-started; err != nil {
		return nil, fmt.Errorf("making namespaces: %w", err)
	}
	return n, nil
}

func setns(path string, flag int) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.Setns(int(f.Fd()), flag); err != nil {
		return &os.PathError{Op: "entering", Path: path, Err: err}
	}
	return nil
}

// do runs fn in the namespace, one call at a time.
func (n *namespace) do(fn func() error) error {
	done := make(chan error)
	n.calls <- func() { done <- fn() }
	return <-done
}

// network opens the namespace's network for others; see [inNetwork].
func (n *namespace) network() string {
	return fmt.Sprintf("/proc/self/task/%d/ns/net", n.thread)
}

// inNetwork runs fn in the network namespace that the file at path stands for,
// on a thread that is thrown away afterwards. Sockets that fn opens stay in
// that namespace. fn must not start goroutines that open more.
func inNetwork(path string, fn func() error) error {
	done := make(chan error)
	go onThread(func() {
		if err := setns(path, unix.CLONE_NEWNET); err != nil {
			done <- err
			return
		}
		done <- fn()
	})
	return <-done
}

// dialIn connects from inside a network namespace. The address must be an IP
// address and a port: a name would be looked up on other threads.
func dialIn(path, address string, timeout time.Duration) (net.Conn, error) {
	var conn net.Conn
	err := inNetwork(path, func() (err error) {
		conn, err = net.DialTimeout("tcp", address, timeout)
		return err
	})
	return conn, err
}

// listenIn listens inside a network namespace; the address is as for [dialIn].
func listenIn(path, network, address string) (net.Listener, error) {
	var l net.Listener
	err := inNetwork(path, func() (err error) {
		l, err = net.Listen(network, address)
		return err
	})
	return l, err
}
