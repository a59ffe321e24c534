package faults

import (
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kars-dev/kars/internal/preflight"
	"github.com/kars-dev/kars/localazure"
)

// An ailment is what is wrong with answers, for as long as preflight asks.
type ailment struct {
	answer func(r *http.Request) (*http.Response, error)
	says   string // is part of each reason
}

// ailments are by what a person would say. None gets well by asking again, as
// those of the matrix do.
func ailments() map[string]ailment {
	refused := func(status int, retryAfter, body string) func(*http.Request) (*http.Response, error) {
		return func(r *http.Request) (*http.Response, error) {
			header := http.Header{"Content-Type": {"application/json"}}
			if retryAfter != "" {
				header.Set("Retry-After", retryAfter)
			}
			return &http.Response{
				StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: header,
				Body: io.NopCloser(strings.NewReader(body)), Request: r,
			}, nil
		}
	}
	return map[string]ailment{
		"throttled for longer than preflight may take": {refused(429, "3600", `{"error":{"code":"TooManyRequests","message":"Slow down."}}`), "TooManyRequests"},
		"a service that is down":                       {refused(503, "", `{"error":{"code":"ServiceUnavailable","message":"Try again."}}`), "ServiceUnavailable"},
		"a gateway's page instead of an answer":        {refused(502, "", "<html>\n<h1>Bad Gateway</h1>\n</html>"), "Bad Gateway"},
		"an answer that is no JSON":                    {refused(200, "", "<html>\n<h1>Sign in to the network</h1>\n</html>"), "is no JSON of the expected shape"},
		"an answer that is cut off":                    {refused(200, "", `{"value":[{"id":`), "is no JSON of the expected shape"},
		"an expired token":                             {refused(401, "", `{"error":{"code":"ExpiredAuthenticationToken","message":"The access token expiry UTC time is earlier than current UTC time."}}`), "ExpiredAuthenticationToken"},
		"no network":                                   {func(*http.Request) (*http.Response, error) { return nil, reset() }, "connection reset"},
	}
}

// sick answers the requests that are meant, and lets the others pass.
func (a ailment) sick(meant func(*http.Request) bool) func(*http.Request) (*http.Response, error) {
	return func(r *http.Request) (*http.Response, error) {
		if !meant(r) {
			return nil, nil //nolint:nilnil // the server answers
		}
		return a.answer(r)
	}
}

// verdicts are those of a report by the key of the finding.
func verdicts(r preflight.Report) map[string]preflight.Verdict {
	out := map[string]preflight.Verdict{}
	for _, f := range r.Findings {
		out[f.ID+" at "+f.Scope] = f.Verdict
	}
	return out
}

// TestU05AnAnswerThatIsLostIsNeverHeldAgainstTheCaller makes each request of
// preflight go wrong by itself, in a subscription where nothing is there and in
// one where everything is, for callers who may do all and who may only read.
// Nothing that passed may fail for it, nothing that failed may pass,
// and what is unknown says in one line which fact is missing.
func TestU05AnAnswerThatIsLostIsNeverHeldAgainstTheCaller(t *testing.T) {
	w := newWorld(t)
	if _, err := w.azure.PutPrincipal(localazure.Principal{Name: "reader", Roles: []localazure.Role{{Role: "Reader"}}}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{localazure.OwnerName, "reader"} {
		t.Run(name+" where nothing is there", w.loseEachAnswer(name))
	}
	w.settle(filepath.Join(w.dir, "runs"))
	t.Run("reader where everything is there", w.loseEachAnswer("reader"))
}

func (w *world) loseEachAnswer(name string) func(*testing.T) {
	return func(t *testing.T) {
		a := ailments()["throttled for longer than preflight may take"]
		calm := w.as(name, &tap{})
		before, done := calm.preflight(), map[string]bool{}
		for _, s := range calm.tap.sent {
			if s.request.URL.Host == "login.microsoftonline.com" {
				continue
			}
			lost := asked(s.request)
			if done[lost] {
				continue
			}
			done[lost] = true
			c := w.as(name, &tap{instead: a.sick(func(r *http.Request) bool { return asked(r) == lost })})
			compare(t, lost, before, c.preflight())
		}
	}
}

// compare asserts what must hold of a report that was made with less knowledge
// than another.
func compare(t *testing.T, says string, before, after preflight.Report) {
	t.Helper()
	knew := verdicts(before)
	for _, f := range after.Findings {
		key := f.ID + " at " + f.Scope
		was, known := knew[key]
		if !known && f.Verdict != preflight.Unknown && f.Verdict != preflight.Pass {
			t.Errorf("%s: %s is %s and was not there before: %v", says, key, f.Verdict, f.Evidence)
		}
		if known && f.Verdict != was && f.Verdict != preflight.Unknown {
			t.Errorf("%s: %s is %s, and was %s: %v", says, key, f.Verdict, was, f.Evidence)
		}
		if f.Verdict != preflight.Unknown || was == preflight.Unknown {
			continue
		}
		if text := strings.Join(f.Evidence, "; "); !strings.Contains(text, "reading ") || strings.Contains(text, "\n") {
			t.Errorf("%s: %s is unknown and does not say in one line what could not be read: %q", says, key, text)
		}
	}
}

// TestU05APlaneThatDoesNotAnswerIsUnknownAndTheOtherIsDecided meets each plane
// with each ailment, for the caller whom nothing stands in the way of.
func TestU05APlaneThatDoesNotAnswerIsUnknownAndTheOtherIsDecided(t *testing.T) {
	w := newWorld(t)
	before := verdicts(w.as(localazure.OwnerName, &tap{}).preflight())
	for says, a := range ailments() {
		for _, host := range []string{"management.azure.com", "graph.microsoft.com"} {
			t.Run(host+": "+says, func(t *testing.T) {
				c := w.as(localazure.OwnerName, &tap{instead: a.sick(func(r *http.Request) bool { return r.URL.Host == host })})
				w.partial(t, c.preflight(), before, host, a.says)
			})
		}
	}
}

// TestU05WhatNeverAnswersIsUnknownAtTheDeadline lets a plane take every request
// and never answer.
func TestU05WhatNeverAnswersIsUnknownAtTheDeadline(t *testing.T) {
	w := newWorld(t)
	before := verdicts(w.as(localazure.OwnerName, &tap{}).preflight())
	for _, host := range []string{"management.azure.com", "graph.microsoft.com"} {
		t.Run(host, func(t *testing.T) {
			t.Parallel()
			hangs := ailment{answer: func(r *http.Request) (*http.Response, error) {
				<-r.Context().Done()
				return nil, r.Context().Err()
			}}
			c := w.as(localazure.OwnerName, &tap{instead: hangs.sick(func(r *http.Request) bool { return r.URL.Host == host })})
			r := preflight.Run(t.Context(), preflight.Options{
				Plan: c.plan, Caller: c.who, ARM: c.arm, Directory: c.graph, LocalPrincipal: "owner", Timeout: 2 * time.Second,
			})
			w.partial(t, r, before, host, "no answer in time")
		})
	}
}

// partial asserts that a report leaves open what hangs on the host, with the
// reason, and decides the rest as before.
func (w *world) partial(t *testing.T, r preflight.Report, before map[string]preflight.Verdict, host, reason string) {
	t.Helper()
	if r.Verdict != preflight.Unknown {
		t.Errorf("the verdict is %s, want unknown", r.Verdict)
	}
	for _, f := range r.Findings {
		var hangs bool
		switch {
		case f.ID == "directory/token", f.Category == preflight.CategoryToken: // the caller's own claims
		case f.Category == preflight.CategoryDirectory:
			hangs = host == "graph.microsoft.com"
		default:
			hangs = host == "management.azure.com"
		}
		was, known := before[f.ID+" at "+f.Scope]
		switch text := strings.Join(f.Evidence, "; "); {
		case !hangs && known && f.Verdict != was:
			t.Errorf("%s at %s is %s, and was %s: %s", f.ID, f.Scope, f.Verdict, was, text)
		case hangs && f.Verdict != preflight.Unknown:
			t.Errorf("%s at %s is %s without an answer: %s", f.ID, f.Scope, f.Verdict, text)
		case hangs && (!strings.Contains(text, "reading ") || !strings.Contains(text, reason) || strings.Contains(text, "\n")):
			t.Errorf("%s at %s does not say in one line that of what it needs %q: %q", f.ID, f.Scope, reason, text)
		}
	}
}
