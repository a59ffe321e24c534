package arm

import (
	"context"
	"strings"
)

const policyInsightsVersion = "2023-03-01"

// PolicyResource is a resource about which Azure Policy is asked.
type PolicyResource struct {
	ID         string `json:"id"`         // the ARM id it is to have
	APIVersion string `json:"apiVersion"` // of Content
	// Scope is where it is to be created; if empty, what ID says: the parent of
	// a child, what an extension extends, nothing otherwise.
	Scope string `json:"scope,omitempty"`
	// Content is the resource as it would be sent, as far as it is known. Type
	// and name are added from ID.
	Content Tree `json:"content"`
	// Pending are fields whose value is not known yet, as "tags": policies that
	// restrict them are told of with Field set.
	Pending []string `json:"pending,omitempty"`
}

// PolicyVerdict is what one policy assignment has against a resource.
type PolicyVerdict struct {
	ResourceID     string `json:"resourceId"`
	AssignmentID   string `json:"assignmentId"`
	AssignmentName string `json:"assignmentName"` // last segment of AssignmentID
	DefinitionID   string `json:"definitionId"`
	// SetDefinitionID and ReferenceID are of the initiative through which the
	// definition is assigned, if it is.
	SetDefinitionID string `json:"setDefinitionId,omitempty"`
	ReferenceID     string `json:"referenceId,omitempty"`
	Effect          string `json:"effect"` // Deny, Audit, Append, Modify, AuditIfNotExists, …
	// Result is NonCompliant for the content, or the name of what kept Azure
	// from evaluating it; for a pending field Required, Removed, Deny or Audit.
	Result string `json:"result"`
	Reason string `json:"reason,omitempty"`
	// Field and Values are of a restriction on a pending field: the values that
	// are required, or denied.
	Field  string   `json:"field,omitempty"`
	Values []string `json:"values,omitempty"`
}

// Denies reports whether the resource, as its content stands, would be refused.
func (v PolicyVerdict) Denies() bool {
	return v.Field == "" && strings.EqualFold(v.Effect, "Deny") && strings.EqualFold(v.Result, "NonCompliant")
}

type policyReference struct {
	Definition    string `json:"policyDefinitionId"`
	SetDefinition string `json:"policySetDefinitionId"`
	Reference     string `json:"policyDefinitionReferenceId"`
	Assignment    string `json:"policyAssignmentId"`
}

func (p policyReference) verdict(r PolicyResource) PolicyVerdict {
	return PolicyVerdict{
		ResourceID: r.ID, AssignmentID: p.Assignment, AssignmentName: p.Assignment[strings.LastIndexByte(p.Assignment, '/')+1:],
		DefinitionID: p.Definition, SetDefinitionID: p.SetDefinition, ReferenceID: p.Reference,
	}
}

// CheckPolicy asks what Azure Policy has against creating a resource. Scope is
// the id of the subscription or of the resource group it is to lie in; a group
// that does not exist yet, and a group itself, are asked about at the
// subscription. Only policies that the resource breaks are returned, none with
// the effect audit; a policy that is assigned with enforcement off is not.
// It needs Microsoft.PolicyInsights/checkPolicyRestrictions/read.
// learn.microsoft.com/rest/api/policyinsights/policy-restrictions
func (c *Client) CheckPolicy(ctx context.Context, scope string, r PolicyResource) ([]PolicyVerdict, error) {
	var answer struct {
		Content struct {
			Evaluations []struct {
				Policy  policyReference `json:"policyInfo"`
				Result  string          `json:"evaluationResult"`
				Details struct {
					Reason string `json:"reason"`
				} `json:"evaluationDetails"`
				Effect struct {
					Effect string `json:"policyEffect"`
				} `json:"effectDetails"`
			} `json:"policyEvaluations"`
		} `json:"contentEvaluationResult"`
		Fields []struct {
			Field        string `json:"field"`
			Restrictions []struct {
				Result string          `json:"result"`
				Values []string        `json:"values"`
				Policy policyReference `json:"policy"`
				Effect string          `json:"policyEffect"`
				Reason string          `json:"reason"`
			} `json:"restrictions"`
		} `json:"fieldRestrictions"`
	}
	path := scope + "/providers/Microsoft.PolicyInsights/checkPolicyRestrictions"
	if err := c.Ask(ctx, path, policyInsightsVersion, r.question(), &answer); err != nil {
		return nil, err
	}
	verdicts := []PolicyVerdict{}
	for _, e := range answer.Content.Evaluations {
		v := e.Policy.verdict(r)
		v.Effect, v.Result, v.Reason = e.Effect.Effect, e.Result, e.Details.Reason
		verdicts = append(verdicts, v)
	}
	for _, f := range answer.Fields {
		for _, restriction := range f.Restrictions {
			v := restriction.Policy.verdict(r)
			v.Effect, v.Result, v.Reason = restriction.Effect, restriction.Result, restriction.Reason
			v.Field, v.Values = f.Field, restriction.Values
			verdicts = append(verdicts, v)
		}
	}
	return verdicts, nil
}

// question is the body that asks about a resource.
func (r PolicyResource) question() Tree {
	kind, name, parent := split(r.ID)
	content := Tree{"type": kind, "name": name}
	for k, v := range r.Content {
		content[k] = v
	}
	details := Tree{"resourceContent": content, "apiVersion": r.APIVersion}
	if r.Scope != "" {
		parent = r.Scope
	}
	if parent != "" {
		details["scope"] = parent
	}
	body := Tree{"resourceDetails": details}
	var pending []Tree
	for _, field := range r.Pending {
		pending = append(pending, Tree{"field": field})
	}
	if pending != nil {
		body["pendingFields"] = pending
	}
	return body
}

// split returns the type and the last name of the resource with this id, and,
// if it is the child of another or extends another, the id of that.
func split(id string) (kind, name, parent string) {
	segments := strings.Split(strings.Trim(id, "/"), "/")
	name = segments[len(segments)-1]
	provider := -1
	for i, s := range segments {
		if strings.EqualFold(s, "providers") {
			provider = i
		}
	}
	if provider < 0 || len(segments) < provider+4 {
		return "Microsoft.Resources/subscriptions/resourceGroups", name, ""
	}
	types := []string{segments[provider+1]}
	for i := provider + 2; i < len(segments); i += 2 {
		types = append(types, segments[i])
	}
	above := len(segments) - 2
	if above == provider+2 {
		above = provider
	}
	parent = "/" + strings.Join(segments[:above], "/")
	if !strings.Contains(strings.ToLower(parent), "/providers/") {
		parent = ""
	}
	return strings.Join(types, "/"), name, parent
}
