package resources

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/kars-dev/kars/localazure/arm"
	"github.com/kars-dev/kars/localazure/armid"
	"github.com/kars-dev/kars/localazure/entra"
	"github.com/kars-dev/kars/localazure/resource"
	"github.com/kars-dev/kars/localazure/store"
)

// runStack brings a stack about: it lifts its deny assignments, so that whoever
// may change the stack need not be excluded from them, writes the resources,
// removes or lets go of those that it has no more, and denies again.
func (p *Provider) runStack(ctx context.Context, o arm.Operation) error {
	id, input, stack, err := p.readStackInput(o)
	if err != nil || stack == nil {
		return err
	}
	properties := resource.Properties(stack)
	if err := p.service.Store.Update(func(tx *store.Tx) error { return unprotect(tx, id) }); err != nil {
		return err
	}
	properties["template"], properties["parameters"] = input.Template, input.Parameters
	items, err := readStack(id, stack)
	delete(properties, "template")
	delete(properties, "parameters")
	if err != nil {
		return p.endStack(ctx, id, o, nil, nil, err)
	}
	before := managed(properties)
	if err := p.deploy(ctx, id, input.Caller, items); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return p.endStack(ctx, id, o, before, nil, stackError(err))
	}
	after, err := p.deployed(items)
	if err != nil {
		return err
	}
	gone := slices.DeleteFunc(before, func(id armid.ID) bool { return holds(after, id) })
	out, err := p.unmanage(ctx, input, gone)
	if err != nil {
		return err
	}
	return p.endStack(ctx, id, o, append(after, out.failed...), out.fields, out.failure)
}

func stackError(err error) error {
	e := arm.Errorf(http.StatusConflict, "DeploymentStackDeploymentFailed", "One or more resources could not be deployed. Please see details for more information.")
	e.Details = []*arm.Error{arm.AsError(err)}
	return e
}

func (p *Provider) readStackInput(o arm.Operation) (id armid.ID, input stackInput, stack store.Tree, err error) {
	if id, err = armid.Parse(o.ResourceID); err != nil {
		return id, input, nil, err
	}
	raw, err := json.Marshal(o.Input)
	if err == nil {
		err = json.Unmarshal(raw, &input)
	}
	if err != nil {
		return id, input, nil, fmt.Errorf("reading the deployment stack: %w", err)
	}
	stack, err = p.storedTree(id)
	return id, input, stack, err
}

// managed returns what a stack has.
func managed(properties store.Tree) []armid.ID {
	list, _ := properties["resources"].([]any)
	var ids []armid.ID
	for _, raw := range list {
		tree, _ := raw.(store.Tree)
		if id, err := armid.Parse(resource.Text(tree, "id")); err == nil {
			ids = append(ids, id)
		}
	}
	return ids
}

func holds(ids []armid.ID, id armid.ID) bool {
	return slices.ContainsFunc(ids, func(o armid.ID) bool { return armid.Equal(o.String(), id.String()) })
}

// deployed returns what a template has brought about: its resources, and of a
// nested deployment those that it has put out.
func (p *Provider) deployed(items []item) ([]armid.ID, error) {
	var ids []armid.ID
	for _, it := range items {
		if !strings.EqualFold(it.ID.Type(), deploymentType) {
			ids = append(ids, it.ID)
			continue
		}
		nested, err := p.storedTree(it.ID)
		if err != nil {
			return nil, err
		}
		list, _ := resource.Properties(nested)["outputResources"].([]any)
		ids = append(ids, managed(store.Tree{"resources": list})...)
	}
	return ids, nil
}

// unmanaged is what became of what a stack has no more.
type unmanaged struct {
	fields  store.Tree // of the stack's properties
	failed  []armid.ID // could not be deleted, and stays with the stack
	failure error
}

// unmanage deletes or detaches resources, the last first, as the caller.
func (p *Provider) unmanage(ctx context.Context, input stackInput, gone []armid.ID) (unmanaged, error) {
	deleted, detached, failed := []any{}, []any{}, []any{}
	var out unmanaged
	for _, id := range slices.Backward(gone) {
		entry := store.Tree{"id": id.String()}
		group := len(id.Providers) == 0
		if group && !input.DeleteGroups || !group && !input.DeleteResources {
			detached = append(detached, entry)
			continue
		}
		err := p.delete(ctx, input.Caller, id)
		if ctx.Err() != nil {
			return out, ctx.Err()
		}
		if err != nil {
			entry["error"] = arm.AsError(err)
			failed, out.failed = append(failed, entry), append(out.failed, id)
			continue
		}
		deleted = append(deleted, entry)
	}
	if len(failed) > 0 {
		out.failure = arm.Errorf(http.StatusConflict, "DeploymentStackDeleteResourcesFailed", "One or more resources could not be deleted.")
	}
	out.fields = store.Tree{"deletedResources": deleted, "detachedResources": detached, "failedResources": failed}
	return out, nil
}

// delete removes a resource if the caller may, and waits for its end.
func (p *Provider) delete(ctx context.Context, c entra.Claims, id armid.ID) error {
	stored, err := p.storedTree(id)
	if err != nil || stored == nil {
		return err
	}
	if err := p.service.AdmitDelete(ctx, c, id); err != nil {
		return err
	}
	operation, err := p.service.Delete(ctx, c, id)
	if err != nil || operation == "" {
		return err
	}
	return p.service.Wait(ctx, operation)
}

// endStack writes how the stack's operation ended: what it has, and what it
// denies from now on.
func (p *Provider) endStack(_ context.Context, id armid.ID, o arm.Operation, has []armid.ID, fields store.Tree, failure error) error {
	err := p.service.Store.Update(func(tx *store.Tx) error {
		stack, found, err := resource.Get(tx, id.String())
		if err != nil || !found {
			return err
		}
		properties := resource.Properties(stack)
		settings, _ := properties["denySettings"].(store.Tree)
		list := []any{}
		for _, of := range has {
			protected, status := deniable(id, settings, of)
			if protected {
				if err := p.protect(tx, id, settings, of); err != nil {
					return err
				}
			}
			list = append(list, store.Tree{"id": of.String(), "status": "managed", "denyStatus": status})
		}
		properties["resources"], properties["provisioningState"] = list, stackSucceeded
		properties["duration"] = duration(p.service.Now().Sub(o.Start))
		delete(properties, "error")
		for k, v := range fields {
			properties[k] = v
		}
		if failure != nil {
			properties["provisioningState"], properties["error"] = stackFailed, arm.AsError(failure)
		}
		return resource.Put(tx, id, stack)
	})
	if err != nil {
		return err
	}
	return failure
}
