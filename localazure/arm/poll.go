package arm

import (
	"context"
	"net/http"
	"strings"

	"github.com/kars-dev/kars/localazure/armid"
	"github.com/kars-dev/kars/localazure/store"
)

// PollingRoutes are the addresses at which the operations of a namespace are
// asked for; learn.microsoft.com/azure/azure-resource-manager/management/async-operations.
// They lie at the subscription, where somebody who was allowed to start the
// operation in a group may have no role at all. Azure puts a signature into the
// address; here its unguessable id says the same, that whoever holds it was
// told it.
func (s *Service) PollingRoutes(namespace string) []Route {
	base := "/subscriptions/{subscription}/providers/" + namespace + "/locations/{location}/"
	return []Route{
		{Method: http.MethodGet, Pattern: base + "operationStatuses/{operation}", Open: true, Handle: s.operationStatus},
		{Method: http.MethodGet, Pattern: base + "operationResults/{operation}", Open: true, Handle: s.OperationResult},
	}
}

// status is the body of an operation's state.
type status struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	Status    string `json:"status"`
	StartTime string `json:"startTime"`
	EndTime   string `json:"endTime,omitempty"`
	Error     *Error `json:"error,omitempty"`
}

const timeFormat = "2006-01-02T15:04:05.0000000Z"

func (s *Service) operationStatus(_ context.Context, r *Request) (*Response, error) {
	o, err := s.Polled(r)
	if err != nil {
		return nil, err
	}
	body := status{ID: r.URL.Path, Name: o.ID, Status: o.Status, StartTime: o.Start.Format(timeFormat), Error: o.Error}
	response := OK(body)
	if o.End == nil {
		response.Header = RetryHeader()
		return response, nil
	}
	body.EndTime = o.End.Format(timeFormat)
	response.Body = body
	return response, nil
}

// OperationResult answers 202 while an operation goes on and then with what
// came of it.
func (s *Service) OperationResult(_ context.Context, r *Request) (*Response, error) {
	o, err := s.Polled(r)
	if err != nil {
		return nil, err
	}
	switch {
	case o.Status == InProgress:
		h := RetryHeader()
		h.Set("Location", Link(r.Request, r.URL.Path, r.URL.Query()))
		return &Response{Status: http.StatusAccepted, Header: h}, nil
	case o.Error != nil:
		e := *o.Error
		if e.Status == 0 {
			e.Status = http.StatusConflict
		}
		return nil, &e
	}
	if strings.HasPrefix(o.Kind, "delete") || o.Kind == kindDestroy {
		return &Response{Status: http.StatusNoContent}, nil
	}
	return &Response{Status: http.StatusOK}, nil
}

// Polled returns the operation of a request, if it is in the subscription.
func (s *Service) Polled(r *Request) (Operation, error) {
	o, err := s.operation(r.Params["operation"])
	if err != nil {
		return Operation{}, err
	}
	id, err := armid.Parse(o.ResourceID)
	if err != nil {
		return Operation{}, err
	}
	if !strings.EqualFold(id.Subscription, r.ID.Subscription) {
		return Operation{}, Errorf(http.StatusNotFound, "OperationNotFound", "The operation '%s' could not be found.", o.ID)
	}
	return o, nil
}

// InTx runs fn in a transaction and launches the operation it enqueued.
func (s *Service) InTx(fn func(tx *store.Tx) (operation string, err error)) (string, error) {
	var operation string
	err := s.Store.Update(func(tx *store.Tx) (err error) {
		operation, err = fn(tx)
		return err
	})
	if err != nil {
		return "", err
	}
	s.launch(operation)
	return operation, nil
}
