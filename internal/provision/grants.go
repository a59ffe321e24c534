package provision

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/google/uuid"

	"github.com/kars-dev/kars/internal/azure/arm"
	"github.com/kars-dev/kars/internal/event"
	"github.com/kars-dev/kars/internal/plan"
)

const roleAssignmentVersion = "2022-04-01"

// assignmentSpace is the UUID namespace of kars' role assignments.
var assignmentSpace = uuid.MustParse("6f0c1f0e-6f1b-5d53-9a0b-3c1d9e0a7c11")

// assignmentName is the deterministic name of a role assignment, so that two
// runs write the same one.
func assignmentName(scope, principalID, roleID string) string {
	return uuid.NewSHA1(assignmentSpace, []byte(strings.ToLower(scope+"\n"+principalID+"\n"+roleID))).String()
}

// applyGrants makes the plan's role assignments. One that somebody else made
// under another name counts, when it says the same.
func applyGrants(ctx context.Context, r *Run) (event.Status, string, error) {
	made, changed := 0, 0
	for i, g := range r.Plan.Grants {
		status, err := r.grant(ctx, g)
		if err != nil {
			return "", "", fmt.Errorf("giving the %s the role %s at %s: %w", g.Principal, g.Role.Name, g.Scope, err)
		}
		switch status {
		case event.Created:
			made++
		case event.Updated:
			changed++
		}
		r.progress(plan.StepGrants, "%d of %d", i+1, len(r.Plan.Grants))
	}
	detail := fmt.Sprintf("%d role assignments", len(r.Plan.Grants))
	switch {
	case made == 0 && changed == 0:
		return event.Unchanged, detail, nil
	case made == len(r.Plan.Grants):
		return event.Created, detail, nil
	}
	return event.Updated, detail, nil
}

func (r *Run) grant(ctx context.Context, g plan.Grant) (event.Status, error) {
	who, ok := r.facts.principals[strings.ToLower(g.IdentityID)]
	if !ok {
		return "", fmt.Errorf("its object id is not known: %s", g.IdentityID)
	}
	properties := Tree{
		"roleDefinitionId": r.Plan.RoleDefinitionOf(g),
		"principalId":      who.principalID,
		"principalType":    g.PrincipalType,
	}
	if g.Condition != "" {
		properties["condition"], properties["conditionVersion"] = g.Condition, "2.0"
	}
	id := g.Scope + "/providers/Microsoft.Authorization/roleAssignments/" + assignmentName(g.Scope, who.principalID, g.Role.ID)
	have, found, err := r.get(ctx, id, roleAssignmentVersion)
	if err != nil {
		return "", err
	}
	want := Tree{"properties": properties}
	if found && len(drift(want, have)) == 0 {
		return event.Unchanged, nil
	}
	if !found {
		// Somebody else may have made it: looking spares the next runs a write.
		if foreign, err := r.hasForeignGrant(ctx, g, want, who); err != nil || foreign {
			return event.Unchanged, err
		}
	}
	if err := r.put(ctx, id, roleAssignmentVersion, want); err != nil {
		return r.foreignGrant(ctx, g, want, who, err)
	}
	if err := r.seeGrant(ctx, id, want); err != nil {
		return "", err
	}
	if found {
		return event.Updated, nil
	}
	return event.Created, nil
}

// seeGrant waits until ARM shows the assignment as it was written.
func (r *Run) seeGrant(ctx context.Context, id string, want Tree) error {
	return r.wait(ctx, plan.StepGrants, "the role assignment to be read back", func(ctx context.Context) (bool, string, error) {
		have, found, err := r.get(ctx, id, roleAssignmentVersion)
		return err == nil && found && len(drift(want, have)) == 0, "", err
	})
}

// foreignGrant decides a RoleAssignmentExists: the same scope, principal and
// role under a name that is not ours, made since we looked or with another
// condition.
func (r *Run) foreignGrant(ctx context.Context, g plan.Grant, want Tree, who identity, cause error) (event.Status, error) {
	if !arm.HasCode(cause, "RoleAssignmentExists") {
		return "", cause
	}
	same, err := r.hasForeignGrant(ctx, g, want, who)
	if err != nil || same {
		return event.Unchanged, err
	}
	return "", fmt.Errorf("there is one with another condition, made by somebody else; delete it or make it the same: %w", cause)
}

// hasForeignGrant says whether the principal holds, at this very scope, an
// assignment that says what is wanted.
func (r *Run) hasForeignGrant(ctx context.Context, g plan.Grant, want Tree, who identity) (bool, error) {
	all, err := r.ARM.List(ctx, g.Scope+"/providers/Microsoft.Authorization/roleAssignments", roleAssignmentVersion,
		url.Values{"$filter": {"principalId eq '" + who.principalID + "'"}})
	if err != nil {
		return false, err
	}
	for _, have := range all {
		if properties, _ := have["properties"].(Tree); len(drift(want, Tree(have))) == 0 && strings.EqualFold(fmt.Sprint(properties["scope"]), g.Scope) {
			return true, nil
		}
	}
	return false, nil
}
