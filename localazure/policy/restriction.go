package policy

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/kars-dev/kars/localazure/arm"
	"github.com/kars-dev/kars/localazure/armid"
	"github.com/kars-dev/kars/localazure/policyrule"
	"github.com/kars-dev/kars/localazure/resource"
	"github.com/kars-dev/kars/localazure/store"
)

// question is what a client wants to know of a resource that it may make;
// learn.microsoft.com/rest/api/policyinsights/policy-restrictions/check-at-resource-group-scope.
type question struct {
	Details struct {
		Content    store.Tree `json:"resourceContent"`
		APIVersion string     `json:"apiVersion"`
		Scope      string     `json:"scope"`
	} `json:"resourceDetails"`
	Pending      []pendingField `json:"pendingFields"`
	IncludeAudit bool           `json:"includeAuditEffect"`
}

// pendingField is one whose value is still to be chosen, maybe from a list.
type pendingField struct {
	Field  string `json:"field"`
	Values []any  `json:"values"`
}

// reference names a policy.
type reference struct {
	Definition string `json:"policyDefinitionId"`
	Assignment string `json:"policyAssignmentId"`
}

// evaluation is a policy that the content breaks.
type evaluation struct {
	Policy  reference `json:"policyInfo"`
	Result  string    `json:"evaluationResult"`
	Details details   `json:"evaluationDetails"`
	Effect  struct {
		Effect string `json:"policyEffect"`
	} `json:"effectDetails"`
}

// fieldRestrictions are what policies ask of a pending field.
type fieldRestrictions struct {
	Field        string        `json:"field"`
	Restrictions []restriction `json:"restrictions"`
}

type restriction struct {
	Result string    `json:"result"` // Required, Deny or Audit
	Values []any     `json:"values,omitempty"`
	Policy reference `json:"policy"`
	Effect string    `json:"policyEffect"`
	Reason string    `json:"reason"`
}

type answer struct {
	Fields  []fieldRestrictions `json:"fieldRestrictions"`
	Content struct {
		Evaluations []evaluation `json:"policyEvaluations"`
	} `json:"contentEvaluationResult"`
}

// checkRestrictions says what policies would have against a resource. A policy
// that the content breaks through a pending field is told of as a restriction
// on that field, not as one that the content breaks.
func (p *Provider) checkRestrictions(_ context.Context, r *arm.Request) (*arm.Response, error) {
	q, err := readQuestion(r.Body)
	if err != nil {
		return nil, err
	}
	container := armid.ID{Subscription: r.ID.Subscription, ResourceGroup: r.ID.ResourceGroup}
	if container.ResourceGroup != "" {
		if _, err := p.service.Stored(container); err != nil {
			return nil, err
		}
	}
	s, err := q.subject(container)
	if err != nil {
		return nil, err
	}
	verdicts, err := p.evaluate(s)
	if err != nil {
		return nil, err
	}
	out := answer{Fields: []fieldRestrictions{}}
	out.Content.Evaluations = []evaluation{}
	for _, v := range verdicts {
		if !v.counts(q.IncludeAudit) {
			continue
		}
		through := p.restrict(&out, q, s, v)
		if !through && (v.Matches || v.failure != nil) {
			out.Content.Evaluations = append(out.Content.Evaluations, v.evaluation())
		}
	}
	return arm.OK(out), nil
}

func readQuestion(body store.Tree) (q question, err error) {
	raw, err := json.Marshal(body)
	if err == nil {
		err = json.Unmarshal(raw, &q)
	}
	if err != nil {
		return q, arm.Errorf(http.StatusBadRequest, "InvalidRequestContent", "The request content was invalid and could not be deserialized: '%v'.", err)
	}
	if q.Details.Content == nil || resource.Text(q.Details.Content, "type") == "" {
		return q, arm.Errorf(http.StatusBadRequest, "InvalidCheckRestrictionsRequest", "The request content is invalid: 'resourceDetails.resourceContent' must have a 'type'.")
	}
	return q, nil
}

// subject is the resource that a question is about. Its scope is the parent of
// a child, or what an extension extends.
func (q question) subject(container armid.ID) (subject, error) {
	content := q.Details.Content
	kind, name := resource.Text(content, "type"), resource.Text(content, "name")
	s := subject{at: container, Resource: policyrule.Resource{
		Type: kind, Name: name, FullName: name, APIVersion: q.Details.APIVersion, Content: content,
	}}
	path := container.String()
	if strings.HasPrefix(q.Details.Scope, "/") {
		at, err := armid.Parse(q.Details.Scope)
		if err != nil || !armid.Within(at.String(), container.String()) {
			return s, arm.Errorf(http.StatusBadRequest, "InvalidCheckRestrictionsRequest", "The scope '%s' is not in '%s'.", q.Details.Scope, container)
		}
		s.at, path = at, at.String()
	}
	if name == "" {
		return s, nil
	}
	of, within, _ := strings.Cut(kind, "/")
	switch parent, _ := armid.Parse(path); {
	case strings.EqualFold(kind, groupType):
		path += "/resourceGroups/" + name
	case parent.IsResource() && strings.HasPrefix(strings.ToLower(kind), strings.ToLower(parent.Type())+"/"):
		path += kind[len(parent.Type()):] + "/" + name
		s.FullName = parent.FullName() + "/" + name
	default:
		types, names := strings.Split(within, "/"), strings.Split(name, "/")
		if len(types) != len(names) {
			return s, nil // the names of its parents are not told
		}
		path += "/providers/" + of
		for i := range types {
			path += "/" + types[i] + "/" + names[i]
		}
		s.Name = names[len(names)-1]
	}
	id, err := armid.Parse(path)
	if err != nil {
		return s, arm.Errorf(http.StatusBadRequest, "InvalidCheckRestrictionsRequest", "The resource '%s' of type '%s' has no valid id: %v.", name, kind, err)
	}
	s.ID, s.at = id.String(), id
	return s, nil
}

// counts says whether a policy is told of: those that deny, and those that
// audit for who asks for them.
func (v verdict) counts(audit bool) bool {
	return v.failure != nil || v.Effect == policyrule.Deny || audit && v.Effect == policyrule.Audit
}

func (a applied) reference() reference {
	return reference{Definition: resource.Text(a.definition, "id"), Assignment: resource.Text(a.assignment, "id")}
}

func (v verdict) evaluation() evaluation {
	e := evaluation{Policy: v.reference(), Result: "NonCompliant", Details: v.details()}
	e.Effect.Effect = v.effect()
	if v.failure != nil {
		e.Result = "Error"
	}
	return e
}

// restrict adds what a policy asks of the pending fields, and says whether it is
// through one of them that the content breaks it.
func (p *Provider) restrict(out *answer, q question, s subject, v verdict) (through bool) {
	for _, f := range q.Pending {
		if len(f.Values) > 0 {
			if denied := p.denied(s.Resource, v.applied, f); len(denied) > 0 && (len(denied) < len(f.Values) || v.touches(f.Field)) {
				through = true
				out.add(f.Field, v.restriction("Deny", denied, policyrule.FieldName(f.Field)+" has values that are not allowed"))
			}
			continue
		}
		for _, e := range v.Evaluated {
			if v.Matches && e.ExpressionKind == "Field" && policyrule.Concerns(e.Expression, f.Field) {
				through = true
				out.add(e.Expression, v.asked(e))
			}
		}
	}
	return through && v.failure == nil
}

// touches says whether a field is among those through which the policy holds.
func (v verdict) touches(field string) bool {
	for _, e := range v.Evaluated {
		if e.ExpressionKind == "Field" && policyrule.Concerns(e.Expression, field) {
			return true
		}
	}
	return false
}

// denied returns the values of a pending field that the policy holds with.
func (p *Provider) denied(r policyrule.Resource, a applied, f pendingField) []any {
	var denied []any
	for _, value := range f.Values {
		if v := p.hold(a, r.With(f.Field, value)); v.refuses() || v.Matches {
			denied = append(denied, value)
		}
	}
	return denied
}

// asked reads from a condition that holds what would keep it from holding.
func (v verdict) asked(e policyrule.Evaluation) restriction {
	name := policyrule.FieldName(e.Expression)
	values, ok := e.TargetValue.([]any)
	if !ok {
		values = []any{e.TargetValue}
	}
	negative := strings.HasPrefix(e.Operator, "Not") == (e.Result == "True")
	switch {
	case e.Operator == "Exists":
		return v.restriction("Required", nil, name+" is required")
	case negative:
		return v.restriction("Required", values, name+" must be one of the following: "+joined(values))
	}
	return v.restriction("Deny", values, name+" must not be one of the following: "+joined(values))
}

func (v verdict) restriction(result string, values []any, reason string) restriction {
	if result == "Deny" && v.Effect == policyrule.Audit {
		result = policyrule.Audit
	}
	return restriction{Result: result, Values: values, Policy: v.reference(), Effect: v.effect(), Reason: reason}
}

func (a *answer) add(field string, r restriction) {
	name := policyrule.FieldName(field)
	for i := range a.Fields {
		if strings.EqualFold(a.Fields[i].Field, name) {
			a.Fields[i].Restrictions = append(a.Fields[i].Restrictions, r)
			return
		}
	}
	a.Fields = append(a.Fields, fieldRestrictions{Field: name, Restrictions: []restriction{r}})
}
