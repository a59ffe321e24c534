package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kars-dev/kars/api/v1alpha1"
	"github.com/kars-dev/kars/internal/azure/arm"
)

// entraPause is how long to wait for a new principal to reach the directory
// that Azure Resource Manager reads; learn.microsoft.com/azure/role-based-access-control/troubleshooting.
const entraPause = 2 * time.Second

// refusedPause is how long to wait after a refusal: someone has to change a
// role, and a new role takes minutes to be effective.
const refusedPause = 20 * time.Second

// access gives the identity the roles of the KarsAuthConfig and takes back
// those that it no longer names. A failure does not keep the pod from running:
// without its roles the agent is refused by the model, not harmful.
func (r *sandboxReconciler) access(ctx context.Context, p *pass) result {
	if p.auth == nil {
		p.condition(v1alpha1.ConditionAccessGranted, metav1.ConditionFalse, reasonTrustNotSetUp, "the sandbox has no identity to give roles to")
		return result{}
	}
	wanted := wantedRoles(p.auth.Spec.FoundryRbac, p.settings.Identity.ObjectID)
	key := fmt.Sprint(wanted)
	if _, known := recall[struct{}](&r.grants, p.sb.UID, key, r.Now(), r.Recheck); !known {
		if err := r.assign(ctx, p.sb, wanted); err != nil {
			return r.accessFailed(p, err)
		}
		remember(&r.grants, p.sb.UID, key, struct{}{}, r.Now())
	}
	p.sb.Status.GrantedRoles = wanted
	if len(wanted) == 0 {
		p.condition(v1alpha1.ConditionAccessGranted, metav1.ConditionTrue, reasonNothingToGrant, "KarsAuthConfig/default names no roles")
		return result{}
	}
	p.condition(v1alpha1.ConditionAccessGranted, metav1.ConditionTrue, reasonGranted, fmt.Sprintf("%d role assignments are made", len(wanted)))
	return result{}
}

// assign makes the wanted assignments and removes recorded ones that are not
// wanted. It records each in the status before it makes it.
func (r *sandboxReconciler) assign(ctx context.Context, sb *v1alpha1.KarsSandbox, wanted []v1alpha1.GrantedRole) error {
	for _, role := range wanted {
		if err := r.ensureAssignment(ctx, sb.UID, role); err != nil {
			return err
		}
		if !slices.Contains(sb.Status.GrantedRoles, role) {
			sb.Status.GrantedRoles = append(sb.Status.GrantedRoles, role)
		}
	}
	for _, role := range slices.Clone(sb.Status.GrantedRoles) {
		if slices.Contains(wanted, role) {
			continue
		}
		if err := r.removeAssignment(ctx, sb.UID, role); err != nil {
			return err
		}
		sb.Status.GrantedRoles = slices.DeleteFunc(sb.Status.GrantedRoles, func(g v1alpha1.GrantedRole) bool { return g == role })
	}
	return nil
}

func (r *sandboxReconciler) accessFailed(p *pass, err error) result {
	reason, message := reasonAzureUnavailable, err.Error()
	end := result{err: err}
	var refusal *arm.Error
	switch {
	case arm.HasCode(err, "PrincipalNotFound"):
		// Documented replication delay, not a fault.
		reason, end = reasonWaitingForEntra, result{after: entraPause}
	case arm.IsForbidden(err):
		reason, end = "AuthorizationFailed", result{after: refusedPause}
		message = "the controller's managed identity may not make role assignments there: " + message
	case errors.As(err, &refusal) && refusal.Code != "":
		reason = refusal.Code
	}
	p.condition(v1alpha1.ConditionAccessGranted, metav1.ConditionFalse, reason, message)
	return end
}

// wantedRoles lists the assignments in a stable order, ids in lower case.
func wantedRoles(rbac []v1alpha1.ScopedRoles, principalID string) []v1alpha1.GrantedRole {
	var roles []v1alpha1.GrantedRole
	for _, scoped := range rbac {
		for _, id := range scoped.RoleDefinitionIDs {
			roles = append(roles, v1alpha1.GrantedRole{
				Scope:            strings.TrimSuffix(scoped.Scope, "/"),
				RoleDefinitionID: strings.ToLower(id),
				PrincipalID:      principalID,
			})
		}
	}
	return roles
}
