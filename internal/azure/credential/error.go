package credential

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/kars-dev/kars/internal/azure/wire"
	"github.com/kars-dev/kars/internal/diagnose"
)

// Error is a refusal by Entra to give a token, or no credential to ask with.
// learn.microsoft.com/entra/identity-platform/reference-error-codes
type Error struct {
	Status        int    // of the HTTP answer, 0 if there was none
	Code          string // the OAuth error, as invalid_grant; empty if nothing was asked
	Number        string // Entra's own number, as AADSTS700016; empty if there is none
	Message       string // the first line of Entra's description
	CorrelationID string
	Err           error // the SDK's, if it was the SDK that asked
}

func (e *Error) Error() string {
	switch {
	case e.Message != "":
		return e.Message
	case e.Code != "":
		return fmt.Sprintf("%s (status %d)", e.Code, e.Status)
	default:
		return "no credential: " + attempts(e.Err)
	}
}

func (e *Error) Unwrap() error { return e.Err }

// NonRetriable tells the Azure SDK that asking again is no use; what was worth
// repeating has been repeated.
func (e *Error) NonRetriable() {}

// Diagnosis is the error in diagnose's terms.
func (e *Error) Diagnosis() diagnose.Error {
	code := e.Number
	if code == "" {
		code = e.Code
	}
	// Whoever refuses without Entra's words is no sign-in: a metadata service
	// that has no identity to give, or a proxy.
	if code == "" && !wire.IsTransient(e.Status) {
		code = "CredentialUnavailable"
	}
	return diagnose.Error{Plane: diagnose.Entra, Status: e.Status, Code: code, Message: e.Error(), CorrelationID: e.CorrelationID}
}

var numberPattern = regexp.MustCompile(`AADSTS\d+`)

// parseError reads an OAuth error answer of Entra.
func parseError(status int, body []byte) *Error {
	var answer struct {
		Error         string `json:"error"`
		Description   string `json:"error_description"`
		CorrelationID string `json:"correlation_id"`
	}
	e := &Error{Status: status}
	if json.Unmarshal(body, &answer) != nil {
		e.Message = fmt.Sprintf("Entra answered with status %d", status)
		return e
	}
	// The description goes on with a trace id, a correlation id and a time
	// stamp, each on a line of its own or after a space.
	message, _, _ := strings.Cut(answer.Description, "\n")
	message, _, _ = strings.Cut(message, " Trace ID:")
	e.Code, e.CorrelationID = answer.Error, answer.CorrelationID
	e.Message = strings.TrimSpace(message)
	e.Number = numberPattern.FindString(message)
	return e
}

// attempts are, in one line, what the chain's credentials had to say. azidentity
// gives each some lines, below two of its own, with a page to read at the end.
func attempts(err error) string {
	text := err.Error()
	if _, after, found := strings.Cut(text, "Attempted credentials:"); found {
		text = after
	}
	var said []string
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "To troubleshoot, visit")
		if line = strings.Trim(line, " \t\r\n."); line != "" {
			said = append(said, line)
		}
	}
	return strings.ReplaceAll(strings.Join(said, "; "), ":; ", ": ")
}

// convert makes an Error of what azidentity returns. Other errors, as a
// transport's or a context's, stay what they are.
func convert(err error) error {
	var failed *azidentity.AuthenticationFailedError
	if errors.As(err, &failed) {
		if failed.RawResponse == nil {
			return wire.Lost(errors.New(attempts(err)))
		}
		defer failed.RawResponse.Body.Close()
		raw, _ := io.ReadAll(io.LimitReader(failed.RawResponse.Body, 1<<20))
		e := parseError(failed.RawResponse.StatusCode, raw)
		e.Err = err
		return e
	}
	// What is left of azidentity's own errors says that no credential of the
	// chain could even try.
	var unavailable interface{ NonRetriable() }
	if errors.As(err, &unavailable) {
		return &Error{Err: err}
	}
	return err
}
