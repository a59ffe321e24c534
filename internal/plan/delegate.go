package plan

import "slices"

// GrantCondition is the condition of a role assignment under which its holder
// can make, and take away, role assignments of the plan's roles to principals of
// the plan's type alone; "" for a plan that makes none.
//
// A condition cannot ask for the condition of the assignment that is being
// made: who may give [RBACAdministrator] at all may give it without one.
// learn.microsoft.com/azure/role-based-access-control/conditions-authorization-actions-attributes
func (p *Plan) GrantCondition() string {
	var roles []Role
	for _, g := range p.Grants {
		if !slices.Contains(roles, g.Role) {
			roles = append(roles, g.Role)
		}
	}
	if len(roles) == 0 {
		return ""
	}
	return onlyAssigns(roles...)
}
