package broker

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/kars-dev/kars/internal/agentid"
	"github.com/kars-dev/kars/internal/broker/client"
)

func refusal(status int, code client.Code, message string) error {
	return &client.Error{Status: status, Code: code, Message: message}
}

func badRequest(message string) error {
	return refusal(http.StatusBadRequest, client.CodeBadRequest, message)
}

func unauthenticated(message string) error {
	return refusal(http.StatusUnauthorized, client.CodeUnauthenticated, message)
}

func forbidden(message string) error {
	return refusal(http.StatusForbidden, client.CodeForbidden, message)
}

func notFound(message string) error {
	return refusal(http.StatusNotFound, client.CodeNotFound, message)
}

func pending(message string) error {
	return refusal(http.StatusConflict, client.CodeIdentityPending, message)
}

func conflict(message string) error {
	return refusal(http.StatusConflict, client.CodeConflict, message)
}

func unavailable(message string) error {
	return refusal(http.StatusServiceUnavailable, client.CodeUnavailable, message)
}

// fromAzure turns an error of Entra or Graph into a refusal that keeps their
// code and sentence.
func fromAzure(err error) error {
	if entra, ok := errors.AsType[*agentid.EntraError](err); ok {
		if errors.Is(entra, agentid.ErrUnreachable) {
			return unavailable(err.Error())
		}
		return refusal(http.StatusBadGateway, client.CodeUpstream, err.Error())
	}
	if graph, ok := errors.AsType[*agentid.GraphError](err); ok {
		if graph.Status >= 500 || graph.Status == http.StatusTooManyRequests {
			return unavailable(err.Error())
		}
		return refusal(http.StatusBadGateway, client.CodeUpstream, err.Error())
	}
	if errors.Is(err, agentid.ErrMismatch) {
		return conflict(err.Error())
	}
	return unavailable(err.Error())
}

// refuse writes an error. What is not a refusal is an accident, whose text is
// for the log alone.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	e, ok := errors.AsType[*client.Error](err)
	if !ok {
		s.o.Log.Error("request went wrong", "method", r.Method, "path", r.URL.Path, "error", err)
		e = &client.Error{Status: http.StatusInternalServerError, Code: client.CodeUnavailable, Message: "the broker could not do this; see its log"}
	} else {
		s.o.Log.Warn("refused", "method", r.Method, "path", r.URL.Path, "status", e.Status, "code", e.Code, "reason", e.Message)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(e.Status)
	_ = json.NewEncoder(w).Encode(client.ErrorReply{Error: *e})
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Cache-Control", "no-store")
	if v == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

// decode reads a body that must be exactly one JSON object with known fields.
func decode(r *http.Request, into any) error {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return refusal(http.StatusRequestEntityTooLarge, client.CodeBadRequest, "the body is too long")
		}
		return badRequest("the body is not the JSON object that is expected")
	}
	if d.More() {
		return badRequest("the body holds more than one JSON object")
	}
	return nil
}
