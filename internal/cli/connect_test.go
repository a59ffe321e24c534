package cli

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestAnAgentThatHasNoAnswerSaysWhy(t *testing.T) {
	for says, test := range map[string]struct {
		status     int
		code, text string
		want       string
		hint       string
	}{
		"no role at the account": {
			403, "PermissionDenied", "The principal lacks the required data action",
			"the agent has no answer: The principal lacks the required data action", "lacks a role at the Foundry account",
		},
		"passed on by the agent as its own failure": {
			502, "ModelFailed", "The principal lacks the required data action",
			"the agent has no answer: The principal lacks the required data action", "lacks a role at the Foundry account",
		},
		"no identity":  {503, "AnonymousTier", "the sandbox has no identity", "the agent has no answer: the sandbox has no identity", "kars mesh setup-trust"},
		"no reason":    {500, "", "", "the agent has no answer: status 500", ""},
		"other reason": {429, "TooManyRequests", "slow down", "the agent has no answer: slow down", ""},
	} {
		var e *codeError
		if err := agentError(test.status, test.code, test.text); !errors.As(err, &e) || e.code != exitFailed || e.text != test.want {
			t.Errorf("%s: %v", says, err)
			continue
		}
		if hints := strings.Join(e.hints, " "); !strings.Contains(hints, test.hint) || test.hint == "" && hints != "" {
			t.Errorf("%s: hints %q, want %q", says, hints, test.hint)
		}
	}
}

func TestWhatTheAgentSaysIsBounded(t *testing.T) {
	for says, test := range map[string]struct {
		answer http.HandlerFunc
		want   string
	}{
		"no JSON":       {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") }, "status 200 is no JSON"},
		"endless":       {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.Copy(w, io.LimitReader(zeros{}, 8<<20)) }, "is no JSON"},
		"cut off early": {hangUp, "talking to the agent"},
	} {
		s := httptest.NewServer(test.answer)
		_, err := say(t.Context(), s.Client(), strings.TrimPrefix(s.URL, "http://"), "hello")
		s.Close()
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", says, err, test.want)
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func hangUp(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		_ = conn.Close()
	}
}

func TestAConversationIsALineAtATime(t *testing.T) {
	var out strings.Builder
	a := &app{streams: Streams{In: strings.NewReader("one\n\n  \ntwo"), Out: &out}}
	echo := func(_ context.Context, m string) (string, error) { return "you said " + m, nil }
	if err := a.converse(t.Context(), echo); err != nil {
		t.Fatal(err)
	}
	if got, want := out.String(), "you said one\nyou said two\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	a.streams.In = strings.NewReader(strings.Repeat("x", bufio.MaxScanTokenSize<<5))
	var usage *usageError
	if err := a.converse(t.Context(), echo); !errors.As(err, &usage) {
		t.Errorf("a line that is too long: %v", err)
	}
}
