package arm_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kars-dev/kars/internal/azure/arm"
)

// deploying answers for a deployment that ends with end after two polls.
func deploying(s *server, end any, result any) {
	path := arm.DeploymentID(groupID, "d")
	polls := 0
	s.HandleFunc("PUT "+path, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Azure-AsyncOperation", "https://"+host+"/operations/1?api-version=v&t=1")
		reply(w, 201, map[string]any{"name": "d", "properties": map[string]any{"provisioningState": "Accepted"}})
	})
	s.HandleFunc("GET /operations/1", func(w http.ResponseWriter, _ *http.Request) {
		if polls++; polls <= 2 {
			reply(w, 200, map[string]any{"status": "Running"})
			return
		}
		reply(w, 200, end)
	})
	s.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) { reply(w, 200, result) })
}

var succeeded = map[string]any{"status": "Succeeded"}

func TestWaitPollsADeploymentToItsEnd(t *testing.T) {
	s, c := start(t)
	result := map[string]any{"name": "d", "properties": map[string]any{"provisioningState": "Succeeded"}}
	deploying(s, succeeded, result)
	o, err := c.BeginDeployment(t.Context(), groupID, "d", arm.Deployment{Template: map[string]any{}})
	if err != nil {
		t.Fatal(err)
	}
	if o.Done() || o.Status() != 201 {
		t.Errorf("done %t, status %d", o.Done(), o.Status())
	}
	got, err := o.Wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(arm.Tree(result), got); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
	if token, err := o.Token(); err != nil || token != "" {
		t.Errorf("a finished operation has token %q, %v", token, err)
	}
}

func TestAnotherClientResumesADeploymentByItsToken(t *testing.T) {
	s, c := start(t)
	deploying(s, succeeded, map[string]any{"name": "d"})
	o, err := c.BeginDeployment(t.Context(), groupID, "d", arm.Deployment{Template: map[string]any{}})
	if err != nil {
		t.Fatal(err)
	}
	token, err := o.Token()
	if err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := o.Wait(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("an interrupted wait: %v", err)
	}
	before := len(s.requests())
	again, err := c.Resume(token)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := again.Wait(t.Context()); err != nil || got["name"] != "d" {
		t.Errorf("resumed: %v, %v", got, err)
	}
	for _, r := range s.requests()[before:] {
		if r[:3] != http.MethodGet {
			t.Errorf("resuming sent %s", r)
		}
	}
}

func FuzzResume(f *testing.F) {
	f.Add("")
	f.Add(`{"type":"Tree","token":{"asyncURL":"https://example.com/1","state":"InProgress"}}`)
	f.Add(`{"type":"Other","token":{}}`)
	f.Fuzz(func(t *testing.T, token string) {
		_, c := start(t)
		if o, err := c.Resume(token); err == nil && o == nil {
			t.Error("neither an operation nor an error")
		}
	})
}

func TestU38AFailedDeploymentSaysWhatMayNotBeDoneAndWhere(t *testing.T) {
	s, c := start(t)
	const scope = groupID + "/providers/Microsoft.ContainerRegistry/registries/r"
	deploying(s, map[string]any{"status": "Failed", "error": map[string]any{
		"code": "DeploymentFailed", "message": "At least one resource deployment operation failed.",
		"details": []any{map[string]any{
			"code": "Forbidden", "message": `{"error":{"code":"AuthorizationFailed","message":"The client 'ci' with object id 'o' does not have authorization to perform action 'Microsoft.Authorization/roleAssignments/write' over scope '` + scope + `' or the scope is invalid."}}`,
		}},
	}}, nil)
	o, err := c.BeginDeployment(t.Context(), groupID, "d", arm.Deployment{Template: map[string]any{}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = o.Wait(t.Context())
	var e *arm.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want an Error", err)
	}
	root := e.Root()
	if e.Code != "DeploymentFailed" || root.Code != "AuthorizationFailed" ||
		root.Action != "Microsoft.Authorization/roleAssignments/write" || root.Scope != scope {
		t.Errorf("outer %s, root %s: %s at %s", e.Code, root.Code, root.Action, root.Scope)
	}
}

func TestAWriteThatEndsAtOnceIsNotPolled(t *testing.T) {
	for name, test := range map[string]struct {
		status int
		body   any
	}{
		"created without a provisioning state": {201, map[string]any{"name": "x"}},
		"updated":                              {200, map[string]any{"properties": map[string]any{"provisioningState": "Succeeded"}}},
		"accepted and nothing to say":          {204, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s, c := start(t)
			s.HandleFunc("PUT "+groupID, func(w http.ResponseWriter, _ *http.Request) { reply(w, test.status, test.body) })
			o, err := c.Put(t.Context(), groupID, "v", map[string]any{})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := o.Wait(t.Context()); err != nil || !o.Done() || len(s.requests()) != 1 {
				t.Errorf("done %t, %v, requests %v", o.Done(), err, s.requests())
			}
		})
	}
}

func TestAPutWhoseBodyIsStillCreatingIsPolledAtItsOwnPath(t *testing.T) {
	s, c := start(t)
	s.HandleFunc("PUT "+groupID, func(w http.ResponseWriter, _ *http.Request) {
		reply(w, 201, map[string]any{"properties": map[string]any{"provisioningState": "Creating"}})
	})
	s.HandleFunc("GET "+groupID, func(w http.ResponseWriter, _ *http.Request) {
		reply(w, 200, map[string]any{"properties": map[string]any{"provisioningState": "Failed"}})
	})
	o, err := c.Put(t.Context(), groupID, "v", map[string]any{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.Wait(t.Context()); err == nil {
		t.Error("a failed provisioning is no error")
	}
}

func TestDeleteOfWhatIsNotThereIsDone(t *testing.T) {
	s, c := start(t)
	s.HandleFunc("DELETE "+groupID, func(w http.ResponseWriter, _ *http.Request) {
		reply(w, 404, failure("ResourceGroupNotFound", "none"))
	})
	o, err := c.DeleteGroup(t.Context(), subscription, "g")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.Wait(t.Context()); err != nil || o.Status() != 404 {
		t.Errorf("status %d, %v", o.Status(), err)
	}
}

func TestValidateDeploymentFindsWhatAzureRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		status int
		body   any
		code   string
	}{
		"a good template":            {200, map[string]any{"properties": map[string]any{"provisioningState": "Succeeded"}}, ""},
		"a refusal as the status":    {400, failure("InvalidTemplateDeployment", "no"), "InvalidTemplateDeployment"},
		"a refusal inside of a 200":  {200, failure("RequestDisallowedByPolicy", "no"), "RequestDisallowedByPolicy"},
		"a refusal of the validator": {403, failure("AuthorizationFailed", "no"), "AuthorizationFailed"},
	} {
		t.Run(name, func(t *testing.T) {
			s, c := start(t)
			s.HandleFunc("POST "+arm.DeploymentID(groupID, "d")+"/validate", func(w http.ResponseWriter, _ *http.Request) {
				reply(w, test.status, test.body)
			})
			err := c.ValidateDeployment(t.Context(), groupID, "d", arm.Deployment{Template: map[string]any{}})
			if test.code == "" && err != nil || test.code != "" && !arm.HasCode(err, test.code) {
				t.Errorf("got %v, want code %q", err, test.code)
			}
			if _, writes := c.Counts(); writes != 0 {
				t.Errorf("%d writes", writes)
			}
		})
	}
}

func TestDeploymentOperationsSayWhyAResourceFailed(t *testing.T) {
	s, c := start(t)
	s.HandleFunc("GET "+arm.DeploymentID(groupID, "d")+"/operations", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, 200, map[string]any{"value": []any{
			map[string]any{"properties": map[string]any{
				"provisioningOperation": "Create", "provisioningState": "Failed",
				"targetResource": map[string]any{"id": "r", "resourceType": "T"},
				"statusMessage":  failure("SkuNotAvailable", "none left"),
			}},
			map[string]any{"properties": map[string]any{"provisioningOperation": "EvaluateDeploymentOutput", "provisioningState": "Succeeded"}},
		}})
	})
	got, err := c.DeploymentOperations(t.Context(), groupID, "d")
	if err != nil {
		t.Fatal(err)
	}
	want := []arm.DeploymentOperation{
		{Kind: "Create", State: "Failed", ResourceID: "r", ResourceType: "T", Error: &arm.Error{Code: "SkuNotAvailable", Message: "none left"}},
		{Kind: "EvaluateDeploymentOutput", State: "Succeeded"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("operations (-want +got):\n%s", diff)
	}
}
