package directory

import "errors"

// What an operation of the directory can be refused for; use errors.Is.
var (
	ErrNotFound = errors.New("not found in the directory")
	ErrConflict = errors.New("already in the directory")
	ErrInvalid  = errors.New("not valid")
	ErrLimit    = errors.New("a limit of the directory is reached")
)

// Error is a refusal with the code and the message that Microsoft Graph has for
// it. Kind is one of the Err variables above.
type Error struct {
	Kind    error
	Code    string
	Message string
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Unwrap returns the kind.
func (e *Error) Unwrap() error { return e.Kind }

func notFound(id string) error {
	return &Error{
		Kind: ErrNotFound, Code: "Request_ResourceNotFound",
		Message: "Resource '" + id + "' does not exist or one of its queried reference-property objects are not present.",
	}
}

func invalid(message string) error {
	return &Error{Kind: ErrInvalid, Code: "Request_BadRequest", Message: message}
}

func conflict(message string) error {
	return &Error{Kind: ErrConflict, Code: "Request_MultipleObjectsWithSameKeyValue", Message: message}
}
