package graph

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/kars-dev/kars/internal/azure/wire"
	"github.com/kars-dev/kars/internal/diagnose"
)

// Error is a refusal that Microsoft Graph answered with.
// learn.microsoft.com/graph/errors
type Error struct {
	Method, Path string
	Status       int
	Code         string // as Authorization_RequestDenied
	Message      string
	Target       string
	RequestID    string
	RetryAfter   time.Duration // that the server asks for, 0 if it does not
}

func (e *Error) Error() string {
	text := e.Message
	if text == "" {
		text = http.StatusText(e.Status)
	}
	if e.Code != "" {
		text = e.Code + ": " + text
	}
	text += fmt.Sprintf(" (status %d", e.Status)
	if e.RequestID != "" {
		text += ", request id " + e.RequestID
	}
	return text + ")"
}

// Diagnosis is the error in diagnose's terms.
func (e *Error) Diagnosis() diagnose.Error {
	return diagnose.Error{
		Plane: diagnose.Graph, Status: e.Status, Code: e.Code, Message: e.Message, Target: e.Target, CorrelationID: e.RequestID,
	}
}

// HasCode reports whether err is an [Error] with one of the codes.
func HasCode(err error, codes ...string) bool {
	var e *Error
	if !errors.As(err, &e) {
		return false
	}
	for _, code := range codes {
		if strings.EqualFold(code, e.Code) {
			return true
		}
	}
	return false
}

// IsNotFound reports whether err says that something is not there, or not yet.
func IsNotFound(err error) bool { return hasStatus(err, http.StatusNotFound) }

// IsForbidden reports whether err says that the caller may not.
func IsForbidden(err error) bool { return hasStatus(err, http.StatusForbidden) }

// IsConflict reports whether err says that something stands in the way.
func IsConflict(err error) bool { return hasStatus(err, http.StatusConflict) }

// IsTransient reports whether the same request may succeed later.
func IsTransient(err error) bool {
	var e *Error
	return errors.As(err, &e) && wire.IsTransient(e.Status)
}

func hasStatus(err error, status int) bool {
	var e *Error
	return errors.As(err, &e) && e.Status == status
}

func newError(method, path string, resp *http.Response, raw []byte) *Error {
	e := parseError(raw)
	e.Method, e.Path, e.Status = method, path, resp.StatusCode
	if e.RequestID == "" {
		e.RequestID = resp.Header.Get("request-id")
	}
	e.RetryAfter = wire.RetryAfter(resp.Header, time.Now())
	return e
}

func parseError(raw []byte) *Error {
	var body struct {
		Error struct {
			Code    string `json:"code"`
			Message string `json:"message"`
			Target  string `json:"target"`
			Details []struct {
				Code   string `json:"code"`
				Target string `json:"target"`
			} `json:"details"`
			InnerError struct {
				RequestID string `json:"request-id"`
			} `json:"innerError"`
		} `json:"error"`
	}
	if json.Unmarshal(raw, &body) != nil {
		return &Error{}
	}
	e := &Error{
		Code: body.Error.Code, Message: strings.TrimSpace(body.Error.Message),
		Target: body.Error.Target, RequestID: body.Error.InnerError.RequestID,
	}
	// Request_BadRequest says little; the reason is in the first detail.
	if len(body.Error.Details) > 0 && e.Code == "Request_BadRequest" && body.Error.Details[0].Code != "" {
		e.Code = body.Error.Details[0].Code
		e.Target = body.Error.Details[0].Target
	}
	return e
}
