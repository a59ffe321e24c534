package faults

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kars-dev/kars/internal/event"
	"github.com/kars-dev/kars/localazure"
)

// How many cases of each kind make the sample.
const (
	sampledKills  = 16
	sampledFaults = 20
)

// baseline is a run that nothing disturbed.
type baseline struct {
	sent []sent
	end  state
}

// repeated is how many times the same question is disturbed: the later polls of
// an operation are like the first.
const repeated = 2

// undisturbed is made by the first test that asks for it; tests run in turn.
var undisturbed *baseline

// undisturbedRun makes the baseline once, and asserts of it what every other
// run is asserted to end in.
func undisturbedRun(t *testing.T) *baseline {
	t.Helper()
	if undisturbed != nil {
		return undisturbed
	}
	w := newWorld(t)
	runs := filepath.Join(w.dir, "runs")
	tp := &tap{}
	result, err := w.as(localazure.OwnerName, tp).apply(t.Context(), runs)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range result.Steps {
		if s.ID != "registration" && s.Status != event.Created {
			t.Errorf("the step %s ends as %s: %s", s.ID, s.Status, s.Detail)
		}
	}
	b := &baseline{end: w.read()}
	for _, s := range tp.sent {
		if s.nth < repeated || isWrite(s.request) {
			b.sent = append(b.sent, s)
		}
	}
	for _, what := range []string{"blueprints", "principals of blueprints", "federated credentials of blueprints", "owners of blueprints"} {
		if n := len(b.end[what]); n != 1 {
			t.Fatalf("%d %s, want 1", n, what)
		}
	}
	if b.end["KarsAuthConfig"] == nil || b.end["the controller's credential"] == nil {
		t.Fatalf("no trust: %v", b.end)
	}
	w.idle(runs)
	undisturbed = b
	return b
}

// ends asserts that the world is as the undisturbed run left it, and that
// nobody finds anything more to do.
func (w *world) ends(b *baseline, runs string) {
	w.Helper()
	if diff := cmp.Diff(b.end, w.read()); diff != "" {
		w.Errorf("the end differs from that of an undisturbed run (-want +got):\n%s", diff)
	}
	w.idle(runs)
}

// sample draws n of the cases, or returns them all for KARS_MATRIX=all.
func sample[T any](t *testing.T, all []T, n int) []T {
	t.Helper()
	if os.Getenv("KARS_MATRIX") == "all" || n >= len(all) {
		return all
	}
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("KARS_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatalf("KARS_SEED: %v", err)
		}
	}
	t.Logf("%d of %d cases, drawn by KARS_SEED=%d", n, len(all), seed)
	picked := rand.New(rand.NewPCG(seed, 0)).Perm(len(all))[:n] //nolint:gosec // no secret
	out := make([]T, n)
	for i, p := range picked {
		out[i] = all[p]
	}
	return out
}

// TestAKilledRunIsFinishedByTheNext kills a run at each request, before the
// server gets it and, if it is a write, after the server did it.
func TestAKilledRunIsFinishedByTheNext(t *testing.T) {
	b := undisturbedRun(t)
	type kill struct {
		at    mark
		serve bool
	}
	var all []kill
	for _, s := range b.sent {
		all = append(all, kill{s.mark, false})
		if isWrite(s.request) {
			all = append(all, kill{s.mark, true})
		}
	}
	for _, c := range sample(t, all, sampledKills) {
		when := "before"
		if c.serve {
			when = "after"
		}
		t.Run(fmt.Sprintf("%s %s", when, c.at), func(t *testing.T) {
			w := newWorld(t)
			runs, died := filepath.Join(w.dir, "runs"), filepath.Join(w.dir, "died")
			ctx, kill := context.WithCancelCause(t.Context())
			dead := false
			tp := &tap{meddle: func(m mark, _ *http.Request) (fault, bool, error) {
				hit := m == c.at && !dead
				if hit {
					dead = true
					// What the run writes from here on, a killed one would not.
					if err := os.CopyFS(died, os.DirFS(runs)); err != nil {
						t.Error(err)
					}
				}
				if !dead {
					return "", true, nil
				}
				kill(errKilled)
				return "", hit && c.serve, errKilled
			}}
			result, err := w.as(localazure.OwnerName, tp).apply(ctx, runs)
			if !dead {
				t.Skip("this run did not ask that")
			}
			if err == nil {
				t.Fatalf("the killed run ends well: %s", describe(result))
			}
			next := w.settle(died)
			w.ends(b, died)
			if t.Failed() {
				t.Logf("killed: %s; next: %s", describe(result), describe(next))
			}
		})
	}
}

// TestARunSurvivesAFault lets each request fail once. What may be sent again is,
// and the run ends as if nothing had been; what may not be, because the server
// may have done it, ends the run, and the next one finishes.
func TestARunSurvivesAFault(t *testing.T) {
	b := undisturbedRun(t)
	type disturbance struct {
		at sent
		f  fault
	}
	var all []disturbance
	for _, s := range b.sent {
		for _, f := range allFaults {
			if !isKubernetes(s.request) {
				all = append(all, disturbance{s, f})
			}
		}
	}
	picked := sample(t, all, sampledFaults)
	for _, c := range all {
		// The answer that costs most to lose, always.
		if c.f == resetAfter && isWrite(c.at.request) && strings.Contains(c.at.what, "/deployments/kars-") && !slices.Contains(picked, c) {
			picked = append(picked, c)
		}
	}
	for _, c := range picked {
		t.Run(fmt.Sprintf("%s at %s", c.f, c.at), func(t *testing.T) {
			w := newWorld(t)
			runs := filepath.Join(w.dir, "runs")
			hit := false
			tp := &tap{meddle: func(m mark, _ *http.Request) (fault, bool, error) {
				if m != c.at.mark || hit {
					return "", true, nil
				}
				hit = true
				return c.f, true, nil
			}}
			result, err := w.as(localazure.OwnerName, tp).apply(t.Context(), runs)
			if !hit {
				t.Skip("this run did not ask that")
			}
			if err != nil {
				t.Logf("%s: %v", describe(result), err)
				if mustSurvive(c.at.request, c.f) {
					t.Error("the run does not survive it")
				}
				result = w.settle(runs)
			}
			w.ends(b, runs)
			if t.Failed() {
				t.Log(describe(result))
			}
		})
	}
}

// mustSurvive reports whether a request may be sent again after a fault: one
// that changes nothing the second time, or that has changed nothing at all.
func mustSurvive(r *http.Request, f fault) bool {
	// The Azure SDK never sends a POST again whose answer was cut off.
	asks := strings.Contains(r.URL.Path, "/oauth2/") || strings.HasSuffix(r.URL.Path, "/listClusterUserCredential")
	return r.Method != http.MethodPost || asks && f != truncated || f.untouched()
}
