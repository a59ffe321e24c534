package wire

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"

	"github.com/kars-dev/kars/internal/diagnose"
)

// UnreachableError says that no answer came: there is no network, no such host
// in it, or the connection broke.
type UnreachableError struct{ Err error }

func (e *UnreachableError) Error() string { return "no answer: " + e.Err.Error() }
func (e *UnreachableError) Unwrap() error { return e.Err }

// Diagnosis is the error in diagnose's terms.
func (e *UnreachableError) Diagnosis() diagnose.Error {
	return diagnose.Error{Plane: diagnose.Machine, Code: "Unreachable", Message: e.Error()}
}

// Lost describes what kept an answer from coming. The end of the context, and
// what describes itself, stay what they are.
func Lost(err error) error {
	if _, described := diagnose.Of(err); described || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if u := new(url.Error); errors.As(err, &u) {
		err = u.Err // the request is named by who sent it
	}
	return &UnreachableError{err}
}

// MalformedError says that an answer is not what Azure answers with.
type MalformedError struct{ Err error }

func (e *MalformedError) Error() string {
	return fmt.Sprintf("the answer is no JSON of the expected shape: %v", e.Err)
}

func (e *MalformedError) Unwrap() error { return e.Err }

// Diagnosis is the error in diagnose's terms.
func (e *MalformedError) Diagnosis() diagnose.Error {
	return diagnose.Error{Plane: diagnose.Machine, Code: "MalformedAnswer", Message: e.Error()}
}

// Decode reads an answer; one that cannot be read is a [MalformedError].
func Decode(raw []byte, out any) error {
	if err := json.Unmarshal(raw, out); err != nil {
		return &MalformedError{err}
	}
	return nil
}
