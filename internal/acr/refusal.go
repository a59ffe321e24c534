package acr

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// Refusal is an answer that is not 200. It has what the service says of the
// reason, never what was sent.
type Refusal struct {
	Status  int
	Code    string // of the registry or of Entra, where the body has one
	Message string
}

func (r *Refusal) Error() string {
	text := fmt.Sprintf("status %d", r.Status)
	if r.Code != "" {
		text += " " + r.Code
	}
	if r.Message != "" {
		text += ": " + r.Message
	}
	return text
}

// newRefusal reads the body of the registry, {"errors":[{code,message}]}, or
// of the metadata service, {"error","error_description"}.
func newRefusal(status int, body []byte) *Refusal {
	var parsed struct {
		Errors []struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		} `json:"errors"`
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	r := &Refusal{Status: status}
	if json.Unmarshal(body, &parsed) != nil {
		return r
	}
	r.Code, r.Message = parsed.Error, parsed.Description
	if len(parsed.Errors) > 0 {
		r.Code, r.Message = parsed.Errors[0].Code, parsed.Errors[0].Message
	}
	return r
}

func decode(raw []byte, into any) error {
	if err := json.Unmarshal(raw, into); err != nil {
		// The body may hold a token, so it is not quoted.
		return errors.New("the answer is not the JSON that was expected")
	}
	return nil
}

// attempts is how often one request is sent at most. The pauses between them,
// doubling from firstPause, add up to three seconds; kubelet gives a plugin a
// minute.
const (
	attempts   = 5
	firstPause = 200 * time.Millisecond
)

// retry repeats what may go better the next time: a connection that failed,
// and the answers that the metadata service's documentation names;
// learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token#retry-guidance.
func (p *Provider) retry(ctx context.Context, request func() error) error {
	pause := firstPause
	for attempt := 1; ; attempt++ {
		err := request()
		if err == nil || attempt == attempts || !transient(err) || ctx.Err() != nil {
			return err
		}
		if err := p.wait(ctx, pause); err != nil {
			return err
		}
		pause *= 2
	}
}

func transient(err error) bool {
	var refusal *Refusal
	if !errors.As(err, &refusal) {
		var connection *url.Error
		return errors.As(err, &connection)
	}
	switch refusal.Status {
	case http.StatusNotFound, http.StatusGone, http.StatusTooManyRequests:
		return true
	}
	return refusal.Status >= http.StatusInternalServerError
}
