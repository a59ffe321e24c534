package preflight

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/kars-dev/kars/internal/azure/arm"
	"github.com/kars-dev/kars/internal/plan"
	"github.com/kars-dev/kars/internal/rbac"
)

// Granted is a role that an identity of the plan has been given already, by an
// earlier run or by an owner. The run writes no such assignment again, so that
// nobody needs the right to.
type Granted struct {
	IdentityID string          `json:"identityId"` // ARM id
	Assignment rbac.Assignment `json:"assignment"`
}

const identityVersion = "2023-01-31"

// granted reads which of the plan's grants are in place. Only who may not make
// them has a use for it.
func (g *gatherer) granted(ctx context.Context) {
	p := g.options.Plan
	list, err := g.readGranted(ctx, p)
	fact := read(ctx, "which roles the cluster's identities have", list, err)
	g.set(func(f *Facts) { f.Granted = fact })
}

func (g *gatherer) readGranted(ctx context.Context, p *plan.Plan) ([]Granted, error) {
	scopes := grantScopes(p)
	var identities []arm.Tree
	found, errs := make([][]rbac.Assignment, len(scopes)), make([]error, len(scopes)+1)
	asks := []func(){func() {
		identities, errs[len(scopes)] = g.options.ARM.List(ctx, p.Group.ID+"/providers/Microsoft.ManagedIdentity/userAssignedIdentities", identityVersion, url.Values{})
	}}
	for i, scope := range scopes {
		// Without a filter the answer has what lies below the scope too.
		// learn.microsoft.com/azure/role-based-access-control/role-assignments-list-rest
		asks = append(asks, func() { found[i], errs[i] = g.options.ARM.RoleAssignments(ctx, scope, "") })
	}
	all(asks...)
	return joined(p, identities, slices.Concat(found...)), errors.Join(errs...)
}

// joined are the assignments of the plan's identities.
func joined(p *plan.Plan, identities []arm.Tree, assignments []rbac.Assignment) []Granted {
	var out []Granted
	for _, t := range identities {
		id, _ := t["id"].(string)
		properties, _ := t["properties"].(map[string]any)
		principal, _ := properties["principalId"].(string)
		for _, a := range assignments {
			if ofPlan(p, id) && principal != "" && strings.EqualFold(a.PrincipalID, principal) {
				out = append(out, Granted{IdentityID: id, Assignment: a})
			}
		}
	}
	return out
}

// ofPlan says whether an identity is given a role by the plan.
func ofPlan(p *plan.Plan, id string) bool {
	for _, g := range p.Grants {
		if strings.EqualFold(g.IdentityID, id) {
			return true
		}
	}
	return false
}

// grantScopes are the group, and the scopes of grants outside of it.
func grantScopes(p *plan.Plan) []string {
	out := []string{p.Group.ID}
	for _, g := range p.Grants {
		if !rbac.Contains(p.Group.ID, g.Scope) {
			out = append(out, g.Scope)
		}
	}
	return out
}

// mayLackGrant reports whether the caller may not make one of the plan's grants,
// or perhaps not: for a condition, or because something is denied.
func (f Facts) mayLackGrant(p *plan.Plan) bool {
	if f.conditioned() || f.Assignments.Unread != nil || len(f.Denies.Value) > 0 || f.guards() {
		return true
	}
	for _, n := range p.Needs {
		if isGrant(n) && f.permitted(n).Verdict != rbac.Allowed {
			return true
		}
	}
	return false
}

func isGrant(n plan.Need) bool {
	return n.Kind == plan.NeedAction && strings.EqualFold(n.Action, "Microsoft.Authorization/roleAssignments/write")
}

// inPlace says which grant makes a need for a role assignment fall away: the one
// that it is for, where there is an assignment that says the same.
func (d decider) inPlace(n plan.Need) (says string, ok bool) {
	if !isGrant(n) {
		return "", false
	}
	for _, g := range d.plan.Grants {
		if !strings.EqualFold(g.Scope, n.Scope) || g.Role.ID != n.Attributes["Microsoft.Authorization/roleAssignments:RoleDefinitionId"] {
			continue
		}
		for _, have := range d.facts.Granted.Value {
			a := have.Assignment
			same := strings.EqualFold(have.IdentityID, g.IdentityID) && strings.EqualFold(a.Scope, g.Scope) &&
				strings.EqualFold(a.RoleDefinitionID, g.Role.ID) && a.Condition == g.Condition
			if same {
				return "the " + string(g.Principal) + " has " + g.Role.Name + " there already", true
			}
		}
	}
	return "", false
}
