package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/kars-dev/kars/internal/localcluster"
)

// startTimeout bounds how long the local Azure may take to answer: a first
// start makes its keys.
const startTimeout = 30 * time.Second

func (a *app) localStartCommand() *cobra.Command {
	var foreground bool
	var port int
	cmd := &cobra.Command{
		Use:     "start",
		Short:   "Start the local Azure",
		Example: "  kars local start\n  kars local start --port 24443",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if port < 0 || port > 65535 {
				return usagef("for example: --port 24443", "--port %d is not between 1 and 65535", port)
			}
			if port == 0 {
				port = a.home.Port()
			}
			if foreground {
				return a.serveLocal(cmd.Context(), port)
			}
			started, err := a.startLocal(cmd.Context(), port)
			if err != nil {
				return err
			}
			_, where, _ := a.running()
			if started {
				a.printer.Say("the local Azure answers at https://%s; its authority is %s", where.Address, a.home.CAFile())
			} else {
				a.printer.Say("the local Azure already answers at https://%s", where.Address)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&foreground, "foreground", false, "serve in this process")
	cmd.Flags().IntVar(&port, "port", 0, "port on loopback (default: derived from KARS_HOME)")
	_ = cmd.Flags().MarkHidden("foreground")
	return cmd
}

// startLocal starts the local Azure in a process of its own unless it runs,
// and returns when it answers.
func (a *app) startLocal(ctx context.Context, port int) (started bool, err error) {
	if _, _, ok := a.running(); ok {
		return false, nil
	}
	if ctx.Err() != nil {
		return false, context.Cause(ctx)
	}
	if err := a.home.Make(); err != nil {
		return false, err
	}
	if err := portFree(port); err != nil {
		return false, err
	}
	process, output, err := a.spawn(port)
	if err != nil {
		return false, err
	}
	ended := make(chan error, 1)
	go func() { ended <- process.Wait() }()
	deadline := time.NewTimer(startTimeout)
	defer deadline.Stop()
	poll := time.NewTicker(25 * time.Millisecond)
	defer poll.Stop()
	for {
		select {
		case <-ctx.Done():
			// Nobody waits for it any more, and nobody would know of it.
			_ = process.Process.Signal(syscall.SIGTERM)
			<-ended //nolint:errcheck // it was told to end
			return false, context.Cause(ctx)
		case <-ended: //nolint:errcheck // what it wrote says more than its status
			return false, fmt.Errorf("the local Azure did not start: %s", bytes.TrimSpace(output()))
		case <-deadline.C:
			return false, fmt.Errorf("the local Azure does not answer after %s; see %s", startTimeout, a.home.LogFile())
		case <-poll.C:
			if _, where, ok := a.running(); ok && where.PID == process.Process.Pid {
				return true, nil
			}
		}
	}
}

// portFree says what to do about a port that somebody else listens on.
func portFree(port int) error {
	ln, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil && !errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("listening on port %d: %w", port, err)
	}
	if err != nil {
		return &codeError{code: exitFailed, text: fmt.Sprintf("port %d on 127.0.0.1 is busy", port), hints: []string{
			"choose another: kars local start --port " + strconv.Itoa(port+1),
		}}
	}
	return ln.Close()
}

// spawn runs this binary as the local Azure, in a session of its own so that it
// outlives the terminal. output is what it has written since.
func (a *app) spawn(port int) (*exec.Cmd, func() []byte, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	log, err := os.OpenFile(a.home.LogFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, nil, err
	}
	defer log.Close() //nolint:errcheck // the child has its own
	before, err := log.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, nil, err
	}
	cmd := exec.Command(exe, "local", "start", "--foreground", "--port", strconv.Itoa(port)) //nolint:gosec,noctx // this binary; it outlives the command
	cmd.Env = append(os.Environ(), "KARS_HOME="+a.home.Dir)
	cmd.Dir = a.home.Dir
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return nil, nil, fmt.Errorf("starting the local Azure: %w", err)
	}
	return cmd, func() []byte {
		all, err := os.ReadFile(a.home.LogFile())
		if err != nil || int64(len(all)) < before {
			return nil
		}
		return all[before:]
	}, nil
}

func (a *app) localStopCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "stop",
		Short: "Stop the local Azure and every local cluster; their state stays",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			stopped, err := a.stopLocal(cmd.Context())
			if err != nil {
				return err
			}
			if stopped {
				a.printer.Say("the local Azure is stopped; its state is in %s", a.home.Local())
			} else {
				a.printer.Say("the local Azure was not running")
			}
			return nil
		},
	}
}

// stopLocal ends the local Azure and the clusters, and returns when they are
// gone. Clusters of a local Azure that was killed are ended too.
func (a *app) stopLocal(ctx context.Context) (bool, error) {
	d, where, ok := a.running()
	if ok {
		if err := d.do(ctx, http.MethodPost, "/stop", nil, nil); err != nil {
			return false, err
		}
		if err := waitGone(ctx, where.PID); err != nil {
			return false, err
		}
	}
	clusters, err := a.clusters(nil)
	if err != nil {
		return ok, err
	}
	return ok, clusters.Stop(ctx)
}

func waitGone(ctx context.Context, pid int) error {
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for {
		if err := syscall.Kill(pid, 0); errors.Is(err, syscall.ESRCH) {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-poll.C:
		}
	}
}

func (a *app) localResetCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "reset",
		Short: "Stop everything local and forget it: the local Azure, its clusters, their contexts",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.confirm("forget the local Azure in " + a.home.Local()); err != nil {
				return err
			}
			if _, err := a.stopLocal(cmd.Context()); err != nil {
				return err
			}
			if err := os.RemoveAll(a.home.Local()); err != nil {
				return fmt.Errorf("forgetting the local Azure: %w", err)
			}
			if err := a.forgetLocal(); err != nil {
				return err
			}
			a.printer.Say("the local Azure is forgotten")
			return nil
		},
	}
}

// forgetLocal removes the contexts of local clusters and their kubeconfigs.
func (a *app) forgetLocal() error {
	all, err := a.home.ReadContexts()
	if err != nil {
		return err
	}
	for _, x := range all.Contexts {
		if !x.Local {
			continue
		}
		if err := a.forget(x.Name); err != nil {
			return err
		}
	}
	return nil
}

// forget removes a context and its kubeconfig.
func (a *app) forget(context string) error {
	if err := os.Remove(a.kubeconfig(context)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return a.home.ForgetContext(context)
}

// localSuperviseCommand is how the supervisor of a local cluster is started.
func (a *app) localSuperviseCommand() *cobra.Command {
	return &cobra.Command{
		Use: "supervise DIR", Hidden: true, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return localcluster.Supervise(cmd.Context(), args[0])
		},
	}
}
