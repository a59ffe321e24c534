package authorization

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/kars-dev/kars/localazure/arm"
	"github.com/kars-dev/kars/localazure/armid"
	"github.com/kars-dev/kars/localazure/resource"
	"github.com/kars-dev/kars/localazure/store"
)

// longestActivation is what a role's settings allow unless they were changed;
// learn.microsoft.com/entra/id-governance/privileged-identity-management/pim-resource-roles-configure-role-settings.
const longestActivation = 8 * time.Hour

// activate gives a principal a role that it is eligible for, until an end.
func (p *Provider) activate(w *arm.Write, q scheduleRequest) (status, id string, err error) {
	if err := own(w, q); err != nil {
		return "", "", err
	}
	switch {
	case q.period.End.IsZero() || q.period.Length() > longestActivation:
		return "", "", errRule("ExpirationRule")
	case strings.TrimSpace(q.reason) == "":
		return "", "", errRule("JustificationRule")
	case q.tooShort():
		return "", "", errTooShort()
	}
	by, found, err := p.eligible(w.Tx, q)
	if err == nil && !found {
		err = errNotAssigned()
	}
	if err != nil {
		return "", "", err
	}
	s := newSchedule(w, q, assignmentScheduleType)
	s.Activated, s.Eligibility = true, by.ID
	s.Condition, s.ConditionVersion = by.Condition, by.ConditionVersion
	if !by.End.IsZero() && by.End.Before(s.End) {
		s.End = by.End
	}
	return p.begin(w, q, s)
}

// assign gives a principal a role until an end, or for good.
func (p *Provider) assign(w *arm.Write, q scheduleRequest) (status, id string, err error) {
	if q.tooShort() {
		return "", "", errTooShort()
	}
	return p.begin(w, q, newSchedule(w, q, assignmentScheduleType))
}

// begin makes a schedule's role assignment, now or when its time comes.
func (p *Provider) begin(w *arm.Write, q scheduleRequest, s schedule) (status, id string, err error) {
	if _, found, err := scheduleAt(w.Tx, assignmentScheduleType, q); err != nil || found {
		if err == nil {
			err = errAssigned()
		}
		return "", "", err
	}
	made, err := p.roleAssignment(w, q, s)
	if err != nil {
		return "", "", err
	}
	s.Pending = made
	if err := putSchedule(w.Tx, s); err != nil {
		return "", "", err
	}
	return standing(s, q), s.ID, settle(w.Tx, q.now)
}

// roleAssignment is the tree of the role assignment that a schedule makes.
func (p *Provider) roleAssignment(w *arm.Write, q scheduleRequest, s schedule) (store.Tree, error) {
	id, err := armid.Parse(strings.TrimSuffix(q.scope, "/") + "/providers/" + assignmentType + "/" + uuid.NewString())
	if err != nil {
		return nil, err
	}
	properties := store.Tree{"principalId": q.principal, "roleDefinitionId": q.role}
	if s.Condition != "" {
		properties["condition"], properties["conditionVersion"] = s.Condition, s.ConditionVersion
	}
	write := &arm.Write{ID: id, Caller: w.Caller, New: store.Tree{"properties": properties}, Tx: w.Tx}
	err = p.prepareAssignment(context.Background(), write)
	if e := arm.AsError(err); err != nil && e.Code == "RoleAssignmentExists" {
		return nil, errAssigned()
	}
	write.New["id"], write.New["name"], write.New["type"] = id.String(), id.Name(), assignmentType
	return write.New, err
}

// deactivate gives back a role before its end.
func (p *Provider) deactivate(w *arm.Write, q scheduleRequest) (status, id string, err error) {
	if err := own(w, q); err != nil {
		return "", "", err
	}
	s, found, err := scheduleAt(w.Tx, assignmentScheduleType, q)
	switch {
	case err != nil:
		return "", "", err
	case !found || !s.Activated:
		return "", "", errNotAssigned()
	case s.Includes(q.now) && q.now.Sub(s.Start) < shortest:
		return "", "", errTooShort()
	}
	return "Revoked", s.ID, end(w.Tx, s)
}

// unassign takes a role away, however the principal got it.
func (p *Provider) unassign(w *arm.Write, q scheduleRequest) (status, id string, err error) {
	s, found, err := scheduleAt(w.Tx, assignmentScheduleType, q)
	if err != nil {
		return "", "", err
	}
	if found {
		return "Revoked", s.ID, end(w.Tx, s)
	}
	id, err = assignmentAt(w.Tx, q)
	if err == nil && id == "" {
		err = errNotAssigned()
	}
	if err != nil {
		return "", "", err
	}
	return "Revoked", id, resource.DeleteWithin(w.Tx, id)
}

// assignmentAt returns the id of the role assignment that a request is about,
// or "".
func assignmentAt(tx *store.Tx, q scheduleRequest) (id string, err error) {
	err = resource.OfType(tx, strings.TrimSuffix(q.scope, "/"), assignmentType, func(r resource.Resource) error {
		a := assignment(r.Tree)
		if armid.Equal(a.Scope, q.scope) && strings.EqualFold(a.PrincipalID, q.principal) && a.RoleDefinitionID == q.role {
			id = a.ID
		}
		return nil
	})
	return id, err
}

// own refuses requests for oneself that somebody else makes.
func own(w *arm.Write, q scheduleRequest) error {
	if strings.EqualFold(q.principal, w.Caller.ObjectID) {
		return nil
	}
	return arm.Errorf(http.StatusForbidden, "InsufficientPermissions",
		"The Requestor %s does not have permissions for this request.", w.Caller.ObjectID)
}

// removeAssignment ends the schedule of a role assignment that is deleted.
func removeAssignment(_ context.Context, w *arm.Write) error {
	all, err := schedules(w.Tx, "", assignmentScheduleType)
	i := slices.IndexFunc(all, func(s schedule) bool { return armid.Equal(s.Assignment, w.ID.String()) })
	if err != nil || i < 0 {
		return err
	}
	return resource.DeleteWithin(w.Tx, all[i].ID)
}
