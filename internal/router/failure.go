package router

import (
	"encoding/json"
	"net/http"
)

// Codes of the router's own answers. Those of the broker and the token sidecar
// pass through as they are.
const (
	CodeAnonymousTier   = "AnonymousTier"
	CodeModelNotAllowed = "ModelNotAllowed"
	// CodeReferenceNotAllowed: the model's service would reach other addresses.
	CodeReferenceNotAllowed = "ReferenceNotAllowed"
	CodeModelForbidden      = "ModelAccessDenied"
	CodeModelUnreached      = "ModelUnreachable"
	CodeAgentUnreached      = "AgentUnreachable"
	CodeBadRequest          = "BadRequest"
	CodeNotFound            = "NotFound"
)

// failure is an answer in the form of the OpenAI API's errors, which its
// clients show to their users.
type failure struct {
	status  int
	Code    string `json:"code"`
	Message string `json:"message"`
	Type    string `json:"type"`
}

func (f *failure) Error() string { return f.Code + ": " + f.Message }

func newFailure(status int, code, message string) *failure {
	return &failure{status: status, Code: code, Message: message, Type: "kars_router_error"}
}

func (f *failure) body() []byte {
	raw, err := json.Marshal(map[string]*failure{"error": f})
	if err != nil {
		return []byte(`{"error":{"code":"Internal"}}`)
	}
	return raw
}

func (f *failure) write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(f.status)
	_, _ = w.Write(f.body()) //nolint:gosec // JSON to a JSON client
}
