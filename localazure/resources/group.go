package resources

import (
	"context"
	"net/http"
	"net/url"
	"regexp"

	"github.com/kars-dev/kars/localazure/arm"
	"github.com/kars-dev/kars/localazure/region"
	"github.com/kars-dev/kars/localazure/resource"
)

// groups are resource groups;
// learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules#microsoftresources.
func (p *Provider) groups() arm.Type {
	return arm.Type{
		Name:        GroupType,
		Shown:       "Microsoft.Resources/resourceGroups",
		APIVersions: []string{"2021-04-01"},
		NameRule:    regexp.MustCompile(`^[\p{L}\p{N}._()-]{0,89}[\p{L}\p{N}_()-]$`),
		NameError: func(name string) *arm.Error {
			return arm.Errorf(http.StatusBadRequest, "InvalidResourceGroup",
				"The provided resource group name '%s' has these invalid characters or ends with a period, or is longer than 90 characters. The name can only be a letter, digit, '-', '.', '(', ')' or '_'.", name)
		},
		Prepare: prepareGroup,
		Destroy: p.service.Empty,
		Poll:    pollGroup,
	}
}

func prepareGroup(_ context.Context, w *arm.Write) error {
	location := resource.Text(w.New, "location")
	if location == "" {
		return arm.Errorf(http.StatusBadRequest, "LocationRequired", "The location property is required for this definition.")
	}
	r, ok := region.Find(location)
	if !ok {
		return arm.Errorf(http.StatusBadRequest, "LocationNotAvailableForResourceGroup",
			"The provided location '%s' is not available for resource group. List of available regions is '%s'.", location, region.Names())
	}
	if was := resource.Text(w.Old, "location"); was != "" && was != r.Name {
		return arm.Errorf(http.StatusConflict, "InvalidResourceGroupLocation",
			"Invalid resource group location '%s'. The Resource group already exists in location '%s'.", r.Name, was)
	}
	if resource.Text(w.Old, "properties", "provisioningState") == "Deleting" {
		return arm.Errorf(http.StatusConflict, "ResourceGroupBeingDeleted",
			"The resource group '%s' is in deprovisioning state and cannot perform this operation.", w.ID.Name())
	}
	w.New["location"] = r.Name
	return nil
}

// pollGroup is where a group's deletion is asked for: a Location alone.
func pollGroup(r *arm.Request, operation string) http.Header {
	h := arm.RetryHeader()
	path := "/subscriptions/" + r.ID.Subscription + "/operationresults/" + operation
	h.Set("Location", arm.Link(r.Request, path, url.Values{"api-version": {r.APIVersion}}))
	return h
}

// groupResult answers for a group's deletion. The path is no resource id, and
// whoever holds it was allowed to delete.
func (p *Provider) groupResult(ctx context.Context, r *arm.Request) (*arm.Response, error) {
	r.ID.Subscription = r.Params["subscription"]
	return p.service.OperationResult(ctx, r)
}
