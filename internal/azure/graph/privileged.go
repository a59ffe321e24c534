package graph

import (
	"context"
	"time"
)

// RoleInstance is a directory role that a principal may activate, or holds now,
// by Privileged Identity Management.
type RoleInstance struct {
	ID string `json:"id"`
	// TemplateID is the same in every tenant, as [Role.TemplateID]; a role of
	// the tenant's own has its own id here.
	TemplateID string `json:"roleTemplateId"`
	Name       string `json:"displayName,omitempty"`
	// PrincipalID is the caller, or a group that the caller is in.
	PrincipalID string `json:"principalId"`
	// Scope is "/" for the whole tenant, or "/administrativeUnits/<id>", or that
	// of an application.
	Scope      string `json:"directoryScopeId"`
	MemberType string `json:"memberType,omitempty"` // Direct, Group or Inherited
	// Type is Activated or Assigned; empty for what can be activated.
	Type  string    `json:"assignmentType,omitempty"`
	Start time.Time `json:"start,omitzero"`
	End   time.Time `json:"end,omitzero"` // zero: never
}

const (
	schedulesPath = "/v1.0/roleManagement/directory/"
	byMe          = "/filterByCurrentUser(on='principal')?$expand=roleDefinition($select=id,displayName)"
)

// EligibleDirectoryRoles lists the directory roles that the caller, a user or a
// service principal, may activate. The token needs
// RoleEligibilitySchedule.Read.Directory or RoleManagement.Read.Directory, and
// the tenant a licence for Privileged Identity Management.
// learn.microsoft.com/graph/api/unifiedroleeligibilityscheduleinstance-filterbycurrentuser
func (c *Client) EligibleDirectoryRoles(ctx context.Context) ([]RoleInstance, error) {
	return c.roleInstances(ctx, "roleEligibilityScheduleInstances")
}

// ActiveDirectoryRoles lists the directory roles that the caller, a user or a
// service principal, holds now and until when. The token needs
// RoleAssignmentSchedule.Read.Directory or RoleManagement.Read.Directory.
// learn.microsoft.com/graph/api/unifiedroleassignmentscheduleinstance-filterbycurrentuser
func (c *Client) ActiveDirectoryRoles(ctx context.Context) ([]RoleInstance, error) {
	return c.roleInstances(ctx, "roleAssignmentScheduleInstances")
}

func (c *Client) roleInstances(ctx context.Context, kind string) ([]RoleInstance, error) {
	type wire struct {
		ID               string    `json:"id"`
		PrincipalID      string    `json:"principalId"`
		RoleDefinitionID string    `json:"roleDefinitionId"`
		DirectoryScopeID string    `json:"directoryScopeId"`
		AppScopeID       string    `json:"appScopeId"`
		MemberType       string    `json:"memberType"`
		AssignmentType   string    `json:"assignmentType"`
		Start            time.Time `json:"startDateTime"`
		End              time.Time `json:"endDateTime"`
		RoleDefinition   struct {
			DisplayName string `json:"displayName"`
		} `json:"roleDefinition"`
	}
	found, err := List[wire](ctx, c, schedulesPath+kind+byMe)
	all := make([]RoleInstance, 0, len(found))
	for _, w := range found {
		scope := w.DirectoryScopeID
		if scope == "" {
			scope = w.AppScopeID
		}
		all = append(all, RoleInstance{
			ID: w.ID, TemplateID: w.RoleDefinitionID, Name: w.RoleDefinition.DisplayName, PrincipalID: w.PrincipalID,
			Scope: scope, MemberType: w.MemberType, Type: w.AssignmentType, Start: w.Start, End: w.End,
		})
	}
	return all, err
}
