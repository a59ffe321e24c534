package localcluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// spawn starts a supervisor for the cluster in dir and returns when it has
// taken the folder, or has ended.
func (c *Clusters) spawn(ctx context.Context, dir state) (*process, error) {
	if err := os.Remove(dir.status()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	log, err := openLog(filepath.Join(dir.logs(), "supervisor.log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	args := append(append([]string{}, c.options.Args...), string(dir))
	// The cluster outlives this process and ctx.
	cmd := exec.Command(c.options.Executable, args...) //nolint:gosec,noctx // kars itself, which outlives the call
	cmd.Env = []string{"PATH=" + nodePath, "HOME=/root"}
	cmd.Dir = "/"
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS}
	if err := cmd.Start(); errors.Is(err, syscall.EPERM) {
		return nil, ErrNeedsRoot
	} else if err != nil {
		return nil, fmt.Errorf("starting the supervisor: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		// It may be another than this: one whose starter was killed.
		p, _, err := findSupervisor(dir)
		if err == nil {
			return p, nil
		}
		select {
		case err := <-ended:
			if p, _, err := settledSupervisor(ctx, dir); err == nil {
				return p, nil
			}
			return nil, fmt.Errorf("the supervisor ended (%w): %s", orExit(err), lastLine(log.Name()))
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(poll / 4):
		}
	}
}

// settledSupervisor is [findSupervisor], but waits where a supervisor is about
// to say who it is, or is ending. A supervisor holds the folder's lock as long
// as it lives. One that was killed lets go of it first and ends last, after
// every process of its cluster: it is found, yet nothing of it answers.
func settledSupervisor(ctx context.Context, dir state) (*process, status, error) {
	for {
		p, s, err := findSupervisor(dir)
		if err != nil && !errors.Is(err, errEnded) {
			return nil, status{}, err
		}
		found := err == nil
		lock, err := takeLock(dir.lock())
		if lock != nil {
			_ = lock.Close()
		}
		switch {
		case found && errors.Is(err, errLocked):
			return p, s, nil
		case found:
			if err == nil {
				err = p.wait(ctx)
			}
			p.close()
			if err != nil {
				return nil, status{}, err
			}
			continue
		case err == nil:
			return nil, status{}, errEnded
		case errors.Is(err, fs.ErrNotExist): // nor is the folder there
			return nil, status{}, errEnded
		case !errors.Is(err, errLocked):
			return nil, status{}, err
		}
		select {
		case <-ctx.Done():
			return nil, status{}, ctx.Err()
		case <-time.After(poll / 4):
		}
	}
}

// findSupervisor returns the supervisor that runs the cluster in dir, and what
// it says of itself; [errEnded] if there is none.
func findSupervisor(dir state) (*process, status, error) {
	var s status
	if err := readJSON(dir.status(), &s); errors.Is(err, fs.ErrNotExist) {
		return nil, status{}, errEnded
	} else if err != nil {
		return nil, status{}, err
	}
	p, err := findProcess(s.PID, s.Started)
	return p, s, err
}

// awaitReady waits until the supervisor p says that the cluster in dir is
// ready.
func awaitReady(ctx context.Context, dir state, p *process) (status, error) {
	for {
		brief, cancel := context.WithTimeout(ctx, poll)
		ended := p.wait(brief)
		cancel()
		var s status
		if err := readJSON(dir.status(), &s); err != nil {
			return status{}, err
		}
		switch {
		case s.Phase == failed:
			return status{}, fmt.Errorf("%s (logs in %s)", s.Error, dir.logs())
		case ended == nil:
			return status{}, fmt.Errorf("the supervisor was ended (logs in %s)", dir.logs())
		case s.Phase == ready:
			return s, nil
		case ctx.Err() != nil:
			return status{}, ctx.Err()
		}
	}
}

// orExit gives the end of a process that went well a name.
func orExit(err error) error {
	if err == nil {
		return errors.New("exit status 0")
	}
	return err
}

// lastLine is the last line of a log, or nothing.
func lastLine(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	text = bytes.TrimSpace(text)
	return string(text[bytes.LastIndexByte(text, '\n')+1:])
}
