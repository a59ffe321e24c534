package main

import (
	"net/http"
	"slices"
	"sync"
	"time"
)

// line is the way to Azure: it adds a delay to every response, lets through
// one request at a time if asked to, and notes when each was on its way.
type line struct {
	next  http.RoundTripper
	delay time.Duration
	one   chan struct{} // of capacity one; nil lets all through at once

	mu       sync.Mutex
	onTheWay []span
}

type span struct{ from, to time.Time }

// RoundTrip implements [http.RoundTripper].
func (l *line) RoundTrip(r *http.Request) (*http.Response, error) {
	if l.one != nil {
		l.one <- struct{}{}
		defer func() { <-l.one }()
	}
	s := span{from: time.Now()}
	resp, err := l.next.RoundTrip(r)
	if l.delay > 0 {
		timer := time.NewTimer(l.delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	s.to = time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.onTheWay = append(l.onTheWay, s)
	return resp, err
}

// longest is the length of the longest chain of requests of which each began
// after the one before it had ended. Where all take as long as the delay, that
// is how often an answer had to be waited for before the next could be asked.
func (l *line) longest() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	spans := slices.Clone(l.onTheWay)
	slices.SortFunc(spans, func(a, b span) int { return a.to.Compare(b.to) })
	n := 0
	var end time.Time
	for _, s := range spans {
		if !s.from.Before(end) {
			n++
			end = s.to
		}
	}
	return n
}
