package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/kars-dev/kars/internal/barrier"
	"github.com/kars-dev/kars/internal/plan"
)

// The exit codes; docs/architecture.md.
const (
	exitFailed      = 1
	exitUsage       = 2
	exitBlocked     = 3
	exitUnknown     = 4
	exitTimeout     = 5
	exitInterrupted = 130
)

// usageError is bad usage or input.
type usageError struct {
	err  error
	hint string
}

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func usagef(hint, format string, args ...any) error {
	return &usageError{err: fmt.Errorf(format, args...), hint: hint}
}

// codeError ends the process with a code; what there is to say has been said
// unless text is set.
type codeError struct {
	code  int
	text  string
	hints []string
}

func (e *codeError) Error() string { return e.text }

// exit says what went wrong, once, with what to do about it, and returns the
// exit code.
func (a *app) exit(ctx context.Context, err error) int {
	var (
		coded *codeError
		usage *usageError
		input *plan.InputError
		late  *barrier.TimeoutError
		none  *noClusterError

		unanswered *unansweredError
	)
	switch {
	case err == nil:
		return 0
	case errors.As(err, &coded):
		if coded.text != "" {
			a.printer.Error(coded.text, coded.hints...)
		}
		return coded.code
	case errors.Is(context.Cause(ctx), errInterrupted):
		a.printer.Error("interrupted", "the same command continues from here")
		return exitInterrupted
	case errors.As(err, &input):
		a.inputErrors(err)
		return exitUsage
	case errors.As(err, &usage):
		a.printer.Error(usage.Error(), usage.hint)
		return exitUsage
	case errors.As(err, &none):
		a.printer.Error(none.Error(), none.fix())
		return exitFailed
	case errors.As(err, &unanswered):
		a.printer.Error(err.Error(), "is the network well, and Azure? https://azure.status.microsoft/; the same command tries again")
		return exitTimeout
	case errors.As(err, &late):
		a.printer.Error(err.Error(), "the same command goes on waiting")
		return exitTimeout
	case errors.Is(err, context.DeadlineExceeded):
		a.printer.Error("out of time: "+err.Error(), "the same command continues from here; --timeout gives it longer")
		return exitTimeout
	}
	a.printer.Error(err.Error(), a.fixes(err)...)
	return exitFailed
}

// inputErrors says each of the joined input errors.
func (a *app) inputErrors(err error) {
	var all []error
	if joined, ok := err.(interface{ Unwrap() []error }); ok { //nolint:errorlint // the joined error itself is wanted
		all = joined.Unwrap()
	} else {
		all = []error{err}
	}
	for _, e := range all {
		var input *plan.InputError
		if errors.As(e, &input) {
			a.printer.Error(input.Error(), "for example: "+input.Fix)
			continue
		}
		a.printer.Error(e.Error())
	}
}
