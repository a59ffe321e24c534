package arm_test

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/kars-dev/kars/internal/azure/arm"
	"github.com/kars-dev/kars/internal/rbac"
	"github.com/kars-dev/kars/localazure"
)

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

func TestATemplateMakesEligibleAsARequestDoes(t *testing.T) {
	a := localAzure(t)
	owner, _, _ := a.as(t, localazure.OwnerName)
	person := a.add(t, localazure.Principal{Name: "person"})
	ctx, group := t.Context(), arm.GroupID(a.SubscriptionID(), "g")
	if _, err := owner.PutGroup(ctx, a.SubscriptionID(), "g", "eastus2", nil); err != nil {
		t.Fatal(err)
	}
	deploy := func() error {
		o, err := owner.BeginDeployment(ctx, group, "eligible", arm.Deployment{Template: map[string]any{
			"$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#", "contentVersion": "1.0.0.0",
			"resources": []any{map[string]any{
				"type": "Microsoft.Authorization/roleEligibilityScheduleRequests", "apiVersion": arm.ScheduleVersion, "name": uuid.NewString(),
				"properties": scheduleRequest("AdminAssign", group, networkContributor, person.ObjectID, "P30D"),
			}},
		}})
		if err == nil {
			_, err = o.Wait(ctx)
		}
		return err
	}
	if err := deploy(); err != nil {
		t.Fatal(err)
	}
	c, _, _ := a.as(t, "person")
	if found, err := c.RoleEligibilities(ctx, group); err != nil || len(found) != 1 || found[0].Scope != group {
		t.Errorf("eligibilities %+v, %v", found, err)
	}
	if err := deploy(); err == nil {
		t.Error("who is eligible was made so again")
	}
}

func TestWhoMayGrantLittleMakesOthersEligibleForLittle(t *testing.T) {
	a := localAzure(t)
	owner, _, _ := a.as(t, localazure.OwnerName)
	person, other := a.add(t, localazure.Principal{Name: "person"}), a.add(t, localazure.Principal{Name: "other"})
	ctx, sub := t.Context(), arm.SubscriptionID(a.SubscriptionID())
	_, err := owner.PutRoleAssignment(ctx, uuid.NewString(), rbac.Assignment{
		Scope: sub, PrincipalID: person.ObjectID, PrincipalType: "User", RoleDefinitionID: ownerRole, ConditionVersion: "2.0",
		Condition: "((!(ActionMatches{'Microsoft.Authorization/roleAssignments/write'})) OR " +
			"(@Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {" + networkContributor + "}))",
	})
	if err != nil {
		t.Fatal(err)
	}
	c, _, _ := a.as(t, "person")
	for _, collection := range []string{"roleEligibilityScheduleRequests", "roleAssignmentScheduleRequests"} {
		wantCode(t, putSchedule(t, c, collection, sub, scheduleRequest("AdminAssign", sub, ownerRole, other.ObjectID, "PT2H")), "AuthorizationFailed")
		if err := putSchedule(t, c, collection, sub, scheduleRequest("AdminAssign", sub, networkContributor, other.ObjectID, "PT2H")); err != nil {
			t.Errorf("%s: %v", collection, err)
		}
	}
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
