package arm

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"github.com/kars-dev/kars/internal/azure/wire"
	"github.com/kars-dev/kars/internal/diagnose"
)

// Error is a refusal or failure that Azure Resource Manager answered with.
// learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors
type Error struct {
	Method, Path  string // of the request
	Status        int    // of the answer; 200 when a long operation failed
	Code          string // as AuthorizationFailed
	Message       string
	Target        string
	Details       []*Error // what lies beneath, as the failed resources of a deployment
	CorrelationID string
	RetryAfter    time.Duration // that the server asks for, 0 if it does not

	// Action and Scope are what the caller may not do and where, if the error
	// says so: of AuthorizationFailed, LinkedAuthorizationFailed and the like.
	Action, Scope string
}

func (e *Error) Error() string {
	root := e.Root()
	text := root.Message
	if text == "" {
		text = http.StatusText(e.Status)
	}
	if root.Code != "" {
		text = root.Code + ": " + text
	}
	if e.CorrelationID != "" {
		text += fmt.Sprintf(" (status %d, correlation id %s)", e.Status, e.CorrelationID)
	}
	return text
}

// Root is the first innermost error: the one that says what is wrong, under
// those that say that something is.
func (e *Error) Root() *Error {
	for len(e.Details) > 0 {
		e = e.Details[0]
	}
	return e
}

// Leaves are all innermost errors.
func (e *Error) Leaves() []*Error {
	if len(e.Details) == 0 {
		return []*Error{e}
	}
	var all []*Error
	for _, d := range e.Details {
		all = append(all, d.Leaves()...)
	}
	return all
}

// Diagnosis is the innermost error in diagnose's terms.
func (e *Error) Diagnosis() diagnose.Error {
	root := e.Root()
	return diagnose.Error{
		Plane: diagnose.ARM, Status: e.Status, Code: root.Code, Message: root.Message,
		Action: root.Action, Scope: root.Scope, Target: root.Target, CorrelationID: e.CorrelationID,
	}
}

// HasCode reports whether err is an [Error] that has one of the codes, itself or
// in its details. Codes are compared without regard to case.
func HasCode(err error, codes ...string) bool {
	var e *Error
	return errors.As(err, &e) && e.hasCode(codes)
}

func (e *Error) hasCode(codes []string) bool {
	match := func(code string) bool { return strings.EqualFold(code, e.Code) }
	return slices.ContainsFunc(codes, match) ||
		slices.ContainsFunc(e.Details, func(d *Error) bool { return d.hasCode(codes) })
}

// IsNotFound reports whether err says that something is not there.
func IsNotFound(err error) bool { return hasStatus(err, http.StatusNotFound) }

// IsConflict reports whether err says that something stands in the way.
func IsConflict(err error) bool { return hasStatus(err, http.StatusConflict) }

// IsForbidden reports whether err says that the caller may not.
func IsForbidden(err error) bool { return hasStatus(err, http.StatusForbidden) }

// IsTransient reports whether the same request may succeed later.
func IsTransient(err error) bool {
	var e *Error
	return errors.As(err, &e) && (wire.IsTransient(e.Status) ||
		e.hasCode([]string{"AnotherOperationInProgress", "OperationNotAllowedOnInProgress", "RetryableError", "ReferencedResourceNotProvisioned"}))
}

func hasStatus(err error, status int) bool {
	var e *Error
	return errors.As(err, &e) && e.Status == status
}

// newError reads the error of an answer.
func newError(resp *http.Response) *Error {
	raw, err := runtime.Payload(resp)
	e := &Error{}
	if err == nil {
		e = parseError(raw)
	}
	e.Status = resp.StatusCode
	if resp.Request != nil {
		e.Method, e.Path = resp.Request.Method, resp.Request.URL.Path
	}
	for _, name := range []string{"x-ms-correlation-request-id", "x-ms-request-id"} {
		if id := resp.Header.Get(name); id != "" && e.CorrelationID == "" {
			e.CorrelationID = id
		}
	}
	e.RetryAfter = wire.RetryAfter(resp.Header, time.Now())
	if e.Code == "" {
		e.Code = resp.Header.Get("x-ms-error-code")
	}
	return e
}

// convert makes an [Error] of the SDK's; others stay what they are.
func convert(err error) error {
	var sdk *azcore.ResponseError
	if !errors.As(err, &sdk) || sdk.RawResponse == nil {
		return err
	}
	e := newError(sdk.RawResponse)
	if e.Code == "" {
		e.Code = sdk.ErrorCode
	}
	return e
}

// document is an error as Azure writes it, in any of its places: under "error",
// under "properties.error" of a failed deployment, or bare.
type document struct {
	Error      *document `json:"error"`
	Properties struct {
		Error *document `json:"error"`
	} `json:"properties"`
	Code    string      `json:"code"`
	Message string      `json:"message"`
	Target  string      `json:"target"`
	Details []*document `json:"details"`
}

func parseError(raw []byte) *Error {
	var d document
	if json.Unmarshal(raw, &d) != nil {
		return &Error{}
	}
	return d.convert(0)
}

// maxDepth bounds how deep errors may nest; Azure's do about four times.
const maxDepth = 16

func (d *document) convert(depth int) *Error {
	if depth > maxDepth {
		return &Error{}
	}
	if d.Error != nil {
		return d.Error.convert(depth + 1)
	}
	if d.Properties.Error != nil {
		return d.Properties.Error.convert(depth + 1)
	}
	e := &Error{Code: d.Code, Message: strings.TrimSpace(d.Message), Target: d.Target}
	e.Action, e.Scope = missing(e.Message)
	for _, detail := range d.Details {
		if detail != nil {
			e.Details = append(e.Details, detail.convert(depth+1))
		}
	}
	// A resource provider's own answer comes as JSON text in the message of the
	// deployment's error.
	if strings.HasPrefix(e.Message, "{") && len(e.Details) == 0 {
		var inner document
		if json.Unmarshal([]byte(e.Message), &inner) == nil {
			if in := inner.convert(depth + 1); in.Code != "" || in.Message != "" {
				e.Details = append(e.Details, in)
			}
		}
	}
	return e
}

// What the caller lacks stands in prose, last in the sentence: a linked check
// names first the action that was allowed.
var (
	actionPattern = regexp.MustCompile(`perform (?:the )?action(?:\(s\))? '([^']+)'`)
	scopePattern  = regexp.MustCompile(`(?:over|on|at) (?:the )?(?:linked )?scope(?:\(s\))? '([^']+)'`)
)

// missing reads from a message of AuthorizationFailed, LinkedAuthorizationFailed
// or DenyAssignmentAuthorizationFailed what may not be done and where. Of a list
// it takes the first.
// learn.microsoft.com/azure/role-based-access-control/troubleshooting
func missing(message string) (action, scope string) {
	if !strings.Contains(message, "not have") && !strings.Contains(message, "because of the deny assignment") {
		return "", ""
	}
	actions := actionPattern.FindAllStringSubmatchIndex(message, -1)
	if len(actions) == 0 {
		return "", ""
	}
	last := actions[len(actions)-1]
	action, _, _ = strings.Cut(message[last[2]:last[3]], ",")
	if m := scopePattern.FindStringSubmatch(message[last[1]:]); m != nil {
		scope, _, _ = strings.Cut(m[1], ",")
	}
	return strings.TrimSpace(action), strings.TrimSpace(scope)
}

// errorOf reads an error that came as part of an answer: an object or text.
func errorOf(value any) *Error {
	if text, ok := value.(string); ok {
		e := &document{Message: text}
		return e.convert(0)
	}
	raw, err := json.Marshal(value)
	if err != nil {
		return &Error{}
	}
	return parseError(raw)
}
