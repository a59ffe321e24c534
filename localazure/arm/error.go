package arm

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/kars-dev/kars/localazure/armid"
)

// Error is an error of Azure Resource Manager, in the form that its clients
// read: learn.microsoft.com/azure/azure-resource-manager/management/common-error-codes.
type Error struct {
	Status  int      `json:"-"`
	Code    string   `json:"code"`
	Message string   `json:"message"`
	Target  string   `json:"target,omitempty"`
	Details []*Error `json:"details,omitempty"`
	// AdditionalInfo says more in the terms of whatever refused.
	AdditionalInfo []Info `json:"additionalInfo,omitempty"`
}

// Info is one piece of what an error says besides its message.
type Info struct {
	Type string `json:"type"` // as PolicyViolation
	Info any    `json:"info"`
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Errorf makes an error.
func Errorf(status int, code, format string, args ...any) *Error {
	return &Error{Status: status, Code: code, Message: fmt.Sprintf(format, args...)}
}

// AsError returns err as clients see it. One that is not of this package is an
// internal error, with its text: the local Azure has nothing to hide from the
// person on whose machine it runs.
func AsError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return Errorf(http.StatusInternalServerError, "InternalServerError", "%v", err)
}

type errorBody struct {
	Error *Error `json:"error"`
}

func writeError(w http.ResponseWriter, err error) {
	e := AsError(err)
	w.Header().Set("x-ms-failure-cause", "gateway")
	writeJSON(w, e.Status, errorBody{e})
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	if body == nil {
		w.WriteHeader(status)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	w.WriteHeader(status)
	// The status line is out: a client that has gone is told nothing more.
	_ = json.NewEncoder(w).Encode(body)
}

func notFound(id armid.ID) *Error {
	switch {
	case len(id.Providers) == 0 && id.ResourceGroup != "":
		return GroupNotFound(id.ResourceGroup)
	case len(id.Providers) == 0:
		return Errorf(http.StatusNotFound, "SubscriptionNotFound", "The subscription '%s' could not be found.", id.Subscription)
	case id.ResourceGroup == "":
		return Errorf(http.StatusNotFound, "ResourceNotFound", "The Resource '%s/%s' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix", id.Type(), id.FullName())
	}
	return Errorf(http.StatusNotFound, "ResourceNotFound",
		"The Resource '%s/%s' under resource group '%s' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix",
		id.Type(), id.FullName(), id.ResourceGroup)
}

// GroupNotFound is the error for a resource group that is not there.
func GroupNotFound(name string) *Error {
	return Errorf(http.StatusNotFound, "ResourceGroupNotFound", "Resource group '%s' could not be found.", name)
}
