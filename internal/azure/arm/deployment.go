package arm

import (
	"context"
	"errors"
	"net/http"
)

const deploymentVersion = "2021-04-01"

// Deployment is an incremental deployment of a template.
type Deployment struct {
	Location   string // only at subscription scope, where it is required
	Template   any
	Parameters any // {"name": {"value": …}}; none if nil
}

func (d Deployment) body() any {
	properties := map[string]any{"mode": "Incremental", "template": d.Template}
	if d.Parameters != nil {
		properties["parameters"] = d.Parameters
	}
	body := map[string]any{"properties": properties}
	if d.Location != "" {
		body["location"] = d.Location
	}
	return body
}

// DeploymentID is the ARM id of the deployment with this name at scope.
func DeploymentID(scope, name string) string {
	return scope + "/providers/Microsoft.Resources/deployments/" + name
}

// BeginDeployment starts a deployment at scope, a resource group's or a
// subscription's id.
func (c *Client) BeginDeployment(ctx context.Context, scope, name string, d Deployment) (*Operation, error) {
	return c.Put(ctx, DeploymentID(scope, name), deploymentVersion, d.body())
}

// GetDeployment reads a deployment; its properties hold provisioningState,
// outputs and error.
func (c *Client) GetDeployment(ctx context.Context, scope, name string) (deployment Tree, found bool, err error) {
	return c.Get(ctx, DeploymentID(scope, name), deploymentVersion)
}

// ValidateDeployment has Azure check a deployment without making it: template,
// permissions, policies and quotas. A finding is an [Error]. It counts as a read.
func (c *Client) ValidateDeployment(ctx context.Context, scope, name string, d Deployment) error {
	o, err := c.Post(ctx, DeploymentID(scope, name)+"/validate", deploymentVersion, d.body())
	if err != nil {
		return err
	}
	result, err := o.Wait(ctx)
	if err != nil {
		return err
	}
	if found, ok := result["error"].(map[string]any); ok && len(found) > 0 {
		e := errorOf(found)
		e.Status = http.StatusBadRequest
		return e
	}
	return nil
}

// DeploymentOperation is what a deployment did, or is doing, about one resource.
type DeploymentOperation struct {
	Kind         string // Create, Read, EvaluateDeploymentOutput …
	State        string // Running, Succeeded, Failed …
	ResourceID   string
	ResourceType string
	Error        *Error // why it failed, if it did
}

// DeploymentOperations reads what a deployment has done so far.
func (c *Client) DeploymentOperations(ctx context.Context, scope, name string) ([]DeploymentOperation, error) {
	type wire struct {
		Properties struct {
			ProvisioningOperation string `json:"provisioningOperation"`
			ProvisioningState     string `json:"provisioningState"`
			StatusMessage         any    `json:"statusMessage"` // an object, or text
			TargetResource        struct {
				ID           string `json:"id"`
				ResourceType string `json:"resourceType"`
			} `json:"targetResource"`
		} `json:"properties"`
	}
	found, err := list[wire](ctx, c, call{path: DeploymentID(scope, name) + "/operations", version: deploymentVersion})
	if err != nil {
		return nil, err
	}
	operations := make([]DeploymentOperation, 0, len(found))
	for _, w := range found {
		o := DeploymentOperation{
			Kind:         w.Properties.ProvisioningOperation,
			State:        w.Properties.ProvisioningState,
			ResourceID:   w.Properties.TargetResource.ID,
			ResourceType: w.Properties.TargetResource.ResourceType,
		}
		if o.State == "Failed" {
			o.Error = errorOf(w.Properties.StatusMessage)
		}
		operations = append(operations, o)
	}
	return operations, nil
}

// CancelDeployment asks Azure to stop a deployment; what it has made stays. A
// deployment that has ended already is no error.
func (c *Client) CancelDeployment(ctx context.Context, scope, name string) error {
	err := c.Ask(ctx, DeploymentID(scope, name)+"/cancel", deploymentVersion, nil, nil)
	var e *Error
	if errors.As(err, &e) && (e.Status == http.StatusConflict || e.Status == http.StatusNotFound) {
		return nil
	}
	return err
}
