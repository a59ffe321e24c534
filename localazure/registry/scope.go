package registry

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/kars-dev/kars/internal/rbac"
	"github.com/kars-dev/kars/localazure/entra"
)

// scope is one access that a token grants or a request needs, as
// "repository:team/app:pull,push"; distribution.github.io/distribution/spec/auth/scope.
type scope struct {
	Type    string   `json:"type"`
	Name    string   `json:"name"`
	Actions []string `json:"actions"`
}

func (s scope) String() string {
	return s.Type + ":" + s.Name + ":" + strings.Join(s.Actions, ",")
}

// Actions of scopes.
const (
	pull         = "pull"
	push         = "push"
	deleteAction = "delete"
	metadataRead = "metadata_read"
	wildcard     = "*"
)

// parseScope reads a scope. A name may hold colons, of a host's port.
func parseScope(s string) (scope, bool) {
	kind, rest, ok := strings.Cut(s, ":")
	i := strings.LastIndexByte(rest, ':')
	if !ok || i < 0 {
		return scope{}, false
	}
	parsed := scope{Type: kind, Name: rest[:i]}
	for action := range strings.SplitSeq(rest[i+1:], ",") {
		if action != "" && !slices.Contains(parsed.Actions, action) {
			parsed.Actions = append(parsed.Actions, action)
		}
	}
	switch {
	case kind == "repository" && isRepository(parsed.Name):
	case kind == "registry" && parsed.Name == "catalog":
	default:
		return scope{}, false
	}
	return parsed, len(parsed.Actions) > 0
}

// parseScopes reads all scopes of a token request: the parameter may be
// repeated, and each may hold several, separated by spaces. Scopes that this
// registry does not know grant nothing.
func parseScopes(values []string) []scope {
	var scopes []scope
	for _, value := range values {
		for field := range strings.FieldsSeq(value) {
			if s, ok := parseScope(field); ok && len(scopes) < maxScopes {
				scopes = append(scopes, s)
			}
		}
	}
	return scopes
}

// maxScopes bounds what one token may be asked for.
const maxScopes = 100

// The control actions that data access to a registry needs;
// learn.microsoft.com/azure/container-registry/container-registry-roles.
const (
	pullRead        = "Microsoft.ContainerRegistry/registries/pull/read"
	pushWrite       = "Microsoft.ContainerRegistry/registries/push/write"
	artifactsDelete = "Microsoft.ContainerRegistry/registries/artifacts/delete"
)

// armAction is the control action that stands behind an action of a scope.
func armAction(action string) (string, bool) {
	switch action {
	case pull, metadataRead:
		return pullRead, true
	case push:
		return pushWrite, true
	case deleteAction:
		return artifactsDelete, true
	}
	return "", false
}

// granted returns what the caller may do of what s asks for.
func (s *Service) granted(ctx context.Context, reg Registry, caller entra.Claims, asked scope) (scope, error) {
	got := scope{Type: asked.Type, Name: asked.Name}
	actions := asked.Actions
	switch {
	case asked.Type == "registry":
		// The catalogue has one action, and whoever may pull may list.
		ok, err := s.may(ctx, reg, caller, pullRead)
		if ok {
			got.Actions = []string{wildcard}
		}
		return got, err
	case slices.Contains(actions, wildcard):
		actions = []string{pull, push, deleteAction, metadataRead}
	}
	for _, action := range actions {
		needed, known := armAction(action)
		if !known {
			continue
		}
		ok, err := s.may(ctx, reg, caller, needed)
		if err != nil {
			return got, err
		}
		if ok {
			got.Actions = append(got.Actions, action)
		}
	}
	return got, nil
}

// may asks the role assignments.
func (s *Service) may(ctx context.Context, reg Registry, caller entra.Claims, action string) (bool, error) {
	d, err := s.authorizer.Authorize(ctx, caller, rbac.Request{Action: action, Scope: reg.ID})
	if err != nil {
		return false, fmt.Errorf("authorizing %s at %s: %w", action, reg.ID, err)
	}
	return d.Verdict == rbac.Allowed, nil
}
