package resources

import (
	"context"
	"net/http"

	"github.com/kars-dev/kars/localazure/arm"
)

// checkWithPolicies holds the resources of a template against Azure Policy. The
// summary has Azure's words: one when there is a single refusal, another when
// there are several; github.com/Azure-Samples/azure-search-openai-demo/issues/120 and /130.
func (p *Provider) checkWithPolicies(ctx context.Context, items []item) error {
	var refusals []*arm.Error
	for _, it := range items {
		err := p.service.CheckPolicy(ctx, it.ID, it.APIVersion, it.Body)
		if err == nil {
			continue
		}
		e := arm.AsError(err)
		if e.Status != http.StatusForbidden {
			return err
		}
		refusals = append(refusals, e)
	}
	if len(refusals) == 0 {
		return nil
	}
	e := arm.Errorf(http.StatusBadRequest, "InvalidTemplateDeployment", "The template deployment failed because of policy violation. Please see details for more information.")
	if len(refusals) > 1 {
		e.Message = "The template deployment failed with multiple errors. Please see details for more information."
	}
	e.Details = refusals
	return e
}
