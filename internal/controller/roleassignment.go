package controller

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kars-dev/kars/api/v1alpha1"
	"github.com/kars-dev/kars/internal/azure/arm"
)

const roleAssignmentVersion = "2022-04-01"

// roleAssignmentID is the ARM id of a sandbox's assignment. Its name is a UUIDv5
// of what it says, so that making it twice makes one, and of the sandbox's UID:
// what a status records is removed by that name, and whoever may write statuses
// could otherwise record the role of another sandbox.
func roleAssignmentID(sandbox types.UID, g v1alpha1.GrantedRole) string {
	parts := strings.ToLower(strings.Join([]string{string(sandbox), g.Scope, g.PrincipalID, g.RoleDefinitionID}, "\n"))
	name := uuid.NewSHA1(uuid.NameSpaceURL, []byte(parts))
	return g.Scope + "/providers/Microsoft.Authorization/roleAssignments/" + name.String()
}

// ensureAssignment makes the assignment unless it is there. An assignment of
// another name that says the same is refused by Azure with
// RoleAssignmentExists, and serves as well.
func (r *sandboxReconciler) ensureAssignment(ctx context.Context, sandbox types.UID, g v1alpha1.GrantedRole) error {
	id := roleAssignmentID(sandbox, g)
	_, found, err := r.ResourceManager.Get(ctx, id, roleAssignmentVersion)
	if err != nil && !arm.IsForbidden(err) {
		return fmt.Errorf("reading the role assignment at %s: %w", g.Scope, err)
	}
	if found {
		return nil
	}
	_, err = r.ResourceManager.Put(ctx, id, roleAssignmentVersion, map[string]any{
		"properties": map[string]any{
			"roleDefinitionId": subscriptionOf(g.Scope) + "/providers/Microsoft.Authorization/roleDefinitions/" + g.RoleDefinitionID,
			"principalId":      g.PrincipalID,
			// With the type Azure does not look a new principal up in a
			// directory that may not have it yet.
			"principalType": "ServicePrincipal",
		},
	})
	if err != nil && !arm.HasCode(err, "RoleAssignmentExists") {
		return fmt.Errorf("assigning role %s at %s: %w", g.RoleDefinitionID, g.Scope, err)
	}
	return nil
}

// removeAssignment removes the assignment; that it is gone is no error.
func (r *sandboxReconciler) removeAssignment(ctx context.Context, sandbox types.UID, g v1alpha1.GrantedRole) error {
	_, err := r.ResourceManager.Delete(ctx, roleAssignmentID(sandbox, g), roleAssignmentVersion)
	if err != nil && !arm.IsNotFound(err) {
		return fmt.Errorf("removing role %s at %s: %w", g.RoleDefinitionID, g.Scope, err)
	}
	return nil
}

// subscriptionOf is the subscription part of an ARM id, /subscriptions/<guid>.
func subscriptionOf(scope string) string {
	parts := strings.SplitN(scope, "/", 4)
	if len(parts) < 3 {
		return scope
	}
	return "/" + parts[1] + "/" + parts[2]
}
