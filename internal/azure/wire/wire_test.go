package wire_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/kars-dev/kars/internal/azure/wire"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestRetryAfter(t *testing.T) {
	for name, test := range map[string]struct {
		header http.Header
		want   time.Duration
	}{
		"no header asks for nothing":              {http.Header{}, 0},
		"a number is of seconds":                  {http.Header{"Retry-After": {"17"}}, 17 * time.Second},
		"milliseconds go first":                   {http.Header{"Retry-After": {"1"}, "X-Ms-Retry-After-Ms": {"250"}}, 250 * time.Millisecond},
		"a date is when":                          {http.Header{"Retry-After": {"Sun, 01 Mar 2026 12:00:30 GMT"}}, 30 * time.Second},
		"a date that has passed asks for nothing": {http.Header{"Retry-After": {"Sun, 01 Mar 2026 11:00:00 GMT"}}, 0},
		"a negative number asks for nothing":      {http.Header{"Retry-After": {"-5"}}, 0},
		"text asks for nothing":                   {http.Header{"Retry-After": {"soon"}}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			if got := wire.RetryAfter(test.header, noon); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func FuzzRetryAfter(f *testing.F) {
	f.Add("17", "")
	f.Add("Sun, 01 Mar 2026 12:00:30 GMT", "250")
	f.Add("99999999999999999999", "-1")
	f.Fuzz(func(t *testing.T, seconds, milliseconds string) {
		h := http.Header{"Retry-After": {seconds}, "X-Ms-Retry-After-Ms": {milliseconds}}
		if d := wire.RetryAfter(h, noon); d < 0 {
			t.Errorf("asks to wait %s", d)
		}
	})
}

func TestRetryOptions(t *testing.T) {
	answer := func(status int, after string) *http.Response {
		return &http.Response{StatusCode: status, Header: http.Header{"Retry-After": {after}}}
	}
	for name, test := range map[string]struct {
		idempotent bool
		resp       *http.Response
		err        error
		want       bool
	}{
		"a throttled read is sent again":                     {true, answer(429, "5"), nil, true},
		"a throttled create is sent again":                   {false, answer(429, "5"), nil, true},
		"a gateway's failure of a create may have done it":   {false, answer(502, ""), nil, false},
		"a gateway's failure of a read is sent again":        {true, answer(502, ""), nil, true},
		"a lost connection during a create may have done it": {false, nil, errors.New("reset"), false},
		"a lost connection during a put is sent again":       {true, nil, errors.New("reset"), true},
		"a refusal is final":                                 {true, answer(403, ""), nil, false},
		"more patience than the deadline leaves":             {true, answer(429, "61"), nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithDeadline(t.Context(), noon.Add(time.Minute))
			defer cancel()
			r := wire.Retry{Now: func() time.Time { return noon }}
			if got := r.Options(ctx, test.idempotent).ShouldRetry(test.resp, test.err); got != test.want {
				t.Errorf("sent again: %t, want %t", got, test.want)
			}
		})
	}
}
