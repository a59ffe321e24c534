package provision

import (
	"context"
	"fmt"
	"strings"

	"github.com/kars-dev/kars/internal/plan"
)

// removeGrantsElsewhere takes away the plan's role assignments that no deletion
// in its resource group takes along: those at an account that was there already.
// Azure keeps an assignment whose principal is gone.
// learn.microsoft.com/azure/role-based-access-control/troubleshooting#symptom---role-assignments-with-identity-not-found
func (r *Run) removeGrantsElsewhere(ctx context.Context) error {
	for _, g := range r.Plan.Grants {
		if strings.HasPrefix(strings.ToLower(g.Scope), strings.ToLower(r.Plan.Group.ID)+"/") {
			continue
		}
		who, err := r.principalOf(ctx, g)
		if err != nil {
			return err
		}
		if who == "" {
			continue // with the identity its object id is gone, and with that the assignment's name
		}
		id := g.Scope + "/providers/Microsoft.Authorization/roleAssignments/" + assignmentName(g.Scope, who, g.Role.ID)
		if _, found, err := r.get(ctx, id, roleAssignmentVersion); err != nil || !found {
			if err != nil {
				return fmt.Errorf("reading the role %s of the %s at %s: %w", g.Role.Name, g.Principal, g.Scope, err)
			}
			continue
		}
		if err := r.delete(ctx, id, roleAssignmentVersion); err != nil {
			return fmt.Errorf("taking the role %s at %s from the %s: %w", g.Role.Name, g.Scope, g.Principal, err)
		}
	}
	return nil
}

// principalOf is the object id of a grant's identity, "" where it is not there.
func (r *Run) principalOf(ctx context.Context, g plan.Grant) (string, error) {
	for _, res := range r.Plan.Resources {
		if res.ID != g.IdentityID {
			continue
		}
		have, _, err := r.get(ctx, res.ID, res.APIVersion)
		if err != nil {
			return "", fmt.Errorf("reading the %s: %w", g.Principal, err)
		}
		properties, _ := have["properties"].(Tree)
		principal, _ := properties["principalId"].(string)
		return principal, nil
	}
	return "", nil
}
