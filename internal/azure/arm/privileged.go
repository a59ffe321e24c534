package arm

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// ScheduleVersion is the API version of Privileged Identity Management for
// Azure roles.
const ScheduleVersion = "2020-10-01"

// RoleEligibility is a role that a principal may activate and does not hold
// until then.
// learn.microsoft.com/rest/api/authorization/role-eligibility-schedule-instances
type RoleEligibility struct {
	ID         string `json:"id"`         // ARM id of the instance
	ScheduleID string `json:"scheduleId"` // GUID of the schedule, which an activation refers to
	// PrincipalID is who was made eligible: the caller, or a group that the
	// caller is in; MemberType then is "Group".
	PrincipalID      string    `json:"principalId"`
	PrincipalType    string    `json:"principalType,omitempty"` // User, Group or ServicePrincipal
	RoleDefinitionID string    `json:"roleDefinitionId"`        // GUID in lower case
	RoleName         string    `json:"roleName,omitempty"`
	Scope            string    `json:"scope"` // ARM id
	ScopeName        string    `json:"scopeName,omitempty"`
	MemberType       string    `json:"memberType,omitempty"` // Direct, Group or Inherited
	Condition        string    `json:"condition,omitempty"`
	ConditionVersion string    `json:"conditionVersion,omitempty"`
	Start            time.Time `json:"start,omitzero"`
	End              time.Time `json:"end,omitzero"` // zero: never
}

// RoleActivation is a role that a principal holds now by Privileged Identity
// Management.
// learn.microsoft.com/rest/api/authorization/role-assignment-schedule-instances
type RoleActivation struct {
	ID string `json:"id"` // ARM id of the instance
	// AssignmentID is the ARM id of the role assignment that it is in effect.
	AssignmentID     string `json:"assignmentId,omitempty"`
	PrincipalID      string `json:"principalId"`
	PrincipalType    string `json:"principalType,omitempty"`
	RoleDefinitionID string `json:"roleDefinitionId"` // GUID in lower case
	RoleName         string `json:"roleName,omitempty"`
	Scope            string `json:"scope"`
	ScopeName        string `json:"scopeName,omitempty"`
	MemberType       string `json:"memberType,omitempty"` // Direct, Group or Inherited
	// Type is Activated for what an eligible principal activated, Assigned for
	// what it was given.
	Type string `json:"type"`
	// EligibilityID is the GUID of the eligibility that was activated, the last
	// segment of its ID.
	EligibilityID string    `json:"eligibilityId,omitempty"`
	Start         time.Time `json:"start,omitzero"`
	End           time.Time `json:"end,omitzero"` // zero: never
}

// instance is an eligibility or an assignment as Azure sends it.
type instance struct {
	ID         string `json:"id"`
	Properties struct {
		PrincipalID      string    `json:"principalId"`
		PrincipalType    string    `json:"principalType"`
		RoleDefinitionID string    `json:"roleDefinitionId"`
		Scope            string    `json:"scope"`
		MemberType       string    `json:"memberType"`
		Condition        string    `json:"condition"`
		ConditionVersion string    `json:"conditionVersion"`
		Start            time.Time `json:"startDateTime"`
		End              time.Time `json:"endDateTime"`

		EligibilitySchedule string `json:"roleEligibilityScheduleId"`
		AssignmentType      string `json:"assignmentType"`
		OriginAssignment    string `json:"originRoleAssignmentId"`
		LinkedEligibility   string `json:"linkedRoleEligibilityScheduleInstanceId"`

		Expanded struct {
			Scope          named `json:"scope"`
			RoleDefinition named `json:"roleDefinition"`
		} `json:"expandedProperties"`
	} `json:"properties"`
}

type named struct {
	DisplayName string `json:"displayName"`
}

// RoleEligibilities lists the roles that the caller may activate, itself or as
// a member of a group, at, above and below scope. Any caller may ask.
func (c *Client) RoleEligibilities(ctx context.Context, scope string) ([]RoleEligibility, error) {
	found, err := c.instances(ctx, scope, "roleEligibilityScheduleInstances")
	all := make([]RoleEligibility, 0, len(found))
	for _, w := range found {
		p := w.Properties
		all = append(all, RoleEligibility{
			ID: w.ID, ScheduleID: guid(p.EligibilitySchedule),
			PrincipalID: p.PrincipalID, PrincipalType: p.PrincipalType,
			RoleDefinitionID: guid(p.RoleDefinitionID), RoleName: p.Expanded.RoleDefinition.DisplayName,
			Scope: p.Scope, ScopeName: p.Expanded.Scope.DisplayName, MemberType: p.MemberType,
			Condition: p.Condition, ConditionVersion: p.ConditionVersion, Start: p.Start, End: p.End,
		})
	}
	return all, err
}

// RoleActivations lists the roles that the caller holds now and until when, at,
// above and below scope, those through groups too. Any caller may ask.
func (c *Client) RoleActivations(ctx context.Context, scope string) ([]RoleActivation, error) {
	found, err := c.instances(ctx, scope, "roleAssignmentScheduleInstances")
	all := make([]RoleActivation, 0, len(found))
	for _, w := range found {
		p := w.Properties
		all = append(all, RoleActivation{
			ID: w.ID, AssignmentID: p.OriginAssignment, PrincipalID: p.PrincipalID, PrincipalType: p.PrincipalType,
			RoleDefinitionID: guid(p.RoleDefinitionID), RoleName: p.Expanded.RoleDefinition.DisplayName,
			Scope: p.Scope, ScopeName: p.Expanded.Scope.DisplayName, MemberType: p.MemberType,
			Type: p.AssignmentType, EligibilityID: guid(p.LinkedEligibility), Start: p.Start, End: p.End,
		})
	}
	return all, err
}

func (c *Client) instances(ctx context.Context, scope, kind string) ([]instance, error) {
	return list[instance](ctx, c, call{
		path: strings.TrimSuffix(scope, "/") + authorizationPath + kind, version: ScheduleVersion, query: filtered("asTarget()"),
	})
}

// Activation is the request by which an eligible principal activates a role.
// learn.microsoft.com/rest/api/authorization/privileged-role-assignment-rest-sample#activate-an-eligible-role-assignment
type Activation struct {
	PrincipalID      string // who activates, also where a group is eligible
	RoleDefinitionID string // GUID
	Scope            string // that of the eligibility, or below it
	ScheduleID       string // of the eligibility
	Justification    string
	// Duration is how long the role is to be held, in whole minutes; a role's
	// settings limit it, to eight hours unless they say otherwise.
	Duration time.Duration
}

// Activate returns the request by which the principal activates this role.
func (e RoleEligibility) Activate(principalID, justification string, d time.Duration) Activation {
	return Activation{
		PrincipalID: principalID, RoleDefinitionID: e.RoleDefinitionID, Scope: e.Scope, ScheduleID: e.ScheduleID,
		Justification: justification, Duration: d,
	}
}

// Path is what to PUT to, given a GUID that no request had before.
func (a Activation) Path(name string) string {
	return strings.TrimSuffix(a.Scope, "/") + authorizationPath + "roleAssignmentScheduleRequests/" + name
}

// Body is what to PUT. Without a start the activation starts at once.
func (a Activation) Body() Tree {
	return Tree{"properties": map[string]any{
		"requestType":                     "SelfActivate",
		"principalId":                     a.PrincipalID,
		"roleDefinitionId":                RoleDefinitionID(a.Scope, a.RoleDefinitionID),
		"linkedRoleEligibilityScheduleId": a.ScheduleID,
		"justification":                   a.Justification,
		"scheduleInfo": map[string]any{
			"expiration": map[string]any{"type": "AfterDuration", "duration": isoDuration(a.Duration)},
		},
	}}
}

// Command is the request as a line for a POSIX shell. The Azure CLI has no
// command of its own for it, and gives "az rest" the host and the token.
func (a Activation) Command() (string, error) {
	body, err := json.Marshal(a.Body())
	if err != nil {
		return "", fmt.Errorf("encoding the activation of a role: %w", err)
	}
	return fmt.Sprintf(`az rest --method put --url "%s?api-version=%s" --body %s`,
		a.Path("$(uuidgen)"), ScheduleVersion, singleQuoted(string(body))), nil
}

// singleQuoted quotes text for a POSIX shell.
func singleQuoted(text string) string {
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// isoDuration writes whole minutes as ISO 8601 does: PT1H30M.
func isoDuration(d time.Duration) string {
	minutes := int(d / time.Minute)
	text := "PT"
	if hours := minutes / 60; hours > 0 {
		text += fmt.Sprintf("%dH", hours)
	}
	if rest := minutes % 60; rest > 0 || minutes == 0 {
		text += fmt.Sprintf("%dM", rest)
	}
	return text
}
