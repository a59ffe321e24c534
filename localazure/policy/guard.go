package policy

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/kars-dev/kars/localazure/arm"
	"github.com/kars-dev/kars/localazure/policyrule"
	"github.com/kars-dev/kars/localazure/resource"
	"github.com/kars-dev/kars/localazure/store"
)

// Check returns RequestDisallowedByPolicy for a write that a policy denies. It
// makes the provider an [arm.Guard].
func (p *Provider) Check(_ context.Context, c arm.Change) error {
	if !c.IsWrite() || c.Content == nil || c.ID.Subscription == "" {
		return nil
	}
	verdicts, err := p.evaluate(subject{at: c.ID, Resource: policyrule.Resource{
		ID: c.ID.String(), Type: c.ID.Type(), Name: c.ID.Name(), FullName: c.ID.FullName(), APIVersion: c.APIVersion, Content: c.Content,
	}})
	if err != nil {
		return err
	}
	var refusals []verdict
	for _, v := range verdicts {
		if v.refuses() {
			refusals = append(refusals, v)
		}
	}
	if len(refusals) == 0 {
		return nil
	}
	return disallowed(c.ID.Name(), refusals)
}

// disallowed is the error for a resource that policies deny;
// learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-policy-requestdisallowedbypolicy,
// learn.microsoft.com/azure/automation/enforce-job-execution-hybrid-worker shows one in full.
func disallowed(name string, refusals []verdict) error {
	e := arm.Errorf(http.StatusForbidden, "RequestDisallowedByPolicy", "%s", message(name, refusals))
	e.Target = name
	for _, v := range refusals {
		e.AdditionalInfo = append(e.AdditionalInfo, arm.Info{Type: "PolicyViolation", Info: violationOf(v)})
	}
	return e
}

// message names the policies, or gives the reasons that their assignments have
// for it; learn.microsoft.com/azure/governance/policy/concepts/assignment-structure#non-compliance-messages.
func message(name string, refusals []verdict) string {
	var reasons []string
	for _, v := range refusals {
		if reason := v.reason(); reason != "" {
			reasons = append(reasons, reason)
		}
	}
	if reasons != nil {
		return "Resource '" + name + "' was disallowed by policy. Reasons: '" + strings.Join(reasons, "','") + "'. See error details for policy resource IDs."
	}
	type named struct {
		Name string `json:"name"`
		ID   string `json:"id"`
	}
	type identifiers struct {
		Assignment named `json:"policyAssignment"`
		Definition named `json:"policyDefinition"`
	}
	all := make([]identifiers, len(refusals))
	for i, v := range refusals {
		all[i].Assignment = named{v.displayName(v.assignment), resource.Text(v.assignment, "id")}
		all[i].Definition = named{v.displayName(v.definition), resource.Text(v.definition, "id")}
	}
	// Names and ids, being text, always encode.
	raw, _ := json.Marshal(all)
	return "Resource '" + name + "' was disallowed by policy. Policy identifiers: '" + string(raw) + "'."
}

// reason is what the assignment says to those it refuses, if it does.
func (a applied) reason() string {
	messages, _ := resource.Properties(a.assignment)["nonComplianceMessages"].([]any)
	for _, m := range messages {
		tree, _ := m.(store.Tree)
		if text := resource.Text(tree, "message"); text != "" {
			return text
		}
	}
	return ""
}

func (a applied) displayName(tree store.Tree) string {
	if name := resource.Text(tree, "properties", "displayName"); name != "" {
		return name
	}
	return resource.Text(tree, "name")
}

// violation is what an error says of a policy.
type violation struct {
	DefinitionDisplayName string     `json:"policyDefinitionDisplayName,omitempty"`
	Details               details    `json:"evaluationDetails"`
	DefinitionID          string     `json:"policyDefinitionId"`
	DefinitionName        string     `json:"policyDefinitionName"`
	Effect                string     `json:"policyDefinitionEffect"`
	AssignmentID          string     `json:"policyAssignmentId"`
	AssignmentName        string     `json:"policyAssignmentName"`
	AssignmentDisplayName string     `json:"policyAssignmentDisplayName,omitempty"`
	AssignmentScope       string     `json:"policyAssignmentScope"`
	AssignmentParameters  store.Tree `json:"policyAssignmentParameters"`
}

type details struct {
	Expressions []policyrule.Evaluation `json:"evaluatedExpressions,omitempty"`
	Reason      string                  `json:"reason,omitempty"`
}

func violationOf(v verdict) violation {
	parameters, _ := resource.Properties(v.assignment)["parameters"].(store.Tree)
	if parameters == nil {
		parameters = store.Tree{}
	}
	return violation{
		DefinitionDisplayName: resource.Text(v.definition, "properties", "displayName"),
		Details:               v.details(),
		DefinitionID:          resource.Text(v.definition, "id"),
		DefinitionName:        resource.Text(v.definition, "name"),
		Effect:                v.effect(),
		AssignmentID:          resource.Text(v.assignment, "id"),
		AssignmentName:        resource.Text(v.assignment, "name"),
		AssignmentDisplayName: resource.Text(v.assignment, "properties", "displayName"),
		AssignmentScope:       resource.Text(v.assignment, "properties", "scope"),
		AssignmentParameters:  parameters,
	}
}

// effect is the policy's; one that cannot be evaluated denies.
func (v verdict) effect() string {
	if v.failure != nil {
		return policyrule.Deny
	}
	return v.Effect
}

func (v verdict) details() details {
	d := details{Expressions: v.Evaluated, Reason: v.reason()}
	if v.failure != nil {
		d.Reason = v.failure.Error()
	}
	return d
}
