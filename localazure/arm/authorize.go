package arm

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/kars-dev/kars/internal/rbac"
	"github.com/kars-dev/kars/localazure/action"
	"github.com/kars-dev/kars/localazure/entra"
	"github.com/kars-dev/kars/localazure/requests"
	"github.com/kars-dev/kars/localazure/store"
)

// audiences are those of tokens for the Resource Manager: the second is that of
// the classic management API, which it takes as well.
func audiences() []string {
	return []string{
		"https://management.azure.com", "https://management.azure.com/",
		"https://management.core.windows.net", "https://management.core.windows.net/",
	}
}

func (s *Service) authenticate(r *http.Request) (entra.Claims, error) {
	header := r.Header.Get("Authorization")
	if header == "" {
		return entra.Claims{}, Errorf(http.StatusUnauthorized, "AuthenticationFailed",
			"Authentication failed. The 'Authorization' header is missing.")
	}
	scheme, raw, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") || raw == "" {
		return entra.Claims{}, Errorf(http.StatusUnauthorized, "AuthenticationFailedInvalidHeader",
			"Authentication failed. The 'Authorization' header is provided in an invalid format.")
	}
	claims, err := s.Tokens.Verify(r.Context(), strings.TrimSpace(raw), audiences()...)
	if err != nil {
		return entra.Claims{}, Errorf(http.StatusUnauthorized, "InvalidAuthenticationToken", "The access token is invalid: %v.", err)
	}
	requests.SetCaller(r.Context(), requests.Caller{
		ObjectID: claims.ObjectID, AppID: claims.AppID, IdentityType: claims.IdentityType,
		Audience: claims.Audience, ParentAppID: claims.ParentAppID,
	})
	return claims, nil
}

func (s *Service) challenge(e *Error) string {
	return fmt.Sprintf(`Bearer authorization_uri="https://login.microsoftonline.com/%s", error="invalid_token", error_description="%s"`,
		s.TenantID, strings.ReplaceAll(e.Message, `"`, `'`))
}

// Authorize returns nil when the caller may do what need says. Attributes are
// for the conditions of role assignments.
func (s *Service) Authorize(ctx context.Context, c entra.Claims, need action.Need, attributes map[string]any) error {
	d, err := s.decide(ctx, c, need, attributes)
	switch {
	case err != nil || d.Verdict == rbac.Allowed:
		return err
	case d.Deny != nil:
		return denied(c, need, d.Deny)
	case need.AnyRole:
		if holds, err := s.Authorizer.HoldsRole(c, need.Scope); err != nil || holds {
			return err
		}
	}
	return Errorf(http.StatusForbidden, "AuthorizationFailed",
		"The client '%s' with object id '%s' does not have authorization to perform action '%s' over scope '%s' or the scope is invalid. If access was recently granted, please refresh your credentials.",
		Client(c), c.ObjectID, need.Action, need.Scope)
}

// denied is the error for what a role allows and a deny assignment takes away;
// learn.microsoft.com/azure/role-based-access-control/deny-assignments.
func denied(c entra.Claims, need action.Need, deny *rbac.DenyAssignment) *Error {
	return Errorf(http.StatusForbidden, "DenyAssignmentAuthorizationFailed",
		"The client '%s' with object id '%s' has permission to perform action '%s' on scope '%s'; however, the access is denied because of the deny assignment with name '%s' and Id '%s' at scope '%s'.",
		Client(c), c.ObjectID, need.Action, need.Scope, deny.Name, strings.ReplaceAll(deny.ID[strings.LastIndex(deny.ID, "/")+1:], "-", ""), deny.Scope)
}

// AuthorizeLinked returns nil when the caller, who may do what need says, may
// also do what that asks at the resources that the tree refers to.
func (s *Service) AuthorizeLinked(ctx context.Context, c entra.Claims, need action.Need, resourceType string, tree store.Tree) error {
	var actions, scopes []string
	for _, linked := range action.Linked(resourceType, tree) {
		d, err := s.decide(ctx, c, linked, nil)
		if err != nil {
			return err
		}
		if d.Verdict != rbac.Allowed {
			actions, scopes = append(actions, linked.Action), append(scopes, linked.Scope)
		}
	}
	if len(actions) == 0 {
		return nil
	}
	return Errorf(http.StatusForbidden, "LinkedAuthorizationFailed",
		"The client '%s' with object id '%s' has permission to perform action '%s' on scope '%s'; however, it does not have permission to perform action(s) '%s' on the linked scope(s) '%s' (respectively) or the linked scope(s) are invalid.",
		Client(c), c.ObjectID, need.Action, need.Scope, strings.Join(actions, ","), strings.Join(scopes, ","))
}

// decide answers for a need, or for the equivalent that the caller has.
func (s *Service) decide(ctx context.Context, c entra.Claims, need action.Need, attributes map[string]any) (decision rbac.Decision, err error) {
	for _, name := range []string{need.Action, need.Equivalent} {
		if name == "" {
			continue
		}
		d, err := s.Authorizer.Authorize(ctx, c, rbac.Request{Action: name, Scope: need.Scope, Attributes: attributes})
		if err != nil {
			return rbac.Decision{}, fmt.Errorf("authorizing %s at %s: %w", name, need.Scope, err)
		}
		if d.Verdict == rbac.Allowed {
			return d, nil
		}
		if name == need.Action {
			decision = d
		}
	}
	return decision, nil
}

// Client is how Azure's errors name a caller: a user by the sign-in name, an
// application by its id.
func Client(c entra.Claims) string {
	switch {
	case c.UPN != "":
		return c.UPN
	case c.AppID != "":
		return c.AppID
	}
	return c.ObjectID
}
