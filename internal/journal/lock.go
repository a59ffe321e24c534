package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/kars-dev/kars/internal/diagnose"
)

// HeldError says that another run has the context.
type HeldError struct {
	Context string
	PID     int       // 0 if the holder has not yet said
	Since   time.Time // zero likewise
}

func (e *HeldError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("another kars is working on %s", e.Context)
	}
	return fmt.Sprintf("another kars (process %d) is working on %s since %s", e.PID, e.Context, e.Since.Local().Format(time.DateTime))
}

// Diagnosis is the error in diagnose's terms.
func (e *HeldError) Diagnosis() diagnose.Error {
	return diagnose.Error{Plane: diagnose.Machine, Code: "ContextInUse", Message: e.Error(), Target: e.Context}
}

type holder struct {
	PID   int       `json:"pid"`
	Since time.Time `json:"since"`
}

// acquire takes the context's lock. The kernel gives it back when the file is
// closed or the process ends, however it ends; the file itself stays, because
// removing it would let two processes hold locks of the same name.
func acquire(dir, context string, now time.Time) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, url.PathEscape(context)+".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking %s: %w", context, err)
	}
	switch err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); {
	case errors.Is(err, syscall.EWOULDBLOCK):
		held := &HeldError{Context: context}
		var h holder
		if json.NewDecoder(f).Decode(&h) == nil {
			held.PID, held.Since = h.PID, h.Since
		}
		return nil, errors.Join(held, f.Close())
	case err != nil:
		return nil, errors.Join(fmt.Errorf("locking %s: %w", context, err), f.Close())
	}
	if err := sign(f, holder{PID: os.Getpid(), Since: now.UTC()}); err != nil {
		return nil, errors.Join(fmt.Errorf("locking %s: %w", context, err), f.Close())
	}
	return f, nil
}

func sign(f *os.File, h holder) error {
	raw, err := json.Marshal(h)
	if err != nil {
		return err
	}
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err = f.WriteAt(append(raw, '\n'), 0)
	return err
}
