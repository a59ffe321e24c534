package client

import (
	"encoding/json"
	"errors"
	"fmt"
)

// TokenRequest is the body of POST /v1/token.
type TokenRequest struct {
	// Resource is one of the audiences that the broker allows.
	Resource string `json:"resource"`
}

// TokenReply is the answer to POST /v1/token.
type TokenReply struct {
	AccessToken string `json:"accessToken"`
	// ExpiresOn is in seconds since 1970, UTC.
	ExpiresOn int64 `json:"expiresOn"`
}

// EnsureRequest is the body of PUT /v1/identities/{namespace}/{name}.
type EnsureRequest struct {
	UID         string `json:"uid"`
	DisplayName string `json:"displayName"`
}

// Code says why the broker refused, for programs.
type Code string

// The codes of the broker's answers.
const (
	// CodeBadRequest: the request itself is wrong.
	CodeBadRequest Code = "BadRequest"
	// CodeUnauthenticated: the token is missing, not valid, or for another audience.
	CodeUnauthenticated Code = "Unauthenticated"
	// CodeForbidden: the caller is known and may not have what it asks for.
	CodeForbidden Code = "Forbidden"
	// CodeResourceNotAllowed: no token is issued for this resource.
	CodeResourceNotAllowed Code = "ResourceNotAllowed"
	// CodeNotFound: there is no such path or KarsSandbox.
	CodeNotFound Code = "NotFound"
	// CodeIdentityPending: the KarsSandbox has no agent identity yet.
	CodeIdentityPending Code = "IdentityPending"
	// CodeTrustNotReady: there is no KarsAuthConfig/default to act by.
	CodeTrustNotReady Code = "TrustNotReady"
	// CodeConflict: what the directory holds contradicts the KarsSandbox.
	CodeConflict Code = "Conflict"
	// CodeUpstream: Entra or Graph refused; the message holds their code.
	CodeUpstream Code = "Upstream"
	// CodeUnavailable: the broker or Entra cannot answer now; try again.
	CodeUnavailable Code = "Unavailable"
)

// Error is an answer of the broker that is not a success.
type Error struct {
	// Status is the HTTP status.
	Status  int    `json:"-"`
	Code    Code   `json:"code"`
	Message string `json:"message"`
}

func (e *Error) Error() string {
	return fmt.Sprintf("broker: %s: %s", e.Code, e.Message)
}

// ErrorReply is the body of every answer that is not a success.
type ErrorReply struct {
	Error Error `json:"error"`
}

// IsCode reports whether err is the broker's answer with this code.
func IsCode(err error, code Code) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Code == code
}

// IsTemporary reports whether the same call may succeed later unchanged.
func IsTemporary(err error) bool {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return err != nil
	}
	switch e.Code {
	case CodeUnavailable, CodeIdentityPending, CodeTrustNotReady:
		return true
	default:
		return e.Status >= 500
	}
}

func parseError(status int, body []byte) error {
	var reply ErrorReply
	if err := json.Unmarshal(body, &reply); err != nil || reply.Error.Code == "" {
		return &Error{Status: status, Code: CodeUnavailable, Message: fmt.Sprintf("HTTP status %d without a kars error", status)}
	}
	reply.Error.Status = status
	return &reply.Error
}
