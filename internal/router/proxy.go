package router

import (
	"errors"
	"io"
	"log"
	"net/http"
	"net/url"
	"strings"
)

// discard keeps ReverseProxy from writing to the standard logger; its errors
// reach the ErrorHandler.
var discard = log.New(io.Discard, "", 0)

// pick copies the named headers.
func pick(from http.Header, names []string) http.Header {
	out := http.Header{}
	for _, name := range names {
		if v := from.Values(name); len(v) > 0 {
			out[http.CanonicalHeaderKey(name)] = v
		}
	}
	return out
}

// bounded breaks off a body that is too long.
type bounded struct {
	io.ReadCloser
	left int64
}

var errTooLong = errors.New("the answer is too long")

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLong
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.ReadCloser.Read(p)
	b.left -= int64(n)
	return n, err
}

// statusRecorder remembers the status of an answer.
type statusRecorder struct {
	http.ResponseWriter
	status int
}

func (s *statusRecorder) WriteHeader(status int) {
	if s.status == 0 {
		s.status = status
	}
	s.ResponseWriter.WriteHeader(status)
}

func (s *statusRecorder) Write(p []byte) (int, error) {
	if s.status == 0 {
		s.status = http.StatusOK
	}
	return s.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController flush.
func (s *statusRecorder) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// rootCause drops the URL that net/http puts before an error.
func rootCause(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

// clip keeps a foreign text short in a message.
func clip(s string) string {
	if len(s) > 300 {
		s = strings.ToValidUTF8(s[:300], "") + "…"
	}
	return s
}
