package faults

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"sync"
	"syscall"
)

// A fault is what goes wrong with one request.
type fault string

// The faults. Retry-After is in seconds.
const (
	resetBefore fault = "a reset before the server saw it"
	resetAfter  fault = "a reset after the server did it"
	throttled   fault = "429 with Retry-After 0"
	throttled1  fault = "429 with Retry-After 1"
	unavailable fault = "503"
	truncated   fault = "an answer that is cut off"
)

var allFaults = []fault{resetBefore, resetAfter, throttled, throttled1, unavailable, truncated}

// untouched says that the server has told, or the client can know, that
// nothing was done, so that even a POST may be sent again.
func (f fault) untouched() bool { return f == throttled || f == throttled1 || f == unavailable }

// errKilled is every request's end after the run was killed.
var errKilled = errors.New("the run was killed")

// mark tells one request of a run from all others, and is the same in every
// run: what is asked, and how often it was before.
type mark struct {
	what string
	nth  int
}

// String has no slash: it names a test.
func (m mark) String() string {
	what := strings.Replace(m.what, "/subscriptions/-/resourceGroups/kars-eastus2/providers", "", 1)
	return fmt.Sprintf("%s, time %d", strings.ReplaceAll(what, "/", " "), m.nth+1)
}

var guid = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

// asked is a request by method, host and path, without made-up ids.
func asked(r *http.Request) string {
	host := r.URL.Hostname()
	if isKubernetes(r) {
		host = "kubernetes"
	}
	return r.Method + " " + host + guid.ReplaceAllString(r.URL.Path, "-")
}

// tap marks the requests of one run as they are sent, and does to each what it
// is told to.
type tap struct {
	// meddle is asked before each request; nil lets all pass. It returns the
	// fault, or errKilled, and whether the server still gets the request.
	meddle func(m mark, r *http.Request) (f fault, serve bool, err error)
	// instead answers a request in the server's place, unless it returns
	// neither an answer nor an error; nil never does.
	instead func(r *http.Request) (*http.Response, error)

	mu    sync.Mutex
	count map[string]int
	sent  []sent
}

// sent is a request that a run has made.
type sent struct {
	mark
	request *http.Request
}

// over is the tap's transport on top of another.
func (t *tap) over(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		f, serve, err := t.next(r)
		if t.instead != nil {
			if resp, err := t.instead(r); resp != nil || err != nil {
				return resp, err
			}
		}
		return suffer(next, r, f, serve, err)
	})
}

func (t *tap) next(r *http.Request) (fault, bool, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.count == nil {
		t.count = map[string]int{}
	}
	m := mark{what: asked(r)}
	m.nth = t.count[m.what]
	t.count[m.what]++
	t.sent = append(t.sent, sent{m, r})
	if t.meddle == nil {
		return "", true, nil
	}
	return t.meddle(m, r)
}

func suffer(next http.RoundTripper, r *http.Request, f fault, serve bool, err error) (*http.Response, error) {
	switch f {
	case resetBefore:
		return nil, reset()
	case throttled:
		return refusal(r, http.StatusTooManyRequests, "0"), nil
	case throttled1:
		return refusal(r, http.StatusTooManyRequests, "1"), nil
	case unavailable:
		return refusal(r, http.StatusServiceUnavailable, ""), nil
	}
	if !serve {
		return nil, err
	}
	resp, served := next.RoundTrip(r)
	if served != nil {
		return nil, served
	}
	switch {
	case err != nil:
		_ = resp.Body.Close()
		return nil, err
	case f == resetAfter:
		_ = resp.Body.Close()
		return nil, reset()
	case f == truncated:
		resp.Body = &cutOff{ReadCloser: resp.Body, left: 7}
	}
	return resp, nil
}

func reset() error {
	return &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
}

func refusal(r *http.Request, status int, retryAfter string) *http.Response {
	w := httptest.NewRecorder()
	if retryAfter != "" {
		w.Header().Set("Retry-After", retryAfter)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"error":{"code":%q,"message":"Try again."}}`, strings.ReplaceAll(http.StatusText(status), " ", ""))
	resp := w.Result()
	resp.Request = r
	return resp
}

// cutOff is a body whose connection ends after some bytes.
type cutOff struct {
	io.ReadCloser
	left int
}

func (c *cutOff) Read(p []byte) (int, error) {
	if c.left == 0 {
		return 0, io.ErrUnexpectedEOF
	}
	n, err := c.ReadCloser.Read(p[:min(len(p), c.left)])
	c.left -= n
	return n, err
}

// served answers requests by a handler in this process.
func served(h http.Handler) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		if err := r.Context().Err(); err != nil {
			return nil, err
		}
		in := r.Clone(r.Context())
		in.RequestURI, in.RemoteAddr = r.URL.RequestURI(), "127.0.0.1:1"
		if in.Body == nil {
			in.Body = http.NoBody
		}
		if in.Host == "" {
			in.Host = r.URL.Host
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, in)
		_ = in.Body.Close()
		resp := w.Result()
		resp.Request = r
		if r.Method == http.MethodHead {
			resp.Body = http.NoBody
		}
		return resp, nil
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// isKubernetes tells the API server's requests from Azure's.
func isKubernetes(r *http.Request) bool { return r.URL.Hostname() == "127.0.0.1" }

// isWrite reports whether a request may change something.
func isWrite(r *http.Request) bool {
	return r.Method != http.MethodGet && r.Method != http.MethodHead && r.URL.Host != "login.microsoftonline.com"
}
