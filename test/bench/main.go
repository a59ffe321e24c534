// Command bench measures what a person waits for and what it costs: kars up
// from nothing and again, the start of the binary, memory, sizes. It prints
// figures and judges none; `make bench` runs it after a build.
//
// Every run has a KARS_HOME of its own, which is reset and removed after it.
// What is compared is measured side by side in one run of bench.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
)

func main() {
	var o options
	flag.IntVar(&o.runs, "n", 5, "how often everything is brought up from nothing")
	flag.StringVar(&o.only, "only", "", "measure only binary, decisions, preflight or up; all if empty")
	flag.IntVar(&o.starts, "starts", 20, "how often the binary is started")
	flag.StringVar(&o.kars, "kars", "bin/kars", "the binary to measure")
	flag.StringVar(&o.output, "o", "text", "text or json")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1) //nolint:gocritic // the context is stopped above
	}
}

type options struct {
	runs, starts int
	kars, output string
	only         string
}

func run(ctx context.Context, o options) error {
	if os.Geteuid() != 0 {
		return errors.New("a local cluster has pods, and they need root: run make bench as root")
	}
	if o.output != "text" && o.output != "json" {
		return fmt.Errorf("-o %s is neither text nor json", o.output)
	}
	f := &figures{Machine: describeMachine()}
	for _, part := range []struct {
		name    string
		measure func(context.Context, options) error
	}{
		{"binary", f.binary},
		{"decisions", f.decisions},
		{"preflight", f.preflights},
		{"up", f.cycles},
	} {
		if o.only != "" && o.only != part.name {
			continue
		}
		if err := part.measure(ctx, o); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	return f.print(os.Stdout, o.output)
}

// binary measures what needs nothing but the binary.
func (f *figures) binary(ctx context.Context, o options) error {
	if err := f.starts(ctx, o); err != nil {
		return err
	}
	return f.sizes(o)
}

// cycles brings everything up from nothing, several times.
func (f *figures) cycles(ctx context.Context, o options) error {
	for i := range o.runs {
		fmt.Fprintf(os.Stderr, "run %d of %d\n", i+1, o.runs)
		if err := f.cycle(ctx, o); err != nil {
			return err
		}
	}
	return nil
}
