package graph

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/google/uuid"

	"github.com/kars-dev/kars/localazure/directory"
)

// graphError is a refusal; learn.microsoft.com/graph/errors.
type graphError struct {
	status        int
	code, message string
}

func (e *graphError) Error() string { return e.code + ": " + e.message }

func errNoToken(message string) error {
	return &graphError{http.StatusUnauthorized, "InvalidAuthenticationToken", message}
}

func errDenied() error {
	return &graphError{http.StatusForbidden, "Authorization_RequestDenied", "Insufficient privileges to complete the operation."}
}

func errBadRequest(message string) error {
	return &graphError{http.StatusBadRequest, "Request_BadRequest", message}
}

func errUnknownSegment(segment string) error {
	return &graphError{http.StatusBadRequest, "BadRequest", "Resource not found for the segment '" + segment + "'."}
}

func errNotFound(id string) error {
	return &graphError{
		http.StatusNotFound, "Request_ResourceNotFound",
		"Resource '" + id + "' does not exist or one of its queried reference-property objects are not present.",
	}
}

func errUnsupported(option string) error {
	return &graphError{http.StatusBadRequest, "Request_UnsupportedQuery", "Unsupported Query: '" + option + "'."}
}

func errMethod() error {
	return &graphError{http.StatusMethodNotAllowed, "Request_BadRequest", "Specified HTTP method is not allowed for the request target."}
}

// asGraphError says how Graph would refuse for this reason. What the directory
// cannot explain is an error of the service, whose text stays here.
func asGraphError(err error) *graphError {
	if e, ok := errors.AsType[*graphError](err); ok {
		return e
	}
	e, ok := errors.AsType[*directory.Error](err)
	if !ok {
		return &graphError{http.StatusInternalServerError, "Service_InternalServerError", "Encountered an internal server error."}
	}
	status := http.StatusBadRequest
	switch {
	case errors.Is(e, directory.ErrNotFound):
		status = http.StatusNotFound
	case errors.Is(e, directory.ErrConflict):
		status = http.StatusConflict
	case errors.Is(e, directory.ErrLimit):
		status = http.StatusForbidden
	}
	return &graphError{status, e.Code, e.Message}
}

func (s *Service) refuse(w http.ResponseWriter, r *http.Request, err error) {
	e := asGraphError(err)
	id := uuid.NewString()
	client := r.Header.Get("client-request-id")
	if _, err := uuid.Parse(client); err != nil {
		client = id
	}
	if e.status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", client_id="00000003-0000-0000-c000-000000000000"`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("request-id", id)
	w.WriteHeader(e.status)
	// The caller may have gone.
	_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{
		"code": e.code, "message": e.message,
		"innerError": map[string]string{
			"date": s.now().UTC().Format("2006-01-02T15:04:05"), "request-id": id, "client-request-id": client,
		},
	}})
}
