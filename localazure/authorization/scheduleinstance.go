package authorization

import (
	"context"
	"slices"
	"strings"

	"github.com/kars-dev/kars/localazure/arm"
	"github.com/kars-dev/kars/localazure/armid"
	"github.com/kars-dev/kars/localazure/resource"
	"github.com/kars-dev/kars/localazure/store"
)

const (
	eligibilityInstanceType = "Microsoft.Authorization/RoleEligibilityScheduleInstances"
	assignmentInstanceType  = "Microsoft.Authorization/RoleAssignmentScheduleInstances"
)

// listEligibilities lists who may activate which role now;
// learn.microsoft.com/rest/api/authorization/role-eligibility-schedule-instances/list-for-scope.
func (p *Provider) listEligibilities(ctx context.Context, r *arm.Request) (*arm.Response, error) {
	return p.listInstances(ctx, r, func(n names, l look) ([]store.Tree, error) {
		all, err := schedules(n.tx, "", eligibilityScheduleType)
		if err != nil {
			return nil, err
		}
		var trees []store.Tree
		for _, s := range all {
			if !s.Includes(p.service.Now()) || !l.sees(s.Scope, s.PrincipalID) {
				continue
			}
			tree, err := instance(n, l, eligibilityInstanceType, s)
			if err != nil {
				return nil, err
			}
			properties := resource.Properties(tree)
			properties["roleEligibilityScheduleId"] = s.ID
			trees = append(trees, tree)
		}
		return trees, nil
	})
}

// listActive lists who holds which role now, and until when: what was activated
// or given by Privileged Identity Management, and role assignments that know
// nothing of it;
// learn.microsoft.com/rest/api/authorization/role-assignment-schedule-instances/list-for-scope.
func (p *Provider) listActive(ctx context.Context, r *arm.Request) (*arm.Response, error) {
	return p.listInstances(ctx, r, func(n names, l look) ([]store.Tree, error) {
		all, err := schedules(n.tx, "", assignmentScheduleType)
		if err != nil {
			return nil, err
		}
		var trees []store.Tree
		err = resource.OfType(n.tx, "", assignmentType, func(found resource.Resource) error {
			a := assignment(found.Tree)
			if !l.sees(a.Scope, a.PrincipalID) {
				return nil
			}
			tree, err := active(n, l, found, all)
			trees = append(trees, tree)
			return err
		})
		return trees, err
	})
}

// active is the instance for a role assignment, with what its schedule says if
// it has one.
func active(n names, l look, found resource.Resource, all []schedule) (store.Tree, error) {
	a := assignment(found.Tree)
	i := slices.IndexFunc(all, func(s schedule) bool { return armid.Equal(s.Assignment, a.ID) })
	s := schedule{
		ID: a.ID, Scope: a.Scope, RoleDefinitionID: a.RoleDefinitionID, PrincipalID: a.PrincipalID,
		Condition: a.Condition, ConditionVersion: a.ConditionVersion,
	}
	if i >= 0 {
		s = all[i]
	}
	tree, err := instance(n, l, assignmentInstanceType, s)
	if err != nil {
		return nil, err
	}
	properties := resource.Properties(tree)
	properties["originRoleAssignmentId"], properties["assignmentType"] = a.ID, "Assigned"
	properties["roleAssignmentScheduleId"] = s.ID
	if i < 0 {
		properties["startDateTime"], properties["createdOn"] = resource.Value(found.Tree, "properties", "createdOn"), resource.Value(found.Tree, "properties", "createdOn")
	}
	if s.Activated {
		properties["assignmentType"] = "Activated"
		properties["linkedRoleEligibilityScheduleId"] = s.Eligibility
		properties["linkedRoleEligibilityScheduleInstanceId"] = instanceID(s.Eligibility, eligibilityInstanceType)
	}
	return tree, nil
}

// instanceID is the id of the one instance that a schedule without recurrence has.
func instanceID(schedule, kind string) string {
	id, err := armid.Parse(schedule)
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(id.Parent().String(), "/") + "/providers/" + kind + "/" + id.Name()
}

func instance(n names, l look, kind string, s schedule) (store.Tree, error) {
	id, err := armid.Parse(s.ID)
	if err != nil {
		return nil, err
	}
	expanded, err := n.expanded(s.Scope, s.RoleDefinitionID, s.PrincipalID)
	if err != nil {
		return nil, err
	}
	properties := store.Tree{
		"scope": s.Scope, "roleDefinitionId": definitionID(id, s.RoleDefinitionID), "principalId": s.PrincipalID,
		"principalType": resource.Text(expanded, "principal", "type"), "status": "Provisioned",
		"startDateTime": instant(s.Start), "endDateTime": nil, "memberType": l.memberType(s),
		"createdOn": instant(s.Created), "condition": nil, "conditionVersion": nil, "expandedProperties": expanded,
	}
	if !s.End.IsZero() {
		properties["endDateTime"] = instant(s.End)
	}
	if s.Condition != "" {
		properties["condition"], properties["conditionVersion"] = s.Condition, s.ConditionVersion
	}
	return store.Tree{"id": instanceID(s.ID, kind), "name": id.Name(), "type": kind, "properties": properties}, nil
}
