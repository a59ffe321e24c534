// Command kars-guard closes a sandbox pod's network to its agent (`install`),
// as the pod's first init container, and puts kars' seccomp profile where the
// kubelet looks for it (`install-profile --dir DIR`), once on each node. With
// --stay that ends only when it is told to, as a DaemonSet's container must.
package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/kars-dev/kars/internal/guard"
)

func main() {
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	if err := run(os.Args[1:], log); err != nil {
		log.Error("ended", "error", err)
		os.Exit(1)
	}
}

func run(args []string, log *slog.Logger) error {
	if len(args) == 0 {
		return errors.New("usage: kars-guard install | install-profile --dir DIR")
	}
	switch args[0] {
	case "install":
		if len(args) > 1 {
			return errors.New("install takes no arguments")
		}
		if err := guard.Install(guard.DefaultPolicy()); err != nil {
			return err
		}
		log.Info("the agent's network is closed")
		return nil
	case "install-profile":
		flags := flag.NewFlagSet("install-profile", flag.ContinueOnError)
		flags.SetOutput(io.Discard)
		dir := flags.String("dir", "", "the kubelet's seccomp folder")
		stay := flags.Bool("stay", false, "wait for SIGTERM afterwards")
		if err := flags.Parse(args[1:]); err != nil {
			return err
		}
		path, err := guard.InstallProfile(*dir)
		if err != nil {
			return err
		}
		log.Info("the seccomp profile is in place", "path", path)
		if *stay {
			ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
			defer stop()
			<-ctx.Done()
		}
		return nil
	default:
		return errors.New("usage: kars-guard install | install-profile --dir DIR")
	}
}
