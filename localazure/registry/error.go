package registry

import (
	"encoding/json"
	"errors"
	"net/http"
)

// Error is an answer of the distribution protocol that refuses a request.
type Error struct {
	Status  int // of HTTP
	Code    string
	Message string
	Detail  any
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

// The codes are those of the OCI distribution specification 1.1, section
// "Error Codes"; the messages are the registry's as Azure's answers show them.
func manifestUnknown(reference string) *Error {
	if isDigest(reference) {
		return &Error{
			http.StatusNotFound, "MANIFEST_UNKNOWN", "manifest " + reference + " is not found",
			map[string]string{"Revision": reference},
		}
	}
	return &Error{
		http.StatusNotFound, "MANIFEST_UNKNOWN", `manifest tagged by "` + reference + `" is not found`,
		map[string]string{"Tag": reference},
	}
}

func nameUnknown(repository string) *Error {
	return &Error{
		http.StatusNotFound, "NAME_UNKNOWN", "repository name not known to registry",
		map[string]string{"name": repository},
	}
}

func blobUnknown(digest string) *Error {
	return &Error{
		http.StatusNotFound, "BLOB_UNKNOWN", "blob unknown to registry",
		map[string]string{"digest": digest},
	}
}

func uploadUnknown() *Error {
	return &Error{http.StatusNotFound, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry", nil}
}

func uploadInvalid(message string) *Error {
	return &Error{http.StatusBadRequest, "BLOB_UPLOAD_INVALID", message, nil}
}

func digestInvalid(digest string) *Error {
	return &Error{
		http.StatusBadRequest, "DIGEST_INVALID", "provided digest did not match uploaded content",
		map[string]string{"digest": digest},
	}
}

func manifestInvalid(message string) *Error {
	return &Error{http.StatusBadRequest, "MANIFEST_INVALID", message, nil}
}

func nameInvalid(name string) *Error {
	return &Error{
		http.StatusBadRequest, "NAME_INVALID", "invalid repository name",
		map[string]string{"name": name},
	}
}

func unsupported() *Error {
	return &Error{http.StatusMethodNotAllowed, "UNSUPPORTED", "the operation is unsupported", nil}
}

// unauthorized refuses a request whose caller is not known or may not do it;
// the registry does not tell the two apart.
func unauthorized() *Error {
	return &Error{
		http.StatusUnauthorized, "UNAUTHORIZED",
		"authentication required, visit https://aka.ms/acr/authorization for more information.", nil,
	}
}

// writeError answers with what err says, or with 500 when it is no [Error].
func (s *Service) writeError(w http.ResponseWriter, r *http.Request, err error) {
	var refusal *Error
	if !errors.As(err, &refusal) {
		s.log.ErrorContext(r.Context(), "registry request", "method", r.Method, "path", r.URL.Path, "error", err)
		refusal = &Error{http.StatusInternalServerError, "UNKNOWN", "unknown error", nil}
	}
	type entry struct {
		Code    string `json:"code"`
		Message string `json:"message"`
		Detail  any    `json:"detail,omitempty"`
	}
	writeJSON(w, refusal.Status, map[string][]entry{
		"errors": {{refusal.Code, refusal.Message, refusal.Detail}},
	})
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client has gone away
}
