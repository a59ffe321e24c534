package arm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"github.com/kars-dev/kars/internal/azure/wire"
)

// Operation is a write that Azure may still be working on.
// learn.microsoft.com/azure/azure-resource-manager/management/async-operations
type Operation struct {
	client *Client
	status int
	poller *runtime.Poller[Tree] // nil if the first answer was the last
	result Tree
	after  time.Duration // the server's wish before the first poll
}

// begin sends a call that may go on after its answer.
func (c *Client) begin(ctx context.Context, r call) (*Operation, error) {
	resp, err := c.send(ctx, r)
	if err != nil {
		return nil, err
	}
	raw, err := runtime.Payload(resp)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", r.method, r.path, err)
	}
	o := &Operation{client: c, status: resp.StatusCode, after: wire.RetryAfter(resp.Header, time.Now())}
	if finished(resp, raw) {
		if len(raw) > 0 && resp.StatusCode/100 == 2 {
			if err := json.Unmarshal(raw, &o.result); err != nil {
				return nil, fmt.Errorf("%s %s: reading the answer: %w", r.method, r.path, err)
			}
		}
		return o, nil
	}
	o.poller, err = runtime.NewPoller[Tree](resp, c.pipeline, nil)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", r.method, r.path, convert(err))
	}
	return o, nil
}

// finished reports whether an answer is a write's last. The SDK's poller would
// ask once more after every 201 without a provisioning state, as a role
// assignment's.
func finished(resp *http.Response, raw []byte) bool {
	switch resp.StatusCode {
	case http.StatusNoContent, http.StatusNotFound:
		return true
	case http.StatusOK, http.StatusCreated:
	default:
		return false
	}
	for _, name := range []string{"Azure-AsyncOperation", "Operation-Location", "Location"} {
		if resp.Header.Get(name) != "" && (name != "Location" || resp.StatusCode != http.StatusCreated) {
			return false
		}
	}
	var body struct {
		Properties struct {
			ProvisioningState string `json:"provisioningState"`
		} `json:"properties"`
	}
	if json.Unmarshal(raw, &body) != nil {
		return len(raw) == 0
	}
	state := body.Properties.ProvisioningState
	return state == "" || state == "Succeeded"
}

// Status is the status of the first answer: 201 if something was created, 204
// or 404 if there was nothing to delete.
func (o *Operation) Status() int { return o.status }

// Done reports whether Azure has finished, as far as is known.
func (o *Operation) Done() bool { return o.poller == nil || o.poller.Done() }

// Token is what [Client.Resume] takes, perhaps in another process; empty once
// the operation is done. It holds polling URLs and no credential.
func (o *Operation) Token() (string, error) {
	if o.Done() {
		return "", nil
	}
	token, err := o.poller.ResumeToken()
	if err != nil {
		return "", fmt.Errorf("keeping a long operation's token: %w", err)
	}
	return token, nil
}

// Resume takes up an operation by its token.
func (c *Client) Resume(token string) (*Operation, error) {
	poller, err := runtime.NewPollerFromResumeToken[Tree](token, c.pipeline, nil)
	if err != nil {
		return nil, fmt.Errorf("resuming a long operation: %w", err)
	}
	return &Operation{client: c, poller: poller}, nil
}

// The wait between polls where the server does not ask for one.
const (
	firstPoll = 100 * time.Millisecond
	lastPoll  = 5 * time.Second
)

// Wait polls until the operation ends and returns the resource, nil after a
// deletion. That the operation failed is an [Error]; that ctx ended is ctx's
// error, and the operation goes on.
func (o *Operation) Wait(ctx context.Context) (Tree, error) {
	if o.poller == nil {
		return o.result, nil
	}
	pace, after := firstPoll, o.after
	for !o.poller.Done() {
		if after == 0 {
			after, pace = pace, min(2*pace, lastPoll)
		}
		if err := o.client.sleep(ctx, after); err != nil {
			return nil, fmt.Errorf("waiting for a long operation: %w", err)
		}
		polled := policy.WithRetryOptions(ctx, o.client.retry.Options(ctx, true))
		resp, err := o.poller.Poll(polled)
		if err != nil {
			return nil, o.wrap(err)
		}
		after = wire.RetryAfter(resp.Header, time.Now())
	}
	result, err := o.poller.Result(policy.WithRetryOptions(ctx, o.client.retry.Options(ctx, true)))
	if err != nil {
		return nil, o.wrap(err)
	}
	return result, nil
}

func (o *Operation) wrap(err error) error {
	var e *Error
	if converted := convert(err); errors.As(converted, &e) {
		return e
	}
	return fmt.Errorf("waiting for a long operation: %w", err)
}
