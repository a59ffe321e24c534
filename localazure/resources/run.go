package resources

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/kars-dev/kars/localazure/arm"
	"github.com/kars-dev/kars/localazure/armid"
	"github.com/kars-dev/kars/localazure/entra"
	"github.com/kars-dev/kars/localazure/resource"
	"github.com/kars-dev/kars/localazure/store"
)

const timestampForm = "2006-01-02T15:04:05.0000000Z"

func stamp(t time.Time) string { return t.UTC().Format(timestampForm) }

// duration writes d as ISO 8601, as ARM does.
func duration(d time.Duration) string { return fmt.Sprintf("PT%.7fS", d.Seconds()) }

// runDeployment writes the resources of a deployment, each once all that it
// depends on are done, the others at the same time. A run that was cut short
// starts from the beginning: writing a resource twice is writing it once.
func (p *Provider) runDeployment(ctx context.Context, o arm.Operation) error {
	id, err := armid.Parse(o.ResourceID)
	if err != nil {
		return err
	}
	input, items, err := p.readInput(id, o)
	if err != nil {
		return p.end(id, o, nil, err)
	}
	err = p.deploy(ctx, id, input.Caller, items)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return p.end(id, o, items, err)
}

// deploy writes the resources of a template for a deployment or a stack.
func (p *Provider) deploy(ctx context.Context, id armid.ID, c entra.Claims, items []item) error {
	run := &deploymentRun{provider: p, id: id, caller: c, done: map[string]chan struct{}{}, failed: map[string]bool{}}
	for _, it := range items {
		run.done[strings.ToLower(it.ID.String())] = make(chan struct{})
	}
	var work sync.WaitGroup
	for _, it := range items {
		work.Go(func() { run.item(ctx, it) })
	}
	work.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return run.result()
}

func (p *Provider) readInput(id armid.ID, o arm.Operation) (deploymentInput, []item, error) {
	var input deploymentInput
	raw, err := json.Marshal(o.Input)
	if err == nil {
		err = json.Unmarshal(raw, &input)
	}
	if err != nil {
		return input, nil, fmt.Errorf("reading the deployment: %w", err)
	}
	items, err := readTemplate(input.Template, input.Parameters, containerOf(id))
	return input, items, err
}

type deploymentRun struct {
	provider *Provider
	id       armid.ID
	caller   entra.Claims
	done     map[string]chan struct{} // by id; closed when the resource is written or given up

	mu       sync.Mutex
	failed   map[string]bool // by id; those that depend on one are not tried
	failures []*arm.Error
}

func (r *deploymentRun) item(ctx context.Context, it item) {
	key := strings.ToLower(it.ID.String())
	defer close(r.done[key])
	for _, d := range it.DependsOn {
		select {
		case <-r.done[d]:
		case <-ctx.Done():
			return
		}
	}
	if r.dependencyFailed(it) {
		r.fail(key, nil)
		return
	}
	start := r.provider.service.Now()
	created, err := r.put(ctx, it)
	if ctx.Err() != nil {
		return
	}
	if recordErr := r.record(it, start, created, err); recordErr != nil && err == nil {
		err = recordErr
	}
	if err != nil {
		e := arm.AsError(err)
		e.Target = it.ID.String()
		r.fail(key, e)
	}
}

func (r *deploymentRun) put(ctx context.Context, it item) (created bool, err error) {
	s := r.provider.service
	outcome, err := s.Put(ctx, r.caller, it.ID, it.APIVersion, it.Body)
	if err != nil || outcome.Operation == "" {
		return outcome.Created, err
	}
	return outcome.Created, s.Wait(ctx, outcome.Operation)
}

func (r *deploymentRun) dependencyFailed(it item) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, d := range it.DependsOn {
		if r.failed[d] {
			return true
		}
	}
	return false
}

func (r *deploymentRun) fail(key string, e *arm.Error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed[key] = true
	if e != nil {
		r.failures = append(r.failures, e)
	}
}

// result is the error that a deployment ends with.
func (r *deploymentRun) result() error {
	if len(r.failures) == 0 {
		return nil
	}
	return &arm.Error{
		Status: http.StatusConflict, Code: "DeploymentFailed", Target: r.id.String(),
		Message: "At least one resource deployment operation failed. Please list deployment operations for details. Please see https://aka.ms/arm-deployment-operations for usage details.",
		Details: r.failures,
	}
}

// end writes how the deployment ended into its resource.
func (p *Provider) end(id armid.ID, o arm.Operation, items []item, failure error) error {
	err := p.service.Store.Update(func(tx *store.Tx) error {
		deployment, found, err := resource.Get(tx, id.String())
		if err != nil || !found {
			return err
		}
		properties := resource.Properties(deployment)
		now := p.service.Now()
		properties["provisioningState"] = arm.Succeeded
		properties["timestamp"], properties["duration"] = stamp(now), duration(now.Sub(o.Start))
		if failure != nil {
			properties["provisioningState"], properties["error"] = arm.Failed, arm.AsError(failure)
			return resource.Put(tx, id, deployment)
		}
		written := []any{}
		for _, it := range items {
			written = append(written, store.Tree{"id": it.ID.String()})
		}
		properties["outputResources"] = written
		return resource.Put(tx, id, deployment)
	})
	if err != nil {
		return err
	}
	return failure
}
