// Package barrier waits until something that was asked for takes effect: a role
// assignment, a replicated identity, a node. A [Wait] ends when a probe that
// uses the thing succeeds, never because time has passed, and says what it last
// saw when time runs out.
package barrier

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// Result is what a probe saw.
type Result struct {
	Done bool
	// Evidence says what was seen, for people: "403 AuthorizationFailed",
	// "1 of 2 nodes Ready".
	Evidence string
}

// Options describe a wait.
type Options struct {
	What  string // is waited for, as "the registry lets the kubelet identity pull"
	Probe func(context.Context) (Result, error)

	// Interval is the wait after the first probe that is not done; it doubles
	// up to MaxInterval. 500 ms and 10 s if zero.
	Interval, MaxInterval time.Duration
	// Successes is how many probes in a row must be done; 1 if zero. More than
	// one tells a change that has reached every replica from one that has
	// reached the replica that happened to answer.
	Successes int
	// Timeout bounds the wait; 10 min if zero. A last probe begins when it
	// ends, and has a tenth of it, ten seconds at most, to finish.
	Timeout time.Duration
	// Retryable reports whether a probe's error may go away. None does if nil.
	Retryable func(error) bool
	// Progress is told what each probe saw; nothing if nil.
	Progress func(Result)
	// Clock is time's; SystemClock if nil.
	Clock Clock
}

// Clock tells the time and lets it pass.
type Clock interface {
	Now() time.Time
	// Sleep returns after d, or with ctx's error when ctx ends first.
	Sleep(ctx context.Context, d time.Duration) error
}

// SystemClock is the machine's clock.
type SystemClock struct{}

// Now is the time.
func (SystemClock) Now() time.Time { return time.Now() }

// Sleep waits for d or until ctx ends.
func (SystemClock) Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// TimeoutError says that a wait's time ran out.
type TimeoutError struct {
	What     string
	Waited   time.Duration
	Probes   int
	Evidence string // of the last probe; empty if none ended
	Err      error  // of the last probe, if it ended with one
}

func (e *TimeoutError) Error() string {
	text := fmt.Sprintf("waited %s for %s", e.Waited.Round(time.Second), e.What)
	switch {
	case e.Err != nil:
		text += fmt.Sprintf("; last: %v", e.Err)
	case e.Evidence != "":
		text += "; last seen: " + e.Evidence
	}
	return text
}

func (e *TimeoutError) Unwrap() error { return e.Err }

// Wait probes until the thing is there. It returns the last result; a
// [TimeoutError] when time runs out, the context's error when that ends first,
// and a probe's error when it is not retryable.
func Wait(ctx context.Context, o Options) (Result, error) {
	o = o.withDefaults()
	start := o.Clock.Now()
	deadline := start.Add(o.Timeout)
	bounded, cancel := context.WithTimeout(ctx, o.Timeout+min(o.Timeout/10, 10*time.Second))
	defer cancel()

	late := &TimeoutError{What: o.What}
	for interval, successes := o.Interval, 0; ; {
		result, err := o.Probe(bounded)
		if ctx.Err() != nil {
			return result, ctx.Err()
		}
		if err != nil && bounded.Err() == nil && !o.Retryable(err) {
			return result, fmt.Errorf("waiting for %s: %w", o.What, err)
		}
		late.Probes++
		if interrupted := bounded.Err() != nil && errors.Is(err, bounded.Err()); !interrupted {
			// What a probe that was cut short has to say is that it was.
			late.Evidence, late.Err = result.Evidence, err
		}
		o.Progress(result)
		if err == nil && result.Done {
			if successes++; successes >= o.Successes {
				return result, nil
			}
		} else {
			successes = 0
		}
		pause := jitter(interval)
		if successes > 0 {
			pause = o.Interval
		} else {
			interval = min(2*interval, o.MaxInterval)
		}
		// A wait that would end after the deadline ends at it, with one last
		// probe: the thing may be there by then.
		left := deadline.Sub(o.Clock.Now())
		if left <= 0 || bounded.Err() != nil {
			late.Waited = o.Clock.Now().Sub(start)
			return result, late
		}
		if err := o.Clock.Sleep(ctx, min(pause, left)); err != nil {
			return result, err
		}
	}
}

// jitter spreads waits by a fifth, so that many waiters do not ask as one.
func jitter(d time.Duration) time.Duration {
	return d - time.Duration(rand.Int64N(int64(d)/5+1)) //nolint:gosec // no secret
}

func (o Options) withDefaults() Options {
	if o.Interval <= 0 {
		o.Interval = 500 * time.Millisecond
	}
	if o.MaxInterval < o.Interval {
		o.MaxInterval = max(o.Interval, 10*time.Second)
	}
	if o.Successes < 1 {
		o.Successes = 1
	}
	if o.Timeout <= 0 {
		o.Timeout = 10 * time.Minute
	}
	if o.Retryable == nil {
		o.Retryable = func(error) bool { return false }
	}
	if o.Progress == nil {
		o.Progress = func(Result) {}
	}
	if o.Clock == nil {
		o.Clock = SystemClock{}
	}
	return o
}
