package authorization

import (
	"slices"
	"strings"

	"github.com/kars-dev/kars/localazure/arm"
	"github.com/kars-dev/kars/localazure/armid"
	"github.com/kars-dev/kars/localazure/resource"
	"github.com/kars-dev/kars/localazure/store"
)

func (p *Provider) makeEligible(w *arm.Write, q scheduleRequest) (status, id string, err error) {
	_, found, err := scheduleAt(w.Tx, eligibilityScheduleType, q)
	switch {
	case err != nil:
		return "", "", err
	case found:
		return "", "", errAssigned()
	case q.tooShort():
		return "", "", errTooShort()
	}
	s := newSchedule(w, q, eligibilityScheduleType)
	return standing(s, q), s.ID, putSchedule(w.Tx, s)
}

func (p *Provider) makeIneligible(w *arm.Write, q scheduleRequest) (status, id string, err error) {
	s, found, err := scheduleAt(w.Tx, eligibilityScheduleType, q)
	if err == nil && !found {
		err = errNotAssigned()
	}
	if err != nil {
		return "", "", err
	}
	return "Revoked", s.ID, end(w.Tx, s)
}

// tooShort says whether a role is asked for that could not be given back before
// its end.
func (q scheduleRequest) tooShort() bool {
	return !q.period.End.IsZero() && q.period.Length() < shortest
}

func newSchedule(w *arm.Write, q scheduleRequest, kind string) schedule {
	properties := resource.Properties(w.New)
	return schedule{
		ID: newScheduleID(q.scope, kind), Scope: q.scope, RoleDefinitionID: q.role, PrincipalID: q.principal,
		Condition: resource.Text(properties, "condition"), ConditionVersion: resource.Text(properties, "conditionVersion"),
		Period: q.period, Created: q.now,
	}
}

// standing is the status of a request whose schedule begins now or later.
func standing(s schedule, q scheduleRequest) string {
	if s.Start.After(q.now) {
		return "ScheduleCreated"
	}
	return "Provisioned"
}

// scheduleAt finds the schedule for a request's principal and role at its very
// scope.
func scheduleAt(tx *store.Tx, kind string, q scheduleRequest) (schedule, bool, error) {
	all, err := schedules(tx, strings.TrimSuffix(q.scope, "/"), kind)
	i := slices.IndexFunc(all, func(s schedule) bool {
		return armid.Equal(s.Scope, q.scope) && s.of(q.role, q.principal)
	})
	if err != nil || i < 0 {
		return schedule{}, false, err
	}
	return all[i], true, nil
}

// eligible finds the schedule by which a request's principal, itself or as a
// member of a group, may activate the role at the scope or above it.
func (p *Provider) eligible(tx *store.Tx, q scheduleRequest) (schedule, bool, error) {
	groups, err := p.directory.In(tx).GroupsOf(q.principal)
	if err != nil {
		return schedule{}, false, err
	}
	holders := append([]string{q.principal}, groups...)
	all, err := schedules(tx, "", eligibilityScheduleType)
	i := slices.IndexFunc(all, func(s schedule) bool {
		return s.Includes(q.now) && s.RoleDefinitionID == q.role && covers(s.Scope, q.scope) &&
			(q.linked == "" || q.linked == s.name()) &&
			slices.ContainsFunc(holders, func(h string) bool { return strings.EqualFold(h, s.PrincipalID) })
	})
	if err != nil || i < 0 {
		return schedule{}, false, err
	}
	return all[i], true, nil
}

// covers says whether what is given at one scope is given at another.
func covers(scope, at string) bool { return scope == "/" || armid.Within(at, scope) }
