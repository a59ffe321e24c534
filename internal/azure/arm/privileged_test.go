package arm_test

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/kars-dev/kars/internal/azure/arm"
	"github.com/kars-dev/kars/localazure"
)

const ownerRole = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"

// clock is the real time, moved.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time       { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) move(d time.Duration) { c.ahead.Add(int64(d)) }

// makeEligible makes a principal eligible for a role for a day, as c.
func makeEligible(t *testing.T, c *arm.Client, scope, role, principal string) {
	t.Helper()
	request := scheduleRequest("AdminAssign", scope, role, principal, "P1D")
	if err := putSchedule(t, c, "roleEligibilityScheduleRequests", scope, request); err != nil {
		t.Fatal(err)
	}
}

func scheduleRequest(kind, scope, role, principal, duration string) map[string]any {
	return map[string]any{
		"requestType": kind, "principalId": principal, "roleDefinitionId": arm.RoleDefinitionID(scope, role),
		"justification": "a test",
		"scheduleInfo":  map[string]any{"expiration": map[string]any{"type": "AfterDuration", "duration": duration}},
	}
}

func putSchedule(t *testing.T, c *arm.Client, collection, scope string, properties map[string]any) error {
	t.Helper()
	id := scope + "/providers/Microsoft.Authorization/" + collection + "/" + uuid.NewString()
	_, err := c.Put(t.Context(), id, arm.ScheduleVersion, map[string]any{"properties": properties})
	return err
}

func activate(t *testing.T, c *arm.Client, a arm.Activation) error {
	t.Helper()
	_, err := c.Put(t.Context(), a.Path(uuid.NewString()), arm.ScheduleVersion, a.Body())
	return err
}

func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	if !arm.HasCode(err, code) {
		t.Errorf("got %v, want %s", err, code)
	}
}

func TestP7AnEligibleOwnerWritesOnlyWhileTheRoleIsActive(t *testing.T) {
	var time0 clock
	a := localAzureAt(t, time0.now)
	owner, _, _ := a.as(t, localazure.OwnerName)
	person := a.add(t, localazure.Principal{Name: "person"})
	c, _, _ := a.as(t, "person")
	ctx, sub := t.Context(), arm.SubscriptionID(a.SubscriptionID())
	write := func() error {
		_, err := c.PutGroup(ctx, a.SubscriptionID(), "g", "eastus2", nil)
		return err
	}

	if all, err := c.RoleEligibilities(ctx, sub); err != nil || len(all) != 0 {
		t.Fatalf("eligibilities %+v, %v", all, err)
	}
	makeEligible(t, owner, sub, ownerRole, person.ObjectID)
	wantCode(t, write(), "AuthorizationFailed")
	eligible, err := c.RoleEligibilities(ctx, sub)
	if err != nil || len(eligible) != 1 {
		t.Fatalf("eligibilities %+v, %v", eligible, err)
	}
	e := eligible[0]
	if e.RoleName != "Owner" || e.RoleDefinitionID != ownerRole || e.Scope != sub || e.ScopeName != "Local subscription" ||
		e.PrincipalID != person.ObjectID || e.MemberType != "Direct" || e.ScheduleID == "" || e.End.Sub(e.Start) != 24*time.Hour {
		t.Errorf("eligibility %+v", e)
	}

	if err := activate(t, c, e.Activate(person.ObjectID, "deploying", 30*time.Minute)); err != nil {
		t.Fatal(err)
	}
	if err := write(); err != nil {
		t.Errorf("an active owner may not write: %v", err)
	}
	wantCode(t, activate(t, c, e.Activate(person.ObjectID, "again", time.Hour)), "RoleAssignmentExists")
	active, err := c.RoleActivations(ctx, sub)
	if err != nil || len(active) != 1 {
		t.Fatalf("activations %+v, %v", active, err)
	}
	if v := active[0]; v.Type != "Activated" || v.RoleName != "Owner" || v.End.Sub(v.Start) != 30*time.Minute ||
		v.EligibilityID != e.ID[strings.LastIndex(e.ID, "/")+1:] || v.Scope != sub {
		t.Errorf("activation %+v", v)
	}
	if _, found, err := c.GetRoleAssignment(ctx, active[0].AssignmentID); err != nil || !found {
		t.Errorf("the role assignment %s: found %t, %v", active[0].AssignmentID, found, err)
	}

	time0.move(31 * time.Minute)
	wantCode(t, write(), "AuthorizationFailed")
	if _, found, err := owner.GetRoleAssignment(ctx, active[0].AssignmentID); err != nil || found {
		t.Errorf("after the end: the role assignment found %t, %v", found, err)
	}
	if active, err = c.RoleActivations(ctx, sub); err != nil || len(active) != 0 {
		t.Errorf("after the end: activations %+v, %v", active, err)
	}
	if eligible, err = c.RoleEligibilities(ctx, sub); err != nil || len(eligible) != 1 {
		t.Errorf("after the end: eligibilities %+v, %v", eligible, err)
	}
	if err := activate(t, c, e.Activate(person.ObjectID, "once more", time.Hour)); err != nil {
		t.Errorf("activating again: %v", err)
	}
}

func TestP7EverybodySeesTheirOwnEligibilitiesAlone(t *testing.T) {
	a := localAzure(t)
	owner, _, _ := a.as(t, localazure.OwnerName)
	ctx, sub := t.Context(), arm.SubscriptionID(a.SubscriptionID())
	person, other := a.add(t, localazure.Principal{Name: "person"}), a.add(t, localazure.Principal{Name: "other", Type: "sp"})
	if _, err := owner.PutGroup(ctx, a.SubscriptionID(), "g", "eastus2", nil); err != nil {
		t.Fatal(err)
	}
	makeEligible(t, owner, arm.GroupID(a.SubscriptionID(), "g"), networkContributor, person.ObjectID)
	c, _, _ := a.as(t, "person")
	for _, scope := range []string{sub, arm.GroupID(a.SubscriptionID(), "g")} {
		found, err := c.RoleEligibilities(ctx, scope)
		if err != nil || len(found) != 1 || found[0].ScopeName != "g" {
			t.Errorf("at %s: %+v, %v", scope, found, err)
		}
	}
	s, _, _ := a.as(t, "other")
	if found, err := s.RoleEligibilities(ctx, sub); err != nil || len(found) != 0 {
		t.Errorf("somebody else sees %+v, %v", found, err)
	}
	_, err := s.List(ctx, sub+"/providers/Microsoft.Authorization/roleEligibilityScheduleInstances", arm.ScheduleVersion, nil)
	wantCode(t, err, "AuthorizationFailed")
	all, err := owner.List(ctx, sub+"/providers/Microsoft.Authorization/roleEligibilityScheduleInstances", arm.ScheduleVersion, nil)
	if err != nil || len(all) != 1 {
		t.Errorf("the owner sees %v, %v", all, err)
	}
	e, _ := c.RoleEligibilities(ctx, sub)
	wantCode(t, activate(t, s, e[0].Activate(other.ObjectID, "mine", time.Hour)), "RoleAssignmentDoesNotExist")
	wantCode(t, activate(t, s, e[0].Activate(person.ObjectID, "theirs", time.Hour)), "AuthorizationFailed")
}

func TestAnActivationKeepsToTheRolesSettings(t *testing.T) {
	var moved clock
	a := localAzureAt(t, moved.now)
	owner, _, _ := a.as(t, localazure.OwnerName)
	person := a.add(t, localazure.Principal{Name: "person"})
	c, _, _ := a.as(t, "person")
	ctx, sub := t.Context(), arm.SubscriptionID(a.SubscriptionID())
	makeEligible(t, owner, sub, ownerRole, person.ObjectID)
	found, err := c.RoleEligibilities(ctx, sub)
	if err != nil {
		t.Fatal(err)
	}
	e := found[0]
	wantCode(t, activate(t, c, e.Activate(person.ObjectID, "", time.Hour)), "RoleAssignmentRequestPolicyValidationFailed")
	wantCode(t, activate(t, c, e.Activate(person.ObjectID, "long", 9*time.Hour)), "RoleAssignmentRequestPolicyValidationFailed")
	wantCode(t, activate(t, c, e.Activate(person.ObjectID, "short", time.Minute)), "ActiveDurationTooShort")

	give := scheduleRequest("SelfDeactivate", sub, ownerRole, person.ObjectID, "PT1H")
	wantCode(t, putSchedule(t, c, "roleAssignmentScheduleRequests", sub, give), "RoleAssignmentDoesNotExist")
	if err := activate(t, c, e.Activate(person.ObjectID, "work", time.Hour)); err != nil {
		t.Fatal(err)
	}
	wantCode(t, putSchedule(t, c, "roleAssignmentScheduleRequests", sub, give), "ActiveDurationTooShort")
	moved.move(6 * time.Minute)
	if err := putSchedule(t, c, "roleAssignmentScheduleRequests", sub, give); err != nil {
		t.Errorf("giving the role back: %v", err)
	}
	_, err = c.PutGroup(ctx, a.SubscriptionID(), "g", "eastus2", nil)
	wantCode(t, err, "AuthorizationFailed")
}

func TestOnlyWhoMayGrantMakesOthersEligible(t *testing.T) {
	var moved clock
	a := localAzureAt(t, moved.now)
	owner, _, _ := a.as(t, localazure.OwnerName)
	person := a.add(t, localazure.Principal{Name: "person", Roles: []localazure.Role{{Role: "Contributor"}}})
	c, _, _ := a.as(t, "person")
	ctx, sub := t.Context(), arm.SubscriptionID(a.SubscriptionID())
	assign := scheduleRequest("AdminAssign", sub, networkContributor, person.ObjectID, "PT2H")
	for _, collection := range []string{"roleEligibilityScheduleRequests", "roleAssignmentScheduleRequests"} {
		wantCode(t, putSchedule(t, c, collection, sub, assign), "AuthorizationFailed")
		if err := putSchedule(t, owner, collection, sub, assign); err != nil {
			t.Fatal(err)
		}
		wantCode(t, putSchedule(t, owner, collection, sub, assign), "RoleAssignmentExists")
	}
	active, err := c.RoleActivations(ctx, sub)
	if err != nil || len(active) != 2 {
		t.Fatalf("activations %+v, %v", active, err)
	}
	i := slices.IndexFunc(active, func(v arm.RoleActivation) bool { return v.RoleDefinitionID == networkContributor })
	if v := active[i]; v.Type != "Assigned" || v.End.Sub(v.Start) != 2*time.Hour {
		t.Errorf("what was assigned until an end is %+v", v)
	}
	if v := active[1-i]; v.RoleName != "Contributor" || v.Type != "Assigned" || !v.End.IsZero() {
		t.Errorf("what was assigned for good is %+v", v)
	}
	remove := scheduleRequest("AdminRemove", sub, networkContributor, person.ObjectID, "PT2H")
	if err := putSchedule(t, owner, "roleEligibilityScheduleRequests", sub, remove); err != nil {
		t.Error(err)
	}
	wantCode(t, putSchedule(t, owner, "roleEligibilityScheduleRequests", sub, remove), "RoleAssignmentDoesNotExist")
	if left, err := c.RoleEligibilities(ctx, sub); err != nil || len(left) != 0 {
		t.Errorf("eligibilities that are left: %+v, %v", left, err)
	}
	moved.move(121 * time.Minute)
	c, _, _ = a.as(t, "person")
	if active, err = c.RoleActivations(ctx, sub); err != nil || len(active) != 1 {
		t.Errorf("after the end: %+v, %v", active, err)
	}
}

func TestTheCommandToActivateARoleIsOneThatAShellReads(t *testing.T) {
	a := arm.Activation{
		PrincipalID: "11111111-1111-1111-1111-111111111111", RoleDefinitionID: ownerRole, Scope: "/subscriptions/s/resourceGroups/g",
		ScheduleID: "22222222-2222-2222-2222-222222222222", Justification: "kars up; it's $HOME", Duration: 90 * time.Minute,
	}
	command, err := a.Command()
	if err != nil {
		t.Fatal(err)
	}
	const url = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Authorization/roleAssignmentScheduleRequests/33?api-version=2020-10-01"
	// The shell's own reading of the line, with the programs replaced.
	out, err := exec.Command("/bin/sh", "-c", `uuidgen() { echo 33; }; az() { printf '%s\n' "$@"; }; `+command).Output()
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Split(strings.TrimSpace(string(out)), "\n")
	if diff := cmp.Diff([]string{"rest", "--method", "put", "--url", url, "--body"}, words[:6]); diff != "" {
		t.Errorf("words (-want +got):\n%s", diff)
	}
	var body struct {
		Properties struct {
			RequestType, PrincipalID, Justification string
			ScheduleInfo                            struct {
				Expiration struct{ Type, Duration string }
			}
		}
	}
	if err := json.Unmarshal([]byte(words[6]), &body); err != nil {
		t.Fatal(err)
	}
	p := body.Properties
	if p.RequestType != "SelfActivate" || p.PrincipalID != a.PrincipalID || p.Justification != a.Justification || p.ScheduleInfo.Expiration.Duration != "PT1H30M" {
		t.Errorf("body %+v", p)
	}
}
