package period_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/kars-dev/kars/localazure/period"
)

func TestDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"PT8H": 8 * time.Hour, "PT1H30M": 90 * time.Minute, "P365D": 365 * 24 * time.Hour, "P1DT12H": 36 * time.Hour, "PT90S": 90 * time.Second,
		"": 0, "P": 0, "PT": 0, "P1DT": 0, "8H": 0, "PT-1H": 0, "PT0S": 0, "P1Y": 0, "P9999D": 0, "pt8h": 0, "PT1H ": 0,
	} {
		got, ok := period.Duration(text)
		if got != want && want != 0 || ok != (want != 0) {
			t.Errorf("%q is %v, %t, want %v", text, got, ok, want)
		}
	}
}

func TestRead(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	at := func(d time.Duration) time.Time { return now.Add(d) }
	for name, c := range map[string]struct {
		info string
		want period.Period
		bad  bool
	}{
		"without anything it is from now and for good": {`{}`, period.Period{Start: now}, false},
		"no expiration is for good":                    {`{"expiration":{"type":"NoExpiration","duration":null}}`, period.Period{Start: now}, false},
		"a duration from now":                          {`{"expiration":{"type":"AfterDuration","duration":"PT2H"}}`, period.Period{Start: now, End: at(2 * time.Hour)}, false},
		"Graph writes the type in another case":        {`{"expiration":{"type":"afterDuration","duration":"PT2H"}}`, period.Period{Start: now, End: at(2 * time.Hour)}, false},
		"a duration from a later start": {
			`{"startDateTime":"2026-03-01T14:00:00Z","expiration":{"type":"AfterDuration","duration":"PT2H"}}`,
			period.Period{Start: at(2 * time.Hour), End: at(4 * time.Hour)},
			false,
		},
		"a start that has passed is now": {
			`{"startDateTime":"2026-03-01T10:00:00+02:00","expiration":{"type":"AfterDateTime","endDateTime":"2026-03-01T15:00:00+02:00"}}`,
			period.Period{Start: now, End: at(time.Hour)},
			false,
		},
		"an end before the start":   {`{"expiration":{"type":"AfterDateTime","endDateTime":"2026-03-01T11:00:00Z"}}`, period.Period{}, true},
		"a duration that is none":   {`{"expiration":{"type":"AfterDuration","duration":"2h"}}`, period.Period{}, true},
		"a start that is none":      {`{"startDateTime":"today"}`, period.Period{}, true},
		"a type that nobody knows":  {`{"expiration":{"type":"Never"}}`, period.Period{}, true},
		"a duration without a text": {`{"expiration":{"type":"AfterDuration","duration":8}}`, period.Period{}, true},
	} {
		var info map[string]any
		if err := json.Unmarshal([]byte(c.info), &info); err != nil {
			t.Fatal(err)
		}
		got, err := period.Read(info, now)
		if (err != nil) != c.bad || !c.bad && got != c.want {
			t.Errorf("%s: %v, %v, want %v", name, got, err, c.want)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		`{"startDateTime":"2026-03-01T14:00:00Z","expiration":{"type":"AfterDuration","duration":"P1DT2H3M4S"}}`,
		`{"expiration":{"type":"AfterDateTime","endDateTime":"2026-03-01T11:00:00Z"}}`, `{"expiration":[]}`,
	} {
		f.Add(seed)
	}
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		var info map[string]any
		if json.Unmarshal([]byte(text), &info) != nil {
			return
		}
		p, err := period.Read(info, now)
		if err == nil && (p.Start.Before(now) || !p.End.IsZero() && !p.End.After(p.Start)) {
			t.Errorf("%s is a period from %v to %v", text, p.Start, p.End)
		}
	})
}
