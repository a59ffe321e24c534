package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// upResult is what bench reads of the document of kars up.
type upResult struct {
	Preflight struct {
		DurationMS float64 `json:"durationMs"`
		Requests   int     `json:"requests"`
	} `json:"preflight"`
	Steps []struct {
		ID         string  `json:"id"`
		DurationMS float64 `json:"durationMs"`
	} `json:"steps"`
	Requests struct {
		Azure, Kubernetes struct{ Reads, Writes int }
	} `json:"requests"`
}

// localStatus is what bench reads of the document of kars local status.
type localStatus struct {
	Memory   struct{ ResidentBytes int64 }
	Clusters []struct{ ResidentBytes int64 }
}

// cycle brings everything up in a home of its own, asks the agent, brings it
// up again, looks at the memory and takes it all away.
func (f *figures) cycle(ctx context.Context, o options) (err error) {
	home, err := os.MkdirTemp("", "kars-bench-")
	if err != nil {
		return err
	}
	env := []string{"KARS_HOME=" + home}
	defer func() {
		// Whatever happened, nothing may be left running.
		_, reset := execute(context.WithoutCancel(ctx), env, o.kars, "local", "reset", "--yes")
		err = errors.Join(err, reset, os.RemoveAll(home))
	}()
	cold, err := f.fromNothing(ctx, o, env)
	if err != nil {
		return err
	}
	warm, err := f.again(ctx, o, env)
	if err != nil {
		return err
	}
	f.add("from nothing, as a multiple of again", "", float64(cold)/float64(warm))
	return f.memory(ctx, o, env)
}

// fromNothing takes the time until the agent has answered, of which the
// binary's first run is by far the most.
func (f *figures) fromNothing(ctx context.Context, o options, env []string) (time.Duration, error) {
	var doc upResult
	up, err := document(ctx, env, &doc, o.kars, "up", "--local")
	if err != nil {
		return 0, err
	}
	answer, err := execute(ctx, env, o.kars, "connect", "--local", "my-assistant", "-m", "say hello")
	if err != nil {
		return 0, err
	}
	if len(strings.TrimSpace(string(answer.out))) == 0 {
		return 0, errors.New("the agent answers nothing")
	}
	f.took("from nothing to an answer", up.took+answer.took)
	f.took("  up", up.took)
	for _, s := range doc.Steps {
		f.add("    "+s.ID, "ms", s.DurationMS)
	}
	f.took("  connect", answer.took)
	f.add("preflight", "ms", doc.Preflight.DurationMS)
	f.count("preflight: requests", doc.Preflight.Requests)
	f.requests("from nothing", doc)
	f.bytes("from nothing: peak memory of up", up.peak)
	return up.took, nil
}

func (f *figures) again(ctx context.Context, o options, env []string) (time.Duration, error) {
	var doc upResult
	up, err := document(ctx, env, &doc, o.kars, "up", "--local")
	if err != nil {
		return 0, err
	}
	f.took("again", up.took)
	f.requests("again", doc)
	f.bytes("again: peak memory of up", up.peak)
	return up.took, nil
}

func (f *figures) requests(name string, doc upResult) {
	f.count(name+": requests to Azure that write", doc.Requests.Azure.Writes)
	f.count(name+": requests to Azure that read", doc.Requests.Azure.Reads)
	f.count(name+": requests to Kubernetes that write", doc.Requests.Kubernetes.Writes)
	f.count(name+": requests to Kubernetes that read", doc.Requests.Kubernetes.Reads)
}

// memory is what all that runs takes once it is at rest.
func (f *figures) memory(ctx context.Context, o options, env []string) error {
	var doc localStatus
	if _, err := document(ctx, env, &doc, o.kars, "local", "status"); err != nil {
		return err
	}
	if len(doc.Clusters) != 1 {
		return fmt.Errorf("%d local clusters, want 1", len(doc.Clusters))
	}
	f.bytes("memory of the local Azure", doc.Memory.ResidentBytes)
	f.bytes("memory of the local cluster", doc.Clusters[0].ResidentBytes)
	return nil
}
