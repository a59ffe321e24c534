package directory

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/kars-dev/kars/localazure/period"
)

// bucketRoleSchedules holds what Privileged Identity Management knows of
// directory roles: schedule id → RoleSchedule.
const bucketRoleSchedules = "directory.roleschedules"

// RoleSchedule says from when to when a principal holds a directory role, or may
// activate it; learn.microsoft.com/graph/api/resources/privilegedidentitymanagementv3-overview.
type RoleSchedule struct {
	ID          string `json:"id"`
	PrincipalID string `json:"principalId"`
	TemplateID  string `json:"templateId"` // of the role
	// Eligible says that the principal may activate the role; otherwise it
	// holds the role.
	Eligible bool `json:"eligible,omitempty"`
	// Activated is the id of the eligibility by which the principal activated
	// the role; empty for a role that it was given.
	Activated string    `json:"activated,omitempty"`
	Created   time.Time `json:"created"`
	period.Period
}

// RoleSchedules returns the schedules that are in effect or to come, in the order
// of their ids. A role that a principal was given without Privileged Identity
// Management is among them, as one that it holds for good.
func (t *Tx) RoleSchedules() ([]RoleSchedule, error) {
	all, err := t.keptSchedules()
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(s RoleSchedule) bool { return s.Ended(t.d.now()) })
	for _, r := range t.d.RoleCatalogue() {
		holders, err := t.LinkedFrom(r.TemplateID, holds)
		if err != nil {
			return nil, err
		}
		for _, h := range holders {
			all = append(all, RoleSchedule{ID: t.d.derivedID("roleAssignment", r.TemplateID, h), PrincipalID: h, TemplateID: r.TemplateID})
		}
	}
	slices.SortFunc(all, func(a, b RoleSchedule) int { return strings.Compare(a.ID, b.ID) })
	return all, nil
}

func (t *Tx) keptSchedules() ([]RoleSchedule, error) {
	var all []RoleSchedule
	err := t.tx.Each(bucketRoleSchedules, "", func(_ string, raw json.RawMessage) error {
		var s RoleSchedule
		if err := json.Unmarshal(raw, &s); err != nil {
			return err
		}
		all = append(all, s)
		return nil
	})
	return all, err
}

// AddRoleSchedule keeps a schedule under a new id, and forgets what has ended.
func (t *Tx) AddRoleSchedule(s RoleSchedule) (RoleSchedule, error) {
	if err := t.forgetSchedules(func(old RoleSchedule) bool { return old.Ended(t.d.now()) }); err != nil {
		return s, err
	}
	if err := t.checkHolder(s.PrincipalID, s.TemplateID); err != nil {
		return s, err
	}
	s.ID, s.Created = newID(), t.d.now().UTC()
	return s, t.tx.Put(bucketRoleSchedules, s.ID, s)
}

// RemoveRoleSchedule takes away what a schedule gives.
func (t *Tx) RemoveRoleSchedule(s RoleSchedule) error {
	if s.Created.IsZero() {
		return t.RemoveDirectoryRole(s.PrincipalID, s.TemplateID)
	}
	return t.tx.Delete(bucketRoleSchedules, s.ID)
}

func (t *Tx) forgetSchedules(doomed func(RoleSchedule) bool) error {
	all, err := t.keptSchedules()
	if err != nil {
		return err
	}
	for _, s := range all {
		if !doomed(s) {
			continue
		}
		if err := t.tx.Delete(bucketRoleSchedules, s.ID); err != nil {
			return err
		}
	}
	return nil
}

// scheduled returns who holds which role now by a schedule: principal ids by
// template id.
func (t *Tx) scheduled() (map[string][]string, error) {
	all, err := t.keptSchedules()
	held := map[string][]string{}
	for _, s := range all {
		if !s.Eligible && s.Includes(t.d.now()) {
			held[s.TemplateID] = append(held[s.TemplateID], strings.ToLower(s.PrincipalID))
		}
	}
	return held, err
}
