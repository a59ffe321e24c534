package arm

import (
	"context"
	"strings"
)

const policyVersion = "2023-04-01"

// PolicyAssignment is a policy, or an initiative of policies, that is assigned
// somewhere.
type PolicyAssignment struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Scope string `json:"scope"` // ARM id
	// Enforced is false for one that is assigned only to see what it would do.
	Enforced bool `json:"enforced"`
}

// PolicyAssignments lists the policy assignments that concern a subscription or
// a resource group: those from above, those at it, and those below it. It takes
// Microsoft.Authorization/policyAssignments/read.
// learn.microsoft.com/rest/api/policyauthorization/policy-assignments/list
func (c *Client) PolicyAssignments(ctx context.Context, scope string) ([]PolicyAssignment, error) {
	type wire struct {
		ID         string `json:"id"`
		Name       string `json:"name"`
		Properties struct {
			Scope       string `json:"scope"`
			Enforcement string `json:"enforcementMode"`
		} `json:"properties"`
	}
	found, err := list[wire](ctx, c, call{path: scope + authorizationPath + "policyAssignments", version: policyVersion})
	all := make([]PolicyAssignment, 0, len(found))
	for _, w := range found {
		all = append(all, PolicyAssignment{
			ID: w.ID, Name: w.Name, Scope: w.Properties.Scope, Enforced: !strings.EqualFold(w.Properties.Enforcement, "DoNotEnforce"),
		})
	}
	return all, err
}
