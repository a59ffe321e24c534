package preflight

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"

	"sigs.k8s.io/yaml"
)

// maxBaseline is how long a baseline may be, in bytes.
const maxBaseline = 1 << 20

const baselineKind = "PreflightBaseline"

// A Baseline lists findings that somebody has accepted. They stay in the
// report, marked, but neither block nor count.
type Baseline struct {
	APIVersion string     `json:"apiVersion"` // kars.azure.com/v1alpha1
	Kind       string     `json:"kind"`       // PreflightBaseline
	Accepted   []Accepted `json:"accepted"`
}

// Accepted names one finding by its key, and says why it is accepted.
type Accepted struct {
	ID    string `json:"id"`
	Scope string `json:"scope"`
	// Verdict is the worst that is accepted; empty is any.
	Verdict Verdict `json:"verdict,omitempty"`
	Acceptance
}

// An Acceptance is why a finding is accepted, and for how long.
type Acceptance struct {
	Reason string `json:"reason"`
	// Expires is the last day, in UTC, as 2027-01-31; empty is for good.
	Expires string `json:"expires,omitempty"`
}

// A StaleEntry is one of a baseline that accepts nothing, and why not.
type StaleEntry struct {
	Accepted
	Why string `json:"why"`
}

// ParseBaseline reads a baseline, which is YAML or JSON. Every entry must have
// a reason: one without is an acceptance that nobody has thought about.
func ParseBaseline(raw []byte) (Baseline, error) {
	var b Baseline
	if len(raw) > maxBaseline {
		return b, fmt.Errorf("it is longer than %d bytes", maxBaseline)
	}
	if err := yaml.UnmarshalStrict(raw, &b); err != nil {
		return b, errors.New(oneLine(err.Error()))
	}
	if b.APIVersion != apiVersion || b.Kind != baselineKind {
		return b, fmt.Errorf("it is apiVersion %q, kind %q and not %s, %s", b.APIVersion, b.Kind, apiVersion, baselineKind)
	}
	seen := map[string]bool{}
	for i, a := range b.Accepted {
		if err := a.check(); err != nil {
			return b, fmt.Errorf("entry %d, %s: %w", i+1, strings.TrimSpace(a.ID+" at "+a.Scope), err)
		}
		if seen[a.key()] {
			return b, fmt.Errorf("entry %d, %s at %s: it is there twice", i+1, a.ID, a.Scope)
		}
		seen[a.key()] = true
	}
	return b, nil
}

func (a Accepted) check() error {
	switch {
	case a.ID == "":
		return errors.New("it names no id")
	case a.Scope == "":
		return errors.New("it names no scope")
	case strings.TrimSpace(a.Reason) == "":
		return errors.New("it gives no reason")
	}
	if a.Verdict != "" && a.Verdict.badness() <= Pass.badness() {
		return fmt.Errorf("verdict %q is none of warn, unknown, fail", a.Verdict)
	}
	if a.Expires != "" {
		if _, err := time.Parse(time.DateOnly, a.Expires); err != nil {
			return fmt.Errorf("expires %q is no day, as 2027-01-31", a.Expires)
		}
	}
	return nil
}

// key folds case: ARM ids and actions know none.
func (a Accepted) key() string { return key(a.ID, a.Scope) }

func key(id, scope string) string { return strings.ToLower(id) + "\n" + strings.ToLower(scope) }

// expired reports whether the last day is over.
func (a Acceptance) expired(at time.Time) bool {
	last, err := time.Parse(time.DateOnly, a.Expires)
	return err == nil && !at.Before(last.AddDate(0, 0, 1))
}

// Accept marks the findings that the baseline accepts, decides the verdict
// without them, and lists the entries that accept nothing. It changes no
// finding that passes.
func (r Report) Accept(b Baseline, at time.Time) Report {
	found := map[string]int{}
	for i, f := range r.Findings {
		found[key(f.ID, f.Scope)] = i
	}
	r.Findings, r.Stale = append([]Finding{}, r.Findings...), nil
	for _, a := range b.Accepted {
		i, known := found[a.key()]
		switch {
		case !known:
			r.Stale = append(r.Stale, StaleEntry{a, "nothing like it was found"})
		case r.Findings[i].Verdict == Pass:
			r.Stale = append(r.Stale, StaleEntry{a, "it passes"})
		case a.expired(at):
			r.Stale = append(r.Stale, StaleEntry{a, "it ended on " + a.Expires})
		case a.Verdict != "" && r.Findings[i].Verdict.badness() > a.Verdict.badness():
			r.Stale = append(r.Stale, StaleEntry{a, fmt.Sprintf("it is for %s, and the finding is %s now", a.Verdict, r.Findings[i].Verdict)})
		default:
			r.Findings[i].Accepted, r.Findings[i].Blocks = &a.Acceptance, false
		}
	}
	r.Verdict = worst(r.Findings)
	return r
}

// NewBaseline lists what a report's findings would take to be accepted. Entries
// of the old baseline that still accept something keep their reason; the
// reasons of the others are empty, and [ParseBaseline] refuses them until
// somebody gives one.
func NewBaseline(r Report) Baseline {
	b := Baseline{APIVersion: apiVersion, Kind: baselineKind, Accepted: []Accepted{}}
	for _, f := range r.Findings {
		if f.Verdict == Pass {
			continue
		}
		a := Accepted{ID: f.ID, Scope: f.Scope, Verdict: f.Verdict}
		if f.Accepted != nil {
			a.Acceptance = *f.Accepted
		}
		b.Accepted = append(b.Accepted, a)
	}
	return b
}

// YAML renders the baseline.
func (b Baseline) YAML() ([]byte, error) {
	raw, err := yaml.Marshal(b)
	if err != nil {
		return nil, fmt.Errorf("writing a baseline: %w", err)
	}
	var out bytes.Buffer
	out.WriteString("# Findings of kars preflight that are accepted; use it with --baseline.\n" +
		"# Every entry needs a reason. What is worse than its verdict is not accepted. expires: 2027-01-31 is the last day that it counts.\n")
	out.Write(raw)
	return out.Bytes(), nil
}

// oneLine is the first line of a text.
func oneLine(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	return s
}
