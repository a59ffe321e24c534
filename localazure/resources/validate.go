package resources

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/kars-dev/kars/localazure/arm"
	"github.com/kars-dev/kars/localazure/resource"
	"github.com/kars-dev/kars/localazure/store"
)

// checkWithProviders asks the resource providers whether they would refuse a
// resource of a deployment, as ARM does before it begins one;
// learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-invalid-template.
func (p *Provider) checkWithProviders(ctx context.Context, w *arm.Write, items []item) error {
	with := make([]resource.Resource, 0, len(items))
	for _, it := range items {
		with = append(with, resource.Resource{ID: it.ID, Tree: it.Body})
	}
	var refused []*arm.Error
	var by []string // the types that refuse, with their versions
	err := p.service.Store.View(func(tx *store.Tx) error {
		for _, it := range items {
			err := p.checkWithProvider(ctx, tx, w, it, with)
			var e *arm.Error
			switch {
			case err == nil:
			case errors.As(err, &e):
				refused = append(refused, e)
				if name := fmt.Sprintf("%s (%s)", it.ID.Type(), it.APIVersion); !slices.Contains(by, name) {
					by = append(by, name)
				}
			default:
				return err
			}
		}
		return nil
	})
	if err != nil || len(refused) == 0 {
		return err
	}
	return &arm.Error{
		Status: http.StatusBadRequest, Code: "InvalidTemplateDeployment", Details: refused,
		Message: fmt.Sprintf("The template deployment '%s' is not valid according to the validation procedure. The following resource provider(s) - '%s' reported preflight validation errors. Tracking id is '%s'. See inner errors for details.",
			w.ID.Name(), strings.Join(by, ", "), p.service.NewID()),
	}
}

func (p *Provider) checkWithProvider(ctx context.Context, tx *store.Tx, w *arm.Write, it item, with []resource.Resource) error {
	t, ok := p.service.Type(it.ID.Type())
	if !ok || t.Validate == nil {
		return nil
	}
	state, err := arm.RegistrationState(tx, it.ID.Subscription, it.ID.Namespace())
	if err != nil || state != arm.Registered {
		return err // a provider that is not registered is not asked
	}
	old, _, err := resource.Get(tx, it.ID.String())
	if err != nil {
		return err
	}
	return t.Validate(ctx, &arm.Write{
		ID: it.ID, APIVersion: it.APIVersion, Caller: w.Caller, Old: old, New: it.Body, Tx: tx, With: with,
	})
}
