package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// ran is one run of a program.
type ran struct {
	took time.Duration
	peak int64 // of its resident memory, in bytes
	out  []byte
}

// execute runs a program and fails when it does.
func execute(ctx context.Context, env []string, name string, args ...string) (ran, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	began := time.Now()
	err := cmd.Run()
	r := ran{took: time.Since(began), out: out.Bytes()}
	if err != nil {
		return r, fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, said.Bytes())
	}
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		r.peak = usage.Maxrss << 10
	}
	return r, nil
}

// document runs a command that prints JSON.
func document(ctx context.Context, env []string, into any, name string, args ...string) (ran, error) {
	r, err := execute(ctx, env, name, append(args, "-o", "json")...)
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(r.out, into); err != nil {
		return r, fmt.Errorf("reading what %s %s prints: %w", name, strings.Join(args, " "), err)
	}
	return r, nil
}
