package authorization

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/kars-dev/kars/localazure/armid"
	"github.com/kars-dev/kars/localazure/period"
	"github.com/kars-dev/kars/localazure/resource"
	"github.com/kars-dev/kars/localazure/store"
)

// What requests of Privileged Identity Management leave behind. They lie at
// their scope, and go with it.
const (
	eligibilityScheduleType = "Microsoft.Authorization/roleEligibilitySchedules"
	assignmentScheduleType  = "Microsoft.Authorization/roleAssignmentSchedules"
)

// schedule says from when to when a principal may activate a role, or holds it;
// learn.microsoft.com/azure/templates/microsoft.authorization/roleeligibilityschedulerequests.
type schedule struct {
	ID                          string    `json:"id"`
	Scope                       string    `json:"scope"`
	RoleDefinitionID            string    `json:"roleDefinitionId"` // GUID
	PrincipalID                 string    `json:"principalId"`
	Condition, ConditionVersion string    `json:",omitempty"`
	Created                     time.Time `json:"created"`
	period.Period

	// The rest is of role assignments alone.
	Activated   bool   `json:"activated,omitempty"`   // by an eligible principal
	Eligibility string `json:"eligibility,omitempty"` // id of the schedule that was activated
	// Assignment is the id of the role assignment while the schedule is in
	// effect; Pending is that role assignment until then.
	Assignment string     `json:"assignment,omitempty"`
	Pending    store.Tree `json:"pending,omitempty"`
}

func newScheduleID(scope, kind string) string {
	return strings.TrimSuffix(scope, "/") + "/providers/" + kind + "/" + uuid.NewString()
}

// name is the last segment of the schedule's id.
func (s schedule) name() string { return bareID(s.ID) }

func (s schedule) of(role, principal string) bool {
	return s.RoleDefinitionID == bareID(role) && strings.EqualFold(s.PrincipalID, principal)
}

func putSchedule(tx *store.Tx, s schedule) error {
	id, err := armid.Parse(s.ID)
	if err != nil {
		return err
	}
	raw, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("writing %s: %w", s.ID, err)
	}
	var tree store.Tree
	if err := json.Unmarshal(raw, &tree); err != nil {
		return fmt.Errorf("writing %s: %w", s.ID, err)
	}
	return resource.Put(tx, id, tree)
}

// schedules returns those of a kind at scope and below; all when scope is empty.
func schedules(tx *store.Tx, scope, kind string) ([]schedule, error) {
	var all []schedule
	err := resource.OfType(tx, scope, kind, func(r resource.Resource) error {
		var s schedule
		if err := decode(r.Tree, &s); err != nil {
			return fmt.Errorf("reading %s: %w", r.ID, err)
		}
		all = append(all, s)
		return nil
	})
	return all, err
}

// settle brings role assignments up to date with the clock: those whose time
// has come are made, those whose time is over removed, and schedules that have
// ended forgotten.
func settle(tx *store.Tx, now time.Time) error {
	return eachSchedule(tx, func(s schedule) error {
		switch {
		case s.Ended(now):
			return end(tx, s)
		case s.Pending == nil || !s.Includes(now):
			return nil
		}
		id, err := armid.Parse(resource.Text(s.Pending, "id"))
		if err != nil {
			return err
		}
		if err := resource.Put(tx, id, s.Pending); err != nil {
			return err
		}
		s.Assignment, s.Pending = id.String(), nil
		return putSchedule(tx, s)
	})
}

// due is when settle next has something to do for a schedule; never is zero.
func (s schedule) due() time.Time {
	if s.Pending != nil {
		return s.Start
	}
	return s.End
}

// earliest is the earlier of two times, where zero is never.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func isSchedule(resourceType string) bool {
	return strings.EqualFold(resourceType, eligibilityScheduleType) || strings.EqualFold(resourceType, assignmentScheduleType)
}

// eachSchedule calls fn for every schedule, which fn may change.
func eachSchedule(tx *store.Tx, fn func(schedule) error) error {
	for _, kind := range []string{eligibilityScheduleType, assignmentScheduleType} {
		all, err := schedules(tx, "", kind)
		if err != nil {
			return err
		}
		for _, s := range all {
			if err := fn(s); err != nil {
				return fmt.Errorf("%s: %w", s.ID, err)
			}
		}
	}
	return nil
}

// end forgets a schedule, and removes the role assignment that it made.
func end(tx *store.Tx, s schedule) error {
	if s.Assignment != "" {
		if err := resource.DeleteWithin(tx, s.Assignment); err != nil {
			return err
		}
	}
	return resource.DeleteWithin(tx, s.ID)
}
