package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kars-dev/kars/internal/barrier"
	"github.com/kars-dev/kars/internal/plan"
	"github.com/kars-dev/kars/internal/provision"
	"github.com/kars-dev/kars/internal/report"
)

func TestExitCodes(t *testing.T) {
	interrupted, cancel := context.WithCancelCause(t.Context())
	cancel(errInterrupted)
	for says, test := range map[string]struct {
		ctx  context.Context
		err  error
		code int
		want string
	}{
		"done":               {err: nil, code: 0},
		"failed":             {err: errors.New("no"), code: exitFailed, want: "error: no\n"},
		"bad usage":          {err: fmt.Errorf("x: %w", usagef("for example: this", "wrong %d", 1)), code: exitUsage, want: "error: wrong 1\n       for example: this\n"},
		"bad input":          {err: errors.Join(&plan.InputError{Field: "name", Value: "X", Problem: "is bad", Fix: "--name x"}, &plan.InputError{Field: "model", Problem: "is bad", Fix: "--model y"}), code: exitUsage, want: "error: --name \"X\" is bad\n       for example: --name x\nerror: --model \"\" is bad\n       for example: --model y\n"},
		"blocked, as shown":  {err: errors.Join(&codeError{code: exitBlocked}, nil), code: exitBlocked},
		"late":               {err: &provision.StepError{Step: "grants", Err: &barrier.TimeoutError{What: "the role"}}, code: exitTimeout},
		"out of time":        {err: fmt.Errorf("reading: %w", context.DeadlineExceeded), code: exitTimeout},
		"interrupted":        {ctx: interrupted, err: fmt.Errorf("x: %w", context.Canceled), code: exitInterrupted, want: "error: interrupted\n       the same command continues from here\n"},
		"no cluster":         {err: &noClusterError{local: true}, code: exitFailed, want: "error: there is no local cluster\n       make one: kars up --local\n"},
		"interrupted, ended": {ctx: interrupted, err: nil, code: 0},
	} {
		var stderr strings.Builder
		a := &app{printer: report.New(report.Options{Out: io.Discard, Err: &stderr})}
		ctx := test.ctx
		if ctx == nil {
			ctx = t.Context()
		}
		if got := a.exit(ctx, test.err); got != test.code {
			t.Errorf("%s: exit code %d, want %d", says, got, test.code)
		}
		if test.want != "" && stderr.String() != test.want {
			t.Errorf("%s (-want +got):\n%s", says, cmp.Diff(test.want, stderr.String()))
		}
	}
}
