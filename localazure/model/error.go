package model

import (
	"encoding/json"
	"errors"
	"net/http"
)

// Error is an answer that refuses a request. Its JSON is what the client gets.
type Error struct {
	Status int `json:"-"` // of HTTP
	// Flat puts code and message at the top of the body, as Azure does where
	// the gateway in front of the service refuses.
	Flat       bool        `json:"-"`
	Code       string      `json:"code"`
	Message    string      `json:"message"`
	Type       string      `json:"type,omitempty"`
	Param      string      `json:"param,omitempty"`
	InnerError *innerError `json:"innererror,omitempty"`
}

type innerError struct {
	Code                string          `json:"code"`
	ContentFilterResult map[string]Rate `json:"content_filter_result"`
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

func resourceNotFound() *Error {
	return &Error{Status: http.StatusNotFound, Code: "404", Message: "Resource not found"}
}

// deploymentNotFound: see github.com/chatboxai/chatbox/issues/861.
func deploymentNotFound() *Error {
	return &Error{
		Status: http.StatusNotFound, Code: "DeploymentNotFound",
		Message: "The API deployment for this resource does not exist. If you created the deployment " +
			"within the last 5 minutes, please wait a moment and try again.",
	}
}

// badToken is what Azure's gateway answers to a missing or useless token.
func badToken() *Error {
	return &Error{
		Status: http.StatusUnauthorized, Flat: true,
		Message: "Unauthorized. Access token is missing, invalid, audience is incorrect " +
			"(https://cognitiveservices.azure.com), or have expired.",
	}
}

func badKey() *Error {
	return &Error{
		Status: http.StatusUnauthorized, Code: "401",
		Message: "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid " +
			"key for an active subscription and use a correct regional API endpoint for your resource.",
	}
}

// keysDisabled: learn.microsoft.com/azure/ai-services/disable-local-auth.
func keysDisabled() *Error {
	return &Error{
		Status: http.StatusForbidden, Code: "AuthenticationTypeDisabled",
		Message: "Key based authentication is disabled for this resource.",
	}
}

// permissionDenied refuses a known caller who lacks the data action. Code and
// message are Azure's, with status 403. Public reports show the same body with
// 401 as well (github.com/davrous/AzureAgentToM365/issues/3), so a client must
// take either status for a denial.
func permissionDenied(principal string, op operation) *Error {
	return &Error{
		Status: http.StatusForbidden, Code: "PermissionDenied",
		Message: "The principal `" + principal + "` lacks the required data action `" + op.action +
			"` to perform `" + op.name + "` operation.",
	}
}

func invalidRequest(param, message string) *Error {
	return &Error{
		Status: http.StatusBadRequest, Code: "invalid_request_error", Type: "invalid_request_error",
		Param: param, Message: message,
	}
}

// filtered refuses a prompt;
// learn.microsoft.com/azure/ai-foundry/openai/concepts/content-filter#scenario-details.
func filtered(rates map[string]Rate) *Error {
	return &Error{
		Status: http.StatusBadRequest, Code: "content_filter", Param: "prompt",
		Message: "The response was filtered due to the prompt triggering Azure OpenAI's content management policy. " +
			"Please modify your prompt and retry.",
		InnerError: &innerError{Code: "ResponsibleAIPolicyViolation", ContentFilterResult: rates},
	}
}

// writeError answers with what err says, or with 500 when it is no [Error].
func (s *Service) writeError(w http.ResponseWriter, r *http.Request, err error) {
	var refusal *Error
	if !errors.As(err, &refusal) {
		s.log.ErrorContext(r.Context(), "model request", "method", r.Method, "path", r.URL.Path, "error", err)
		refusal = &Error{Status: http.StatusInternalServerError, Code: "InternalServerError", Message: "Internal server error"}
	}
	if refusal.Flat {
		_ = writeJSON(w, refusal.Status, map[string]any{"statusCode": refusal.Status, "message": refusal.Message})
		return
	}
	_ = writeJSON(w, refusal.Status, map[string]any{"error": refusal})
}

func writeJSON(w http.ResponseWriter, status int, body any) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(raw, '\n')) // the client has gone away
	return nil
}
