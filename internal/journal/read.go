package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/kars-dev/kars/internal/event"
)

const extension = ".jsonl"

// Run is what a journal tells of a run.
type Run struct {
	ID      string
	Context string
	Command string
	PID     int
	Started time.Time
	Ended   bool // in good order, though perhaps with a failure
	Steps   []Step
}

// Step is what a journal tells of a step.
type Step struct {
	ID      string
	Started time.Time    // zero if only its operation was carried over
	Status  event.Status // empty if the run ended within the step
	Detail  string
	Token   string // of the long operation that went on when the run ended
}

// Last reads the latest run of a context; found is false if there is none. What
// cannot be read of it, as a last line torn by a crash, is left out.
func Last(dir, context string) (run Run, found bool, err error) {
	ids, err := runs(dir)
	if err != nil {
		return Run{}, false, err
	}
	for _, id := range slices.Backward(ids) {
		r, err := read(dir, id)
		if err != nil {
			return Run{}, false, err
		}
		if r.Context == context {
			return r, true, nil
		}
	}
	return Run{}, false, nil
}

// runs are the ids of all runs, the oldest first.
func runs(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading the journals: %w", err)
	}
	var ids []string
	for _, e := range entries {
		if id, ok := strings.CutSuffix(e.Name(), extension); ok && e.Type().IsRegular() {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids, nil
}

func read(dir, id string) (Run, error) {
	raw, err := os.ReadFile(filepath.Join(dir, id+extension))
	if err != nil {
		return Run{}, fmt.Errorf("reading a journal: %w", err)
	}
	r := parse(raw)
	r.ID = id
	return r, nil
}

// parse reads lines and leaves out those that are none.
func parse(raw []byte) Run {
	var r Run
	for line := range bytes.Lines(raw) {
		var e entry
		if json.Unmarshal(line, &e) != nil {
			continue
		}
		switch e.Event {
		case runBegins:
			r.Context, r.Command, r.PID, r.Started = e.Context, e.Command, e.PID, e.Time
		case runEnds:
			r.Ended = true
		case stepBegins:
			s := r.step(e.Step)
			s.Started, s.Status, s.Detail = e.Time, "", ""
		case stepEnds:
			s := r.step(e.Step)
			s.Status, s.Detail = e.Status, e.Detail
			if e.Status != event.Failed {
				s.Token = ""
			}
		case operation:
			r.step(e.Step).Token = e.Token
		}
	}
	return r
}

func (r *Run) step(id string) *Step {
	for i := range r.Steps {
		if r.Steps[i].ID == id {
			return &r.Steps[i]
		}
	}
	r.Steps = append(r.Steps, Step{ID: id})
	return &r.Steps[len(r.Steps)-1]
}

// prune removes the oldest runs of a context until n are left.
func prune(dir, context string, n int) error {
	ids, err := runs(dir)
	if err != nil {
		return err
	}
	var own []string
	for _, id := range ids {
		if r, err := read(dir, id); err == nil && r.Context == context {
			own = append(own, id)
		}
	}
	for len(own) > n {
		if err := os.Remove(filepath.Join(dir, own[0]+extension)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing an old journal: %w", err)
		}
		own = own[1:]
	}
	return nil
}
