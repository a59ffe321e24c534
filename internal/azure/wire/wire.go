// Package wire holds what the clients of Azure Resource Manager and of Microsoft
// Graph share on their way to the wire: how often to ask again and when not to,
// the user agent, and a count of what was sent.
package wire

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// Counter counts requests as they go out, repeated ones included.
type Counter struct{ reads, writes atomic.Int64 }

// Counts returns the requests so far. A write is one that may have changed
// something.
func (c *Counter) Counts() (reads, writes int) {
	return int(c.reads.Load()), int(c.writes.Load())
}

// Policy counts each request; a GET or HEAD is a read, and so is what read says
// is one.
func (c *Counter) Policy(read func(*http.Request) bool) policy.Policy {
	return policyFunc(func(req *policy.Request) (*http.Response, error) {
		raw := req.Raw()
		if raw.Method == http.MethodGet || raw.Method == http.MethodHead || read(raw) {
			c.reads.Add(1)
		} else {
			c.writes.Add(1)
		}
		return req.Next()
	})
}

// UserAgent says to the server that kars asks.
func UserAgent(version string) policy.Policy {
	agent := "kars"
	if version != "" {
		agent += "/" + version
	}
	return policyFunc(func(req *policy.Request) (*http.Response, error) {
		req.Raw().Header.Set("User-Agent", agent)
		return req.Next()
	})
}

type policyFunc func(*policy.Request) (*http.Response, error)

func (f policyFunc) Do(req *policy.Request) (*http.Response, error) { return f(req) }

// Retry is how often a request is sent again.
type Retry struct {
	// Delay is before the first repetition when the server names none; it
	// doubles from then on. 800 ms if zero.
	Delay time.Duration
	Now   func() time.Time // time.Now if nil
}

const attempts = 6

// Statuses after which the server says, or lets one hope, that the same request
// will do.
var (
	transient = []int{
		http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout,
	}
	// untouched are those that say that nothing has been done.
	untouched = []int{http.StatusTooManyRequests, http.StatusServiceUnavailable}
)

// IsTransient reports whether a request that ended so may succeed when sent
// again unchanged.
func IsTransient(status int) bool { return slices.Contains(transient, status) }

// Options are for one request under ctx. A request that is not idempotent is
// sent again only after an answer which says that nothing was done. None is
// sent again when the server asks for more patience than ctx has left: the
// caller then gets the answer at once rather than a deadline's silence later.
func (r Retry) Options(ctx context.Context, idempotent bool) policy.RetryOptions {
	now := r.Now
	if now == nil {
		now = time.Now
	}
	statuses := transient
	if !idempotent {
		statuses = untouched
	}
	return policy.RetryOptions{
		MaxRetries:    attempts - 1,
		RetryDelay:    r.Delay,
		MaxRetryDelay: 5 * time.Minute,
		ShouldRetry: func(resp *http.Response, err error) bool {
			if err != nil {
				return idempotent
			}
			if !slices.Contains(statuses, resp.StatusCode) {
				return false
			}
			deadline, bounded := ctx.Deadline()
			return !bounded || now().Add(RetryAfter(resp.Header, now())).Before(deadline)
		},
	}
}

// RetryAfter is how long the server asks to wait, 0 if it does not say.
// learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling
func RetryAfter(h http.Header, now time.Time) time.Duration {
	for _, name := range []string{"retry-after-ms", "x-ms-retry-after-ms"} {
		if n, err := strconv.ParseInt(h.Get(name), 10, 32); err == nil && n > 0 {
			return time.Duration(n) * time.Millisecond
		}
	}
	value := h.Get("Retry-After")
	if n, err := strconv.ParseInt(value, 10, 32); err == nil && n > 0 {
		return time.Duration(n) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil && at.After(now) {
		return at.Sub(now)
	}
	return 0
}

// Sleep waits for d or until ctx ends, then with its error.
func Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
