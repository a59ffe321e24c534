package product

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// arguments are the command lines of every process that was seen on the
// machine, its clusters' pods included.
type arguments struct {
	mu   sync.Mutex
	all  map[string]bool
	quit chan struct{}
	done chan struct{}
}

func watchArguments() *arguments {
	a := &arguments{all: map[string]bool{}, quit: make(chan struct{}), done: make(chan struct{})}
	go a.watch()
	return a
}

func (a *arguments) watch() {
	defer close(a.done)
	again := time.NewTicker(200 * time.Millisecond)
	defer again.Stop()
	for {
		a.look()
		select {
		case <-again.C:
		case <-a.quit:
			return
		}
	}
}

func (a *arguments) look() {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, f := range files {
		if raw, err := os.ReadFile(f); err == nil && len(raw) > 0 {
			a.all[string(bytes.ReplaceAll(raw, []byte{0}, []byte{' '}))] = true
		}
	}
}

func (a *arguments) stop() {
	close(a.quit)
	<-a.done
}

// Arguments are the command lines of all processes that ran on this machine
// since the home was opened, as far as they lived long enough to be seen.
func (h *Home) Arguments() []string {
	h.seen.mu.Lock()
	defer h.seen.mu.Unlock()
	var out []string
	for line := range h.seen.all {
		out = append(out, line)
	}
	slices.Sort(out)
	return out
}
