package resources

import (
	"context"
	"net/http"
	"strings"

	"github.com/kars-dev/kars/localazure/arm"
	"github.com/kars-dev/kars/localazure/resource"
	"github.com/kars-dev/kars/localazure/store"
)

// deleteStack removes a stack and its deny assignments. What it has is detached,
// unless the query asks to delete it: "unmanageAction.Resources=delete",
// "unmanageAction.ResourceGroups=delete";
// learn.microsoft.com/rest/api/resources/deployment-stacks/delete-at-resource-group.
func (p *Provider) deleteStack(ctx context.Context, r *arm.Request) (*arm.Response, error) {
	stack, err := p.storedTree(r.ID)
	if err != nil {
		return nil, err
	}
	if stack == nil {
		return &arm.Response{Status: http.StatusNoContent}, nil
	}
	if err := p.mayDeny(ctx, r.Caller, r.ID, stack); err != nil {
		return nil, err
	}
	asked := func(name string) bool {
		for key, values := range r.URL.Query() {
			if strings.EqualFold(key, "unmanageAction."+name) {
				return strings.EqualFold(values[0], unmanageDelete)
			}
		}
		return false
	}
	input, err := tree(stackInput{Caller: r.Caller, DeleteResources: asked("Resources"), DeleteGroups: asked("ResourceGroups")})
	if err != nil {
		return nil, err
	}
	operation, err := p.service.InTx(func(tx *store.Tx) (string, error) {
		current, found, err := resource.Get(tx, r.ID.String())
		if err != nil || !found {
			return "", err
		}
		resource.Properties(current)["provisioningState"] = stackDeleting
		if err := resource.Put(tx, r.ID, current); err != nil {
			return "", err
		}
		return p.service.Enqueue(tx, arm.Operation{Kind: kindStackDelete, ResourceID: r.ID.String(), Input: input})
	})
	if err != nil {
		return nil, err
	}
	return &arm.Response{Status: http.StatusAccepted, Header: arm.PollingHeader(r, operation)}, nil
}

// runStackDelete does what deleteStack announces.
func (p *Provider) runStackDelete(ctx context.Context, o arm.Operation) error {
	id, input, stack, err := p.readStackInput(o)
	if err != nil || stack == nil {
		return err
	}
	if err := p.service.Store.Update(func(tx *store.Tx) error { return unprotect(tx, id) }); err != nil {
		return err
	}
	out, err := p.unmanage(ctx, input, managed(resource.Properties(stack)))
	if err != nil {
		return err
	}
	if out.failure != nil {
		return p.endStack(ctx, id, o, out.failed, out.fields, out.failure)
	}
	return p.service.Store.Update(func(tx *store.Tx) error { return resource.DeleteWithin(tx, id.String()) })
}
