package kube

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"k8s.io/client-go/transport"
)

// counter counts requests by whether they may change the cluster.
type counter struct{ reads, writes atomic.Int64 }

func (c *counter) counts() (reads, writes int) {
	return int(c.reads.Load()), int(c.writes.Load())
}

// wrap counts, and bounds every request that is not a stream by timeout. The
// client's own timeout would bound watches too.
func (c *counter) wrap(timeout time.Duration) transport.WrapperFunc {
	return func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			if changes(r) {
				c.writes.Add(1)
			} else {
				c.reads.Add(1)
			}
			if streams(r) {
				return next.RoundTrip(r)
			}
			ctx, cancel := context.WithTimeout(r.Context(), timeout)
			resp, err := next.RoundTrip(r.WithContext(ctx))
			if err != nil {
				cancel()
				return nil, err
			}
			resp.Body = &cancelBody{resp.Body, cancel}
			return resp, nil
		})
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// cancelBody ends a request's time limit when its answer has been read.
type cancelBody struct {
	io.ReadCloser
	cancel context.CancelFunc
}

func (b *cancelBody) Close() error {
	defer b.cancel()
	return b.ReadCloser.Close()
}

// readingPosts are resources whose creation only asks.
var readingPosts = []string{
	"/subjectaccessreviews", "/selfsubjectaccessreviews", "/localsubjectaccessreviews", "/selfsubjectrulesreviews",
	"/selfsubjectreviews", "/tokenreviews", "/token", "/portforward", "/exec", "/attach",
}

// changes reports whether a request may change the cluster.
func changes(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return false
	}
	if r.URL.Query().Get("dryRun") != "" {
		return false
	}
	if r.Method == http.MethodPost {
		for _, suffix := range readingPosts {
			if strings.HasSuffix(r.URL.Path, suffix) {
				return false
			}
		}
	}
	return true
}

// streams reports whether the answer may go on for as long as it likes.
func streams(r *http.Request) bool {
	q := r.URL.Query()
	return q.Get("watch") == "true" || q.Get("watch") == "1" || q.Get("follow") == "true" ||
		strings.HasSuffix(r.URL.Path, "/portforward") || r.Header.Get("Upgrade") != ""
}
