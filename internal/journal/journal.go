// Package journal records a run's steps, before and after each, in
// runs/<id>.jsonl. Start with [Open]; [Last] reads what a run left behind.
//
// The journal decides nothing: a step asks the real system whether it is done.
// It keeps the tokens of long operations, so that the next run waits for one
// instead of starting it again, and says what a run was doing when it ended.
// Losing it loses time.
package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/kars-dev/kars/internal/event"
)

// Options say whose run it is.
type Options struct {
	Dir     string // the folder of runs; it is made if it is not there
	Context string // as kars@local
	Command string // as up, for whoever reads the journal
	Now     func() time.Time
}

// Journal is the record of a run that goes on. It is safe for concurrent use.
type Journal struct {
	id      string
	now     func() time.Time
	lock    *os.File
	pending map[string]string // tokens by step

	mu   sync.Mutex
	file *os.File
}

// entry is one line.
type entry struct {
	Time    time.Time    `json:"time"`
	Event   kind         `json:"event"`
	Context string       `json:"context,omitempty"` // of a run
	Command string       `json:"command,omitempty"`
	PID     int          `json:"pid,omitempty"`
	Step    string       `json:"step,omitempty"`
	Status  event.Status `json:"status,omitempty"`
	Detail  string       `json:"detail,omitempty"`
	Token   string       `json:"token,omitempty"` // of a long operation
}

type kind string

const (
	runBegins  kind = "run"
	runEnds    kind = "end"
	stepBegins kind = "step"
	stepEnds   kind = "done"
	operation  kind = "operation"
)

// kept is how many runs of a context are kept.
const kept = 20

// Open begins a run's record and takes the context for it: a second run of the
// same context gets a [HeldError] until this one is closed or its process ends.
func Open(o Options) (*Journal, error) {
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("opening the journal: %w", err)
	}
	lock, err := acquire(o.Dir, o.Context, o.Now())
	if err != nil {
		return nil, err
	}
	j, err := begin(o)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening the journal: %w", err), lock.Close())
	}
	j.lock = lock
	return j, nil
}

func begin(o Options) (*Journal, error) {
	last, _, err := Last(o.Dir, o.Context)
	if err != nil {
		return nil, err
	}
	if err := prune(o.Dir, o.Context, kept-1); err != nil {
		return nil, err
	}
	// Names sort by time; the random part tells runs of one second apart.
	id := o.Now().UTC().Format("20060102T150405.000Z") + "-" + uuid.NewString()[:8]
	file, err := os.OpenFile(filepath.Join(o.Dir, id+extension), os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	j := &Journal{id: id, now: o.Now, file: file, pending: map[string]string{}}
	if err := j.append(entry{Event: runBegins, Context: o.Context, Command: o.Command, PID: os.Getpid()}); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	// What an older run left is carried over, so that the last run's record
	// is all that anyone needs to read.
	for _, s := range last.Steps {
		if s.Token == "" {
			continue
		}
		j.pending[s.ID] = s.Token
		if err := j.append(entry{Event: operation, Step: s.ID, Token: s.Token}); err != nil {
			return nil, errors.Join(err, file.Close())
		}
	}
	return j, nil
}

// ID is the run's id.
func (j *Journal) ID() string { return j.id }

// Begin records that a step starts.
func (j *Journal) Begin(step string) error {
	return j.append(entry{Event: stepBegins, Step: step})
}

// End records how a step ended. One that did not fail leaves no operation
// behind.
func (j *Journal) End(step string, status event.Status, detail string) error {
	return j.append(entry{Event: stepEnds, Step: step, Status: status, Detail: detail})
}

// Operation keeps the token of a step's long operation; "" forgets it.
func (j *Journal) Operation(step, token string) error {
	return j.append(entry{Event: operation, Step: step, Token: token})
}

// Pending is the token that an earlier run left for the step, "" if none.
func (j *Journal) Pending(step string) string { return j.pending[step] }

// Close ends the record and gives the context back.
func (j *Journal) Close() error {
	err := j.append(entry{Event: runEnds})
	return errors.Join(err, j.file.Close(), j.lock.Close())
}

// append writes one line and has it reach the disk.
func (j *Journal) append(e entry) error {
	e.Time = j.now().UTC()
	e.Detail, e.Token = scrub(e.Detail), scrub(e.Token)
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if _, err := j.file.Write(append(line, '\n')); err != nil {
		return err
	}
	return j.file.Sync()
}
