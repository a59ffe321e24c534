package agentid

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
)

// What a refused token request comes down to, for callers that branch. Codes:
// learn.microsoft.com/entra/identity-platform/reference-error-codes
var (
	// ErrUnreachable: there was no answer, or only a temporary one.
	ErrUnreachable = errors.New("the token endpoint gives no answer")
	// ErrAssertionLoop: the proof is itself a token that came from a
	// federated credential (AADSTS700231).
	ErrAssertionLoop = errors.New("the proof was itself obtained by federation")
	// ErrNoFederatedCredential: no federated credential of the blueprint
	// matches issuer, subject or audience of the proof (AADSTS70021 and its kin).
	ErrNoFederatedCredential = errors.New("no federated credential of the blueprint matches")
	// ErrNotFound: the tenant has no such application; it may be new and not
	// have reached every replica (AADSTS700016).
	ErrNotFound = errors.New("the tenant does not know the application")
	// ErrDisabled: the application or its principal is disabled (AADSTS7000112).
	ErrDisabled = errors.New("the application is disabled")
	// ErrBlocked: conditional access refuses (AADSTS53003, AADSTS530084).
	ErrBlocked = errors.New("conditional access refuses")
	// ErrAssertionExpired: the proof is outside its validity (AADSTS700024).
	ErrAssertionExpired = errors.New("the proof is not valid at this time")
)

var causes = map[string]error{
	"AADSTS700231":  ErrAssertionLoop,
	"AADSTS70021":   ErrNoFederatedCredential,
	"AADSTS700211":  ErrNoFederatedCredential,
	"AADSTS700212":  ErrNoFederatedCredential,
	"AADSTS700213":  ErrNoFederatedCredential,
	"AADSTS7002138": ErrNoFederatedCredential,
	"AADSTS70025":   ErrNoFederatedCredential,
	"AADSTS700016":  ErrNotFound,
	"AADSTS7000112": ErrDisabled,
	"AADSTS53003":   ErrBlocked,
	"AADSTS530084":  ErrBlocked,
	"AADSTS700024":  ErrAssertionExpired,
}

// EntraError is a refusal by Entra's token endpoint or the instance metadata
// service.
type EntraError struct {
	// Status is the HTTP status, 0 when there was no answer.
	Status int
	// Code is AADSTS and a number, or OAuth's error code where Entra gave none.
	Code string
	// Description is Entra's own sentence, one line, without trace ids.
	Description string
	// Cause is one of this package's Err values, or nil.
	Cause error
}

func (e *EntraError) Error() string {
	text := e.Description
	if e.Code != "" && !strings.HasPrefix(text, e.Code) {
		text = e.Code + ": " + text
	}
	if e.Status != 0 {
		text = fmt.Sprintf("%s (HTTP status %d)", text, e.Status)
	}
	return text
}

// Unwrap lets errors.Is find the cause.
func (e *EntraError) Unwrap() error { return e.Cause }

var aadsts = regexp.MustCompile(`^AADSTS\d{4,9}\b`)

// jwtLike finds what looks like a token, should an answer ever quote one.
var jwtLike = regexp.MustCompile(`[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}(\.[A-Za-z0-9_-]*)?`)

const maxDescription = 400

func parseTokenError(status int, body []byte) error {
	var reply struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	// An answer that is not JSON leaves both empty.
	_ = json.Unmarshal(body, &reply)
	e := &EntraError{Status: status, Code: reply.Error, Description: oneLine(reply.Description)}
	if code := aadsts.FindString(reply.Description); code != "" {
		e.Code, e.Cause = code, causes[code]
	}
	if e.Description == "" {
		e.Description = strings.ToLower(http.StatusText(status))
	}
	if e.Cause == nil && (status >= 500 || status == http.StatusTooManyRequests) {
		e.Cause = ErrUnreachable
	}
	return e
}

// oneLine cuts a description at the trace ids that Entra appends to it.
func oneLine(s string) string {
	for _, end := range []string{"\r", "\n", " Trace ID:"} {
		if i := strings.Index(s, end); i >= 0 {
			s = s[:i]
		}
	}
	s = jwtLike.ReplaceAllString(s, "<token>")
	if len(s) > maxDescription {
		s = strings.ToValidUTF8(s[:maxDescription], "") + "…"
	}
	return strings.TrimSpace(s)
}
