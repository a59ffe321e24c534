package registry

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/kars-dev/kars/internal/acr"
	"github.com/kars-dev/kars/internal/diagnose"
)

// pullAction is what [Client.Has] takes. A registry does not name it: it says
// that one is nobody.
// learn.microsoft.com/azure/container-registry/container-registry-troubleshoot-access
const pullAction = "Microsoft.ContainerRegistry/registries/pull/read"

// RefusedError says that a registry does not let the caller look.
type RefusedError struct {
	LoginServer string
	Status      int // 401 or 403
	Err         error
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("%s does not let you look, which takes %s: %v", e.LoginServer, pullAction, e.Err)
}

func (e *RefusedError) Unwrap() error { return e.Err }

// Diagnosis is the error in diagnose's terms.
func (e *RefusedError) Diagnosis() diagnose.Error {
	return diagnose.Error{
		Plane: diagnose.Registry, Status: e.Status, Code: "UNAUTHORIZED", Message: e.Err.Error(),
		Action: pullAction, Target: e.LoginServer,
	}
}

// refused makes a [RefusedError] of what is one, and leaves others as they are.
func refused(loginServer string, err error) error {
	status := 0
	var exchange *acr.Refusal
	var answer *transport.Error
	switch {
	case errors.As(err, &exchange):
		status = exchange.Status
	case errors.As(err, &answer):
		status = answer.StatusCode
	}
	if status == http.StatusUnauthorized || status == http.StatusForbidden {
		return &RefusedError{LoginServer: loginServer, Status: status, Err: err}
	}
	return err
}
