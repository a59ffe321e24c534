package barrier_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kars-dev/kars/internal/barrier"
)

var errLater = errors.New("403 AuthorizationFailed")

// script probes with one answer after the other and repeats the last.
func script(answers ...any) (probe func(context.Context) (barrier.Result, error), probes *int) {
	n := 0
	return func(context.Context) (barrier.Result, error) {
		a := answers[min(n, len(answers)-1)]
		n++
		switch a := a.(type) {
		case error:
			return barrier.Result{}, a
		case bool:
			return barrier.Result{Done: a}, nil
		default:
			return barrier.Result{Evidence: a.(string)}, nil
		}
	}, &n
}

func TestWaitEndsWhenTheProbeSucceeds(t *testing.T) {
	for name, test := range map[string]struct {
		answers   []any
		successes int
		probes    int
	}{
		"at once":                           {[]any{true}, 0, 1},
		"after answers that are not done":   {[]any{false, "one of two", true}, 0, 3},
		"after errors that go away":         {[]any{errLater, errLater, true}, 1, 3},
		"only after enough in a row":        {[]any{true, true, true}, 3, 3},
		"a relapse starts the count afresh": {[]any{true, false, true, true}, 2, 4},
		"an error starts the count afresh":  {[]any{true, errLater, true, true}, 2, 4},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				probe, probes := script(test.answers...)
				_, err := barrier.Wait(t.Context(), barrier.Options{
					What: "x", Probe: probe, Successes: test.successes,
					Retryable: func(err error) bool { return errors.Is(err, errLater) },
				})
				if err != nil || *probes != test.probes {
					t.Errorf("%d probes, %v; want %d", *probes, err, test.probes)
				}
			})
		})
	}
}

func TestWaitSaysWhatItLastSawWhenTimeRunsOut(t *testing.T) {
	for name, test := range map[string]struct {
		last any
		want string
	}{
		"evidence": {"1 of 2 nodes Ready", "last seen: 1 of 2 nodes Ready"},
		"an error": {errLater, "last: 403 AuthorizationFailed"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				probe, probes := script(test.last)
				start := time.Now()
				_, err := barrier.Wait(t.Context(), barrier.Options{
					What: "the nodes", Probe: probe, Timeout: time.Minute,
					Retryable: func(error) bool { return true },
				})
				var late *barrier.TimeoutError
				if !errors.As(err, &late) {
					t.Fatalf("got %v, want a TimeoutError", err)
				}
				if took := time.Since(start); took != time.Minute || late.Waited != took {
					t.Errorf("took %s and says %s, want a minute", took, late.Waited)
				}
				if late.Probes != *probes || *probes < 8 || *probes > 16 {
					t.Errorf("%d probes, says %d", *probes, late.Probes)
				}
				if !strings.Contains(err.Error(), "waited 1m0s for the nodes") || !strings.Contains(err.Error(), test.want) {
					t.Errorf("error %q", err)
				}
			})
		})
	}
}

func TestWaitCutsShortAProbeThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		_, err := barrier.Wait(t.Context(), barrier.Options{
			What: "x", Timeout: time.Minute,
			Probe: func(ctx context.Context) (barrier.Result, error) {
				if n++; n == 1 {
					return barrier.Result{Evidence: "seen before"}, nil
				}
				<-ctx.Done()
				return barrier.Result{}, ctx.Err()
			},
		})
		var late *barrier.TimeoutError
		if !errors.As(err, &late) || late.Evidence != "seen before" {
			t.Errorf("got %v, want a TimeoutError with the evidence before", err)
		}
	})
}

func TestWaitReturnsAnErrorThatWillNotGoAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		probe, probes := script(errLater, true)
		_, err := barrier.Wait(t.Context(), barrier.Options{What: "x", Probe: probe})
		if !errors.Is(err, errLater) || *probes != 1 {
			t.Errorf("%v after %d probes", err, *probes)
		}
	})
}

func TestWaitEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(3*time.Second, cancel)
		start := time.Now()
		probe, _ := script(false)
		_, err := barrier.Wait(ctx, barrier.Options{What: "x", Probe: probe})
		var late *barrier.TimeoutError
		if !errors.Is(err, context.Canceled) || errors.As(err, &late) || time.Since(start) != 3*time.Second {
			t.Errorf("got %v after %s", err, time.Since(start))
		}
	})
}

func TestWaitTellsEveryProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen []string
		probe, _ := script("a", "b", true)
		if _, err := barrier.Wait(t.Context(), barrier.Options{
			What: "x", Probe: probe, Progress: func(r barrier.Result) { seen = append(seen, r.Evidence) },
		}); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(seen, ","); got != "a,b," {
			t.Errorf("progress %q", got)
		}
	})
}

// instant is a clock whose sleeps take no time.
type instant struct{ now time.Time }

func (c *instant) Now() time.Time { return c.now }

func (c *instant) Sleep(ctx context.Context, d time.Duration) error {
	c.now = c.now.Add(d)
	return ctx.Err()
}

func TestWaitTakesItsTimeFromTheClock(t *testing.T) {
	probe, probes := script(false)
	_, err := barrier.Wait(t.Context(), barrier.Options{What: "x", Probe: probe, Timeout: time.Hour, Clock: &instant{}})
	var late *barrier.TimeoutError
	if !errors.As(err, &late) || late.Waited != time.Hour || *probes < 300 {
		t.Errorf("got %v after %d probes", err, *probes)
	}
}

func TestTheLastProbeMaySucceedAtTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		_, err := barrier.Wait(t.Context(), barrier.Options{
			What: "x", Timeout: time.Minute, Interval: 40 * time.Second,
			Probe: func(ctx context.Context) (barrier.Result, error) {
				return barrier.Result{Done: time.Since(start) >= time.Minute}, ctx.Err()
			},
		})
		if err != nil {
			t.Error(err)
		}
	})
}
