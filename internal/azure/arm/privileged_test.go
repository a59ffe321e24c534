package arm_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/kars-dev/kars/internal/azure/arm"
	"github.com/kars-dev/kars/localazure"
	"github.com/kars-dev/kars/localazure/directory"
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

// newGroup makes a group with one member, as the owner with the Azure CLI, whose
// token may write groups.
func (a *azure) newGroup(t *testing.T, member string) (id string) {
	t.Helper()
	var file map[string]any
	raw, err := os.ReadFile(filepath.Join(a.principals, localazure.OwnerName+".json"))
	if err == nil {
		err = json.Unmarshal(raw, &file)
	}
	if err != nil {
		t.Fatal(err)
	}
	file["clientId"] = directory.AzureCLIAppID
	if raw, err = json.Marshal(file); err == nil {
		err = os.WriteFile(filepath.Join(a.principals, "cli.json"), raw, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	_, g, _ := a.as(t, "cli")
	var group struct{ ID string }
	body := map[string]any{"displayName": "team", "mailEnabled": false, "mailNickname": "team", "securityEnabled": true}
	if err := g.Do(t.Context(), http.MethodPost, "/v1.0/groups", body, &group); err != nil {
		t.Fatal(err)
	}
	ref := map[string]any{"@odata.id": "https://graph.microsoft.com/v1.0/directoryObjects/" + member}
	if err := g.Do(t.Context(), http.MethodPost, "/v1.0/groups/"+group.ID+"/members/$ref", ref, nil); err != nil {
		t.Fatal(err)
	}
	return group.ID
}

func TestP7AGroupsEligibilityReachesItsMembers(t *testing.T) {
	a := localAzure(t)
	owner, _, _ := a.as(t, localazure.OwnerName)
	person := a.add(t, localazure.Principal{Name: "person"})
	ctx, sub := t.Context(), arm.SubscriptionID(a.SubscriptionID())
	team := a.newGroup(t, person.ObjectID)
	for _, name := range []string{"g", "h"} {
		if _, err := owner.PutGroup(ctx, a.SubscriptionID(), name, "eastus2", nil); err != nil {
			t.Fatal(err)
		}
	}
	makeEligible(t, owner, sub, ownerRole, team)
	c, _, _ := a.as(t, "person")
	g, h := arm.GroupID(a.SubscriptionID(), "g"), arm.GroupID(a.SubscriptionID(), "h")
	found, err := c.RoleEligibilities(ctx, g)
	if err != nil || len(found) != 1 || found[0].MemberType != "Group" || found[0].PrincipalID != team || found[0].PrincipalType != "Group" || found[0].Scope != sub {
		t.Fatalf("eligibilities %+v, %v", found, err)
	}
	// What is eligible at the subscription may be activated for less.
	narrow := found[0].Activate(person.ObjectID, "one group", time.Hour)
	narrow.Scope = g
	if err := activate(t, c, narrow); err != nil {
		t.Fatal(err)
	}
	for scope, want := range map[string]bool{g: true, h: false} {
		o, err := c.Delete(ctx, scope, "2021-04-01")
		if err == nil {
			_, err = o.Wait(ctx)
		}
		if allowed := !arm.HasCode(err, "AuthorizationFailed"); allowed != want {
			t.Errorf("deleting %s: %v", scope, err)
		}
	}
	if active, err := c.RoleActivations(ctx, sub); err != nil || len(active) != 0 {
		t.Errorf("an activation outlives its scope: %+v, %v", active, err)
	}
}

func TestARoleMayBeActivatedForLater(t *testing.T) {
	var moved clock
	a := localAzureAt(t, moved.now)
	owner, _, _ := a.as(t, localazure.OwnerName)
	person := a.add(t, localazure.Principal{Name: "person"})
	ctx, sub := t.Context(), arm.SubscriptionID(a.SubscriptionID())
	makeEligible(t, owner, sub, ownerRole, person.ObjectID)
	c, _, _ := a.as(t, "person")
	found, err := c.RoleEligibilities(ctx, sub)
	if err != nil || len(found) != 1 {
		t.Fatalf("eligibilities %+v, %v", found, err)
	}
	body := found[0].Activate(person.ObjectID, "tonight", 20*time.Minute).Body()
	info := body["properties"].(map[string]any)["scheduleInfo"].(map[string]any)
	info["startDateTime"] = moved.now().Add(10 * time.Minute).UTC().Format(time.RFC3339)
	o, err := c.Put(ctx, found[0].Activate("", "", 0).Path(uuid.NewString()), arm.ScheduleVersion, body)
	if err != nil {
		t.Fatal(err)
	}
	if made, err := o.Wait(ctx); err != nil || made["properties"].(map[string]any)["status"] != "ScheduleCreated" {
		t.Errorf("the request is %v, %v", made, err)
	}
	write := func() error {
		_, err := c.PutGroup(ctx, a.SubscriptionID(), "g", "eastus2", nil)
		return err
	}
	wantCode(t, write(), "AuthorizationFailed")
	moved.move(11 * time.Minute)
	if err := write(); err != nil {
		t.Errorf("at its time: %v", err)
	}
	moved.move(20 * time.Minute)
	wantCode(t, write(), "AuthorizationFailed")
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
