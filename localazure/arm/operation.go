package arm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/kars-dev/kars/localazure/armid"
	"github.com/kars-dev/kars/localazure/resource"
	"github.com/kars-dev/kars/localazure/store"
)

const operations = "operations"

// Kinds of operations that every type may have.
const (
	kindProvision = "provision"
	kindDestroy   = "destroy"
)

// States of an operation.
const (
	InProgress = "InProgress"
	Succeeded  = "Succeeded"
	Failed     = "Failed"
)

// Operation is a long-running operation. It is on disk from before the answer
// that announces it until after its end, so that one a killed process left
// behind is continued. Its input may hold secrets and goes with its end.
type Operation struct {
	ID         string     `json:"id"`
	Kind       string     `json:"kind"`
	ResourceID string     `json:"resourceId"`
	Input      store.Tree `json:"input,omitempty"`
	Status     string     `json:"status"`
	Error      *Error     `json:"error,omitempty"`
	Start      time.Time  `json:"startTime"`
	End        *time.Time `json:"endTime,omitempty"`
}

// Runner does the work of an operation. It must be idempotent.
type Runner func(ctx context.Context, o Operation) error

// Enqueue stores an operation in the transaction that makes it necessary.
// [Service.Launch] starts it once that is committed.
func (s *Service) Enqueue(tx *store.Tx, o Operation) (id string, err error) { return s.enqueue(tx, o) }

// Launch starts an operation that was enqueued.
func (s *Service) Launch(id string) { s.launch(id) }

func (s *Service) enqueue(tx *store.Tx, o Operation) (string, error) {
	o.ID, o.Status, o.Start = s.NewID(), InProgress, s.Now().UTC()
	return o.ID, tx.Put(operations, o.ID, o)
}

func (s *Service) launch(id string) {
	if id == "" {
		return
	}
	done := make(chan struct{})
	s.mu.Lock()
	s.running[id] = done
	s.mu.Unlock()
	s.work.Go(func() {
		defer func() {
			s.mu.Lock()
			delete(s.running, id)
			s.mu.Unlock()
			close(done)
		}()
		if err := s.run(id); err != nil && s.ctx.Err() == nil {
			s.Log.Error("recording the end of an operation", "operation", id, "error", err)
		}
	})
}

// run does an operation's work and writes how it ended. One that was cut short
// by Close stays in progress.
func (s *Service) run(id string) error {
	o, err := s.operation(id)
	if err != nil {
		return err
	}
	runner := s.runners[o.Kind]
	if runner == nil {
		return fmt.Errorf("nothing runs operations of kind %q", o.Kind)
	}
	workErr := runner(s.ctx, o)
	if workErr != nil && s.ctx.Err() != nil {
		return nil //nolint:nilerr // cut short: it goes on at the next Open
	}
	now := s.Now().UTC()
	o.Status, o.End, o.Input = Succeeded, &now, nil
	if workErr != nil {
		o.Status, o.Error = Failed, AsError(workErr)
		s.Log.Warn("operation failed", "kind", o.Kind, "resource", o.ResourceID, "error", workErr)
	}
	return s.Store.Update(func(tx *store.Tx) error {
		if err := finish(tx, o); err != nil {
			return err
		}
		return tx.Put(operations, o.ID, o)
	})
}

// finish writes the provisioning state that an operation leaves its resource in.
func finish(tx *store.Tx, o Operation) error {
	if o.Kind != kindProvision && (o.Kind != kindDestroy || o.Status == Succeeded) {
		return nil
	}
	tree, found, err := resource.Get(tx, o.ResourceID)
	if err != nil || !found {
		return err
	}
	id, err := armid.Parse(o.ResourceID)
	if err != nil {
		return err
	}
	resource.Properties(tree)["provisioningState"] = o.Status
	return resource.Put(tx, id, tree)
}

// Wait returns when an operation has ended: nil if it succeeded.
func (s *Service) Wait(ctx context.Context, id string) error {
	s.mu.Lock()
	done := s.running[id]
	s.mu.Unlock()
	if done != nil {
		select {
		case <-done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	o, err := s.operation(id)
	switch {
	case err != nil:
		return err
	case o.Status == Failed:
		return o.Error
	case o.Status == InProgress:
		return errors.New("the local Azure is stopping")
	}
	return nil
}

func (s *Service) operation(id string) (o Operation, err error) {
	err = s.Store.View(func(tx *store.Tx) error {
		found, err := tx.Get(operations, id, &o)
		if err == nil && !found {
			err = Errorf(http.StatusNotFound, "OperationNotFound", "The operation '%s' could not be found.", id)
		}
		return err
	})
	return o, err
}

func (s *Service) resume() error {
	var unfinished []string
	err := s.Store.View(func(tx *store.Tx) error {
		return tx.Each(operations, "", func(_ string, raw json.RawMessage) error {
			var o Operation
			if err := json.Unmarshal(raw, &o); err != nil {
				return err
			}
			if o.Status == InProgress {
				unfinished = append(unfinished, o.ID)
			}
			return nil
		})
	})
	if err != nil {
		return fmt.Errorf("reading unfinished operations: %w", err)
	}
	for _, id := range unfinished {
		s.launch(id)
	}
	return nil
}

func (s *Service) provision(ctx context.Context, o Operation) error {
	id, err := armid.Parse(o.ResourceID)
	if err != nil {
		return err
	}
	t, ok := s.Type(id.Type())
	if !ok || t.Provision == nil {
		return fmt.Errorf("nothing provisions %s", id.Type())
	}
	return t.Provision(ctx, id)
}

// PollingHeader announces an operation on a resource: where its state is, and
// when to ask. The second Retry-After is the one Azure's SDKs prefer, in
// milliseconds: here an operation ends as soon as its work does.
func PollingHeader(r *Request, operation string) http.Header {
	h := RetryHeader()
	base := "/subscriptions/" + r.ID.Subscription + "/providers/" + r.ID.Namespace() + "/locations/global/"
	query := url.Values{"api-version": {r.APIVersion}}
	h.Set("Azure-AsyncOperation", Link(r.Request, base+"operationStatuses/"+operation, query))
	if r.Method != http.MethodPut && r.Method != http.MethodPatch {
		h.Set("Location", Link(r.Request, base+"operationResults/"+operation, query))
	}
	return h
}

// RetryHeader says when to ask again.
func RetryHeader() http.Header {
	return http.Header{"Retry-After": {"1"}, "X-Ms-Retry-After-Ms": {"200"}}
}

// written is the answer to a write.
func (s *Service) written(r *Request, t Type, o Outcome) *Response {
	response := &Response{Status: http.StatusOK, Body: o.Tree}
	if o.Created || t.AlwaysCreated {
		response.Status = http.StatusCreated
	}
	switch {
	case o.Operation != "" && t.Poll != nil:
		response.Header = t.Poll(r, o.Operation)
	case o.Operation != "":
		response.Header = PollingHeader(r, o.Operation)
	}
	return response
}
