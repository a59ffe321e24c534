package provision

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/kars-dev/kars/internal/azure/arm"
	"github.com/kars-dev/kars/internal/plan"
)

const (
	allCreated   = "group created, registration unchanged, foundation created, grants created"
	allUnchanged = "group unchanged, registration unchanged, foundation unchanged, grants unchanged"
)

func TestASecondRunWritesNothing(t *testing.T) {
	w := newWorld(t)
	if _, got := w.up(t, plan.Options{}); got != allCreated {
		t.Errorf("first run: %s", got)
	}
	r, got := w.up(t, plan.Options{})
	if _, writes := r.ARM.Counts(); got != allUnchanged || writes != 0 {
		t.Errorf("second run: %d writes, %s", writes, got)
	}
}

func TestARoleAssignmentUnderAnotherNameCounts(t *testing.T) {
	w := newWorld(t)
	first, _ := w.up(t, plan.Options{})
	for _, g := range first.Plan.Grants {
		who := first.facts.principals[strings.ToLower(g.IdentityID)]
		ours := g.Scope + "/providers/Microsoft.Authorization/roleAssignments/" + assignmentName(g.Scope, who.principalID, g.Role.ID)
		body := Tree{"properties": pick(get(t, first, ours, roleAssignmentVersion)["properties"], "roleDefinitionId", "principalId", "principalType", "condition", "conditionVersion")}
		if err := first.delete(t.Context(), ours, roleAssignmentVersion); err != nil {
			t.Fatal(err)
		}
		put(t, first, g.Scope+"/providers/Microsoft.Authorization/roleAssignments/"+uuid.NewString(), roleAssignmentVersion, body)
	}
	second, got := w.up(t, plan.Options{})
	if _, writes := second.ARM.Counts(); got != allUnchanged || writes != 0 {
		t.Errorf("with assignments of other names: %d writes, %s", writes, got)
	}
}

func TestARoleAssignmentWithAnotherConditionIsNotTakenForOurs(t *testing.T) {
	w := newWorld(t)
	first, _ := w.up(t, plan.Options{})
	g := first.Plan.Grants[len(first.Plan.Grants)-1]
	who := first.facts.principals[strings.ToLower(g.IdentityID)]
	ours := g.Scope + "/providers/Microsoft.Authorization/roleAssignments/" + assignmentName(g.Scope, who.principalID, g.Role.ID)
	body := Tree{"properties": pick(get(t, first, ours, roleAssignmentVersion)["properties"], "roleDefinitionId", "principalId", "principalType")}
	if err := first.delete(t.Context(), ours, roleAssignmentVersion); err != nil {
		t.Fatal(err)
	}
	put(t, first, g.Scope+"/providers/Microsoft.Authorization/roleAssignments/"+uuid.NewString(), roleAssignmentVersion, body)
	_, err := w.apply(t, w.run(t, plan.Options{}, nil))
	if !arm.HasCode(err, "RoleAssignmentExists") || !strings.Contains(err.Error(), "another condition") {
		t.Errorf("got %v, want that there is one with another condition", err)
	}
}

func pick(from any, keys ...string) Tree {
	out := Tree{}
	tree, _ := from.(Tree)
	for _, k := range keys {
		if v, ok := tree[k]; ok && v != nil {
			out[k] = v
		}
	}
	return out
}

func workspaceOf(r *Run) plan.Resource {
	for _, res := range r.Plan.Resources {
		if res.Label == "workspace" {
			return res
		}
	}
	return plan.Resource{}
}

func TestAPropertyThatSomebodyChangedIsRepaired(t *testing.T) {
	w := newWorld(t)
	first, _ := w.up(t, plan.Options{})
	res := workspaceOf(first)
	have := get(t, first, res.ID, res.APIVersion)
	have["properties"].(Tree)["retentionInDays"] = 60
	put(t, first, res.ID, res.APIVersion, have)
	second, got := w.up(t, plan.Options{})
	if want := "group unchanged, registration unchanged, foundation updated, grants unchanged"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if days := get(t, second, res.ID, res.APIVersion)["properties"].(Tree)["retentionInDays"]; days != 30.0 {
		t.Errorf("logs are kept for %v days, want 30", days)
	}
	if _, got := w.up(t, plan.Options{}); got != allUnchanged {
		t.Errorf("after the repair: %s", got)
	}
}

func TestAPropertyThatAzureDoesNotTakeIsReported(t *testing.T) {
	w := newWorld(t)
	r := w.run(t, plan.Options{}, func(next http.RoundTripper) http.RoundTripper {
		return stubborn{next, "/providers/Microsoft.ContainerRegistry/registries/"}
	})
	result, err := w.apply(t, r)
	var step *StepError
	if !errors.As(err, &step) || step.Step != "foundation" || !strings.Contains(err.Error(), "keeps its own properties.adminUserEnabled although its deployment succeeded") {
		t.Errorf("got %v after %s", err, steps(result.Steps))
	}
}

// stubborn shows the registry's admin user as enabled, whatever is written.
type stubborn struct {
	next http.RoundTripper
	path string
}

func (s stubborn) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := s.next.RoundTrip(req)
	if err != nil || req.Method != http.MethodGet || resp.StatusCode != http.StatusOK || !strings.Contains(req.URL.Path, s.path) {
		return resp, err
	}
	raw, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return nil, err
	}
	var tree Tree
	if err := json.Unmarshal(raw, &tree); err != nil {
		return nil, err
	}
	if properties, ok := tree["properties"].(Tree); ok {
		properties["adminUserEnabled"] = true
	}
	if raw, err = json.Marshal(tree); err != nil {
		return nil, err
	}
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(raw)), int64(len(raw))
	resp.Header.Del("Content-Length")
	return resp, nil
}

func TestAnOperationThatAzureNoLongerKnowsBeginsAnew(t *testing.T) {
	elsewhere, w := newWorld(t), newWorld(t)
	other := elsewhere.run(t, plan.Options{}, nil)
	put(t, other, other.Plan.Group.ID, other.Plan.Group.APIVersion, other.Plan.Group.Body)
	d := other.Plan.Deployment(plan.StepFoundation)
	o, err := other.ARM.BeginDeployment(t.Context(), other.Plan.Group.ID, d.Name, arm.Deployment{Template: d.Template})
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := o.Token()
	if err != nil || foreign == "" {
		t.Fatalf("token %q, %v", foreign, err)
	}
	if _, err := o.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	for says, token := range map[string]string{"the token of another Azure": foreign, "a token that is none": "x"} {
		j := w.journal(t)
		if err := errors.Join(j.Begin("foundation"), j.Operation("foundation", token), j.Close()); err != nil {
			t.Fatal(err)
		}
		r := w.run(t, plan.Options{ResourceGroup: "g" + uuid.NewString()[:8]}, nil)
		if r.Journal.Pending("foundation") != token {
			t.Fatalf("%s: the journal does not have it", says)
		}
		result, err := w.apply(t, r)
		if got := steps(result.Steps); err != nil || got != allCreated {
			t.Errorf("%s: %s, %v", says, got, err)
		}
	}
}

func TestAGroupInAnotherRegionIsRefused(t *testing.T) {
	w := newWorld(t)
	w.up(t, plan.Options{ResourceGroup: "g"})
	r := w.run(t, plan.Options{ResourceGroup: "g", Region: "westeurope"}, nil)
	_, err := w.apply(t, r)
	var placed *PlacementError
	if !errors.As(err, &placed) || !strings.Contains(err.Error(), "use --region eastus2 or another --resource-group") {
		t.Errorf("got %v", err)
	}
	if _, writes := r.ARM.Counts(); writes != 0 {
		t.Errorf("%d writes", writes)
	}
}
