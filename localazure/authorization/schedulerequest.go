package authorization

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/kars-dev/kars/localazure/action"
	"github.com/kars-dev/kars/localazure/arm"
	"github.com/kars-dev/kars/localazure/entra"
	"github.com/kars-dev/kars/localazure/period"
	"github.com/kars-dev/kars/localazure/resource"
	"github.com/kars-dev/kars/localazure/store"
)

// scheduleVersion is the API version of Privileged Identity Management.
const scheduleVersion = "2020-10-01"

const (
	eligibilityRequestType = "Microsoft.Authorization/roleEligibilityScheduleRequests"
	assignmentRequestType  = "Microsoft.Authorization/roleAssignmentScheduleRequests"
)

// The kinds of requests; learn.microsoft.com/rest/api/authorization/role-assignment-schedule-requests/create#requesttype.
const (
	adminAssign    = "AdminAssign"
	adminRemove    = "AdminRemove"
	selfActivate   = "SelfActivate"
	selfDeactivate = "SelfDeactivate"
)

// shortest is how long a role has to be held before it can be given back;
// learn.microsoft.com/entra/id-governance/privileged-identity-management/pim-resource-roles-assign-roles.
const shortest = 5 * time.Minute

func (p *Provider) eligibilityRequests() arm.Type {
	return arm.Type{
		Name:          eligibilityRequestType,
		Shown:         "Microsoft.Authorization/RoleEligibilityScheduleRequests",
		APIVersions:   []string{scheduleVersion},
		Extension:     true,
		AlwaysCreated: true,
		Preflight:     p.authorizeGrant,
		Prepare: p.prepareRequest(map[string]decision{
			adminAssign: p.makeEligible, adminRemove: p.makeIneligible,
		}),
	}
}

func (p *Provider) assignmentRequests() arm.Type {
	return arm.Type{
		Name:          assignmentRequestType,
		Shown:         "Microsoft.Authorization/RoleAssignmentScheduleRequests",
		APIVersions:   []string{scheduleVersion},
		Extension:     true,
		AlwaysCreated: true,
		Own:           ownRequest,
		Preflight:     p.authorizeGrant,
		Prepare: p.prepareRequest(map[string]decision{
			adminAssign: p.assign, adminRemove: p.unassign, selfActivate: p.activate, selfDeactivate: p.deactivate,
		}),
	}
}

// ownRequest says whether a caller asks for a role that it is eligible for, or
// gives it back. That takes the eligibility, and no permission;
// learn.microsoft.com/entra/id-governance/privileged-identity-management/pim-resource-roles-activate-your-roles.
func ownRequest(c entra.Claims, body store.Tree) bool {
	kind := resource.Text(body, "properties", "requestType")
	self := strings.EqualFold(kind, selfActivate) || strings.EqualFold(kind, selfDeactivate)
	return self && strings.EqualFold(resource.Text(body, "properties", "principalId"), c.ObjectID)
}

// authorizeGrant asks that who makes others eligible, or gives them a role until
// an end, could give it to them for good, conditions on that right included;
// learn.microsoft.com/azure/role-based-access-control/delegate-role-assignments-overview.
func (p *Provider) authorizeGrant(ctx context.Context, w *arm.Write) error {
	if ownRequest(w.Caller, w.New) {
		return nil
	}
	need := action.Need{Action: assignmentType + "/write", Scope: w.ID.Parent().String()}
	sent, err := clone(w.New)
	if err != nil {
		return err
	}
	err = p.service.Store.View(func(tx *store.Tx) error {
		return p.knownPrincipal(tx, resource.Properties(sent), resource.Text(sent, "properties", "principalId"))
	})
	if err != nil {
		return err
	}
	return p.service.Authorize(ctx, w.Caller, need, assignmentAttributes(nil, sent))
}

// decision carries out a request and returns its status and the id of the
// schedule that it is about.
type decision func(w *arm.Write, q scheduleRequest) (status, schedule string, err error)

// scheduleRequest is a request that was read and found to be in order.
type scheduleRequest struct {
	scope     string
	role      string // GUID
	principal string
	linked    string // GUID of the eligibility's schedule, or ""
	reason    string
	period    period.Period
	now       time.Time
}

// prepareRequest carries a request out at once, in the transaction that keeps
// it: nothing here waits for an approval.
func (p *Provider) prepareRequest(decisions map[string]decision) func(context.Context, *arm.Write) error {
	return func(_ context.Context, w *arm.Write) error {
		now := p.service.Now().UTC()
		if err := settle(w.Tx, now); err != nil {
			return err
		}
		properties := resource.Properties(w.New)
		decide, known := decisions[resource.Text(properties, "requestType")]
		if !known {
			return arm.Errorf(http.StatusBadRequest, "BadRequestFormat",
				"The request was incorrectly formatted: the request type '%s' is not supported.", resource.Text(properties, "requestType"))
		}
		q, err := p.readRequest(w, now)
		if err != nil {
			return err
		}
		status, target, err := decide(w, q)
		if err != nil {
			return err
		}
		return p.completeRequest(w, q, status, target)
	}
}

func (p *Provider) readRequest(w *arm.Write, now time.Time) (scheduleRequest, error) {
	properties := resource.Properties(w.New)
	q := scheduleRequest{
		scope: w.ID.Parent().String(), role: bareID(resource.Text(properties, "roleDefinitionId")), principal: resource.Text(properties, "principalId"),
		linked: bareID(resource.Text(properties, "linkedRoleEligibilityScheduleId")), reason: resource.Text(properties, "justification"), now: now,
	}
	if _, err := uuid.Parse(w.ID.Name()); err != nil || q.role == "" || q.principal == "" {
		return q, arm.Errorf(http.StatusBadRequest, "BadRequestFormat",
			"The request was incorrectly formatted: its name must be a GUID, and 'principalId' and 'roleDefinitionId' are required.")
	}
	if err := p.knownRole(w.Tx, q.role); err != nil {
		return q, err
	}
	if err := p.knownPrincipal(w.Tx, properties, q.principal); err != nil {
		return q, err
	}
	if err := checkCondition(properties); err != nil {
		return q, err
	}
	info, _ := properties["scheduleInfo"].(store.Tree)
	var err error
	if q.period, err = period.Read(info, now); err != nil {
		return q, arm.Errorf(http.StatusBadRequest, "BadRequestFormat", "The request was incorrectly formatted: %v.", err)
	}
	return q, nil
}

// completeRequest writes what Azure adds to a request.
func (p *Provider) completeRequest(w *arm.Write, q scheduleRequest, status, target string) error {
	properties := resource.Properties(w.New)
	properties["scope"] = q.scope
	properties["roleDefinitionId"] = definitionID(w.ID, q.role)
	properties["status"], properties["approvalId"] = status, nil
	properties["requestorId"], properties["createdOn"] = w.Caller.ObjectID, instant(q.now)
	key := "targetRoleEligibilityScheduleId"
	if strings.EqualFold(w.ID.Type(), assignmentRequestType) {
		key = "targetRoleAssignmentScheduleId"
	}
	properties[key] = bareID(target)
	for _, key := range []string{"justification", "condition", "conditionVersion"} {
		resource.Default(properties, key, nil)
	}
	resource.Default(properties, "ticketInfo", store.Tree{"ticketNumber": nil, "ticketSystem": nil})
	n, err := p.names(w.Tx)
	if err != nil {
		return err
	}
	properties["expandedProperties"], err = n.expanded(q.scope, q.role, q.principal)
	return err
}

// instant is a time as Privileged Identity Management writes it.
func instant(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.999Z") }

func clone(tree store.Tree) (out store.Tree, err error) {
	err = decode(tree, &out)
	return out, err
}

func errAssigned() error {
	return arm.Errorf(http.StatusConflict, "RoleAssignmentExists", "The Role assignment already exists.")
}

func errNotAssigned() error {
	return arm.Errorf(http.StatusBadRequest, "RoleAssignmentDoesNotExist", "The Role assignment does not exist.")
}

func errTooShort() error {
	return arm.Errorf(http.StatusBadRequest, "ActiveDurationTooShort", "The Active duration is too short. Minimum Required is 5 minutes.")
}

// errRule says that the role's settings do not allow a request.
func errRule(rule string) error {
	return arm.Errorf(http.StatusBadRequest, "RoleAssignmentRequestPolicyValidationFailed", "The following policy rules failed: [\"%s\"]", rule)
}
