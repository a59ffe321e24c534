package graph

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/kars-dev/kars/localazure/directory"
	"github.com/kars-dev/kars/localazure/period"
	"github.com/kars-dev/kars/localazure/store"
)

// What a directory role's settings say unless they were changed, and how long a
// role is to be held before it can be given back;
// learn.microsoft.com/entra/id-governance/privileged-identity-management/pim-how-to-change-default-settings.
const (
	longestActivation = 8 * time.Hour
	shortest          = 5 * time.Minute
)

// roleRequest is what is posted for a directory role.
type roleRequest struct {
	action    string
	principal string
	role      string // template id
	reason    string
	period    period.Period
	eligible  bool // it is about eligibility
}

// roleRequest carries out a request at once: nothing here waits for an approval;
// learn.microsoft.com/graph/api/rbacapplication-post-roleassignmentschedulerequests,
// learn.microsoft.com/graph/api/rbacapplication-post-roleeligibilityschedulerequests.
func (s *Service) roleRequest(t *directory.Tx, c call, eligible bool) (answer, error) {
	if c.method != http.MethodPost || len(c.path.tail) != 2 {
		return answer{}, errMethod()
	}
	q, err := s.readRoleRequest(c.body, eligible)
	if err != nil {
		return answer{}, err
	}
	self := strings.HasPrefix(q.action, "self")
	if err := c.who.allowedSchedules(eligible, true, self); err != nil {
		return answer{}, err
	}
	if self && !strings.EqualFold(q.principal, c.who.object.ID) {
		return answer{}, errDenied()
	}
	var done directory.RoleSchedule
	status := "Provisioned"
	switch {
	case q.action == "adminassign":
		done, err = s.assignRole(t, q, "")
	case q.action == "adminremove", !eligible && q.action == "selfdeactivate":
		status = "Revoked"
		done, err = s.takeRole(t, q)
	case !eligible && q.action == "selfactivate":
		done, err = s.activateRole(t, q)
	default:
		err = errBadRequest("The action '" + c.text("action") + "' is not supported.")
	}
	if err != nil {
		return answer{}, err
	}
	return c.value(http.StatusCreated, "roleManagement/directory/"+c.path.tail[1]+"/$entity", s.showRequest(c, q, done, status)), nil
}

func (s *Service) readRoleRequest(body store.Tree, eligible bool) (roleRequest, error) {
	c := call{body: body}
	q := roleRequest{
		action: strings.ToLower(c.text("action")), principal: strings.ToLower(c.text("principalId")), role: strings.ToLower(c.text("roleDefinitionId")),
		reason: c.text("justification"), eligible: eligible,
	}
	if q.action == "" || q.principal == "" || q.role == "" {
		return q, errBadRequest("'action', 'principalId' and 'roleDefinitionId' are required.")
	}
	if scope := c.text("directoryScopeId"); scope != "/" {
		return q, errBadRequest("The directory scope '" + scope + "' is not supported: '/' is.")
	}
	info, _ := body["scheduleInfo"].(store.Tree)
	var err error
	if q.period, err = period.Read(info, s.now()); err != nil {
		return q, errBadRequest(err.Error() + ".")
	}
	return q, nil
}

func (c call) text(name string) string {
	text, _ := c.body[name].(string)
	return text
}

func (s *Service) assignRole(t *directory.Tx, q roleRequest, activated string) (directory.RoleSchedule, error) {
	if _, found, err := findSchedule(t, q); err != nil || found {
		if err == nil {
			err = errSchedule("RoleAssignmentExists", "The Role assignment already exists.")
		}
		return directory.RoleSchedule{}, err
	}
	if !q.period.End.IsZero() && q.period.Length() < shortest {
		return directory.RoleSchedule{}, errTooShort()
	}
	return t.AddRoleSchedule(directory.RoleSchedule{
		PrincipalID: q.principal, TemplateID: q.role, Eligible: q.eligible, Activated: activated, Period: q.period,
	})
}

// activateRole gives the caller a role that it is eligible for, until an end.
func (s *Service) activateRole(t *directory.Tx, q roleRequest) (directory.RoleSchedule, error) {
	switch {
	case q.period.End.IsZero() || q.period.Length() > longestActivation:
		return directory.RoleSchedule{}, errRule("ExpirationRule")
	case strings.TrimSpace(q.reason) == "":
		return directory.RoleSchedule{}, errRule("JustificationRule")
	}
	by, found, err := s.eligibility(t, q)
	if err == nil && !found {
		err = errNotAssigned()
	}
	if err != nil {
		return by, err
	}
	if !by.End.IsZero() && by.End.Before(q.period.End) {
		q.period.End = by.End
	}
	return s.assignRole(t, q, by.ID)
}

// eligibility finds by what a request's principal, itself or as a member of a
// group, may activate the role.
func (s *Service) eligibility(t *directory.Tx, q roleRequest) (directory.RoleSchedule, bool, error) {
	groups, err := t.GroupsOf(q.principal)
	if err != nil {
		return directory.RoleSchedule{}, false, err
	}
	all, err := t.RoleSchedules()
	i := slices.IndexFunc(all, func(r directory.RoleSchedule) bool {
		return r.Eligible && r.TemplateID == q.role && r.Includes(s.now()) && containsFold(append(groups, q.principal), r.PrincipalID)
	})
	if err != nil || i < 0 {
		return directory.RoleSchedule{}, false, err
	}
	return all[i], true, nil
}

// takeRole takes a role, or the eligibility for it, away.
func (s *Service) takeRole(t *directory.Tx, q roleRequest) (directory.RoleSchedule, error) {
	r, found, err := findSchedule(t, q)
	switch {
	case err != nil:
		return r, err
	case !found, q.action == "selfdeactivate" && r.Activated == "":
		return r, errNotAssigned()
	case q.action == "selfdeactivate" && r.Includes(s.now()) && s.now().Sub(r.Start) < shortest:
		return r, errTooShort()
	}
	return r, t.RemoveRoleSchedule(r)
}

// findSchedule finds what a request's principal itself has of the role.
func findSchedule(t *directory.Tx, q roleRequest) (directory.RoleSchedule, bool, error) {
	all, err := t.RoleSchedules()
	i := slices.IndexFunc(all, func(r directory.RoleSchedule) bool {
		return r.Eligible == q.eligible && r.TemplateID == q.role && strings.EqualFold(r.PrincipalID, q.principal)
	})
	if err != nil || i < 0 {
		return directory.RoleSchedule{}, false, err
	}
	return all[i], true, nil
}

func (s *Service) showRequest(c call, q roleRequest, done directory.RoleSchedule, status string) store.Tree {
	info := store.Tree{"startDateTime": moment(q.period.Start), "recurrence": nil, "expiration": store.Tree{"type": "noExpiration", "endDateTime": nil, "duration": nil}}
	if sent, ok := c.body["scheduleInfo"].(store.Tree); ok && sent["expiration"] != nil {
		info["expiration"] = sent["expiration"]
	}
	ticket := c.body["ticketInfo"]
	if ticket == nil {
		ticket = store.Tree{"ticketNumber": nil, "ticketSystem": nil}
	}
	return store.Tree{
		"id": uuid.NewString(), "status": status, "createdDateTime": moment(s.now()), "completedDateTime": moment(s.now()),
		"approvalId": nil, "customData": nil, "isValidationOnly": false, "action": c.body["action"], "justification": c.body["justification"],
		"principalId": q.principal, "roleDefinitionId": q.role, "directoryScopeId": "/", "appScopeId": nil,
		"targetScheduleId": done.ID, "scheduleInfo": info, "ticketInfo": ticket,
		"createdBy": store.Tree{"application": nil, "device": nil, "user": store.Tree{"displayName": nil, "id": c.who.object.ID}},
	}
}

func errSchedule(code, message string) error {
	return &graphError{http.StatusBadRequest, code, message}
}

func errNotAssigned() error {
	return errSchedule("RoleAssignmentDoesNotExist", "The Role assignment does not exist.")
}

func errTooShort() error {
	return errSchedule("ActiveDurationTooShort", "The Active duration is too short. Minimum Required is 5 minutes.")
}

// errRule says that the role's settings do not allow a request.
func errRule(rule string) error {
	return errSchedule("RoleAssignmentRequestPolicyValidationFailed", "The following policy rules failed: [\""+rule+"\"]")
}
