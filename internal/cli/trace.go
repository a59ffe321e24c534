package cli

import (
	"net/http"
	"time"
)

// tracing prints every request with -v: method, path, status, correlation id
// and time; never a header of the request or a body.
func (a *app) tracing(next http.RoundTripper) http.RoundTripper {
	if !a.flags.verbose {
		return next
	}
	return &tracer{app: a, next: next}
}

type tracer struct {
	app  *app
	next http.RoundTripper
}

func (t *tracer) RoundTrip(req *http.Request) (*http.Response, error) {
	began := time.Now()
	resp, err := t.next.RoundTrip(req)
	took := time.Since(began).Round(time.Millisecond)
	if err != nil {
		t.app.printer.Say("%-6s %s%s: %v (%s)", req.Method, req.URL.Host, req.URL.Path, err, took)
		return nil, err
	}
	id := resp.Header.Get("x-ms-correlation-request-id")
	t.app.printer.Say("%-6s %s%s: %d (%s) %s", req.Method, req.URL.Host, req.URL.Path, resp.StatusCode, took, id)
	return resp, nil
}
