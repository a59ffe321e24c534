package policy

import (
	"fmt"
	"strings"

	"github.com/kars-dev/kars/localazure/armid"
	"github.com/kars-dev/kars/localazure/policyrule"
	"github.com/kars-dev/kars/localazure/resource"
	"github.com/kars-dev/kars/localazure/store"
)

// applied is a policy that is assigned where a resource is to be.
type applied struct {
	assignment store.Tree
	definition store.Tree
	rule       *policyrule.Rule
	parameters map[string]any
}

// subject is a resource that policies are held against.
type subject struct {
	policyrule.Resource
	at armid.ID // itself, or what it is to lie in
}

// verdict is what one policy says of a subject.
type verdict struct {
	applied
	policyrule.Outcome
	failure error // of its evaluation, which is taken for a refusal
}

// refuses says whether Azure refuses the resource for it.
func (v verdict) refuses() bool { return v.failure != nil || v.Matches && v.Effect == policyrule.Deny }

// assigned returns the enforced policies for a subject, those assigned highest
// first.
func (p *Provider) assigned(tx *store.Tx, s subject) ([]applied, error) {
	var scopes []armid.ID
	for at := s.at; ; at = at.Parent() {
		scopes = append(scopes, at)
		if len(at.Providers) == 0 && at.ResourceGroup == "" {
			break
		}
	}
	var all []applied
	for i := len(scopes) - 1; i >= 0; i-- {
		err := resource.Each(tx, scopes[i].String()+"/providers/"+AssignmentType, func(r resource.Resource) error {
			a, ok, err := p.apply(tx, r.Tree, s)
			if err == nil && ok {
				all = append(all, a)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// apply reads an assignment, and says whether it concerns the subject.
func (p *Provider) apply(tx *store.Tx, assignment store.Tree, s subject) (a applied, ok bool, err error) {
	properties := resource.Properties(assignment)
	excluded, err := notScopes(properties)
	if err != nil || resource.Text(properties, "enforcementMode") == notEnforced {
		return a, false, err
	}
	for _, scope := range excluded {
		if armid.Within(s.at.String(), scope) {
			return a, false, nil
		}
	}
	definition, err := findDefinition(tx, resource.Text(properties, "policyDefinitionId"))
	if err != nil {
		return a, false, fmt.Errorf("reading what %s assigns: %w", resource.Text(assignment, "id"), err)
	}
	of := resource.Properties(definition)
	if !p.covers(resource.Text(of, "mode"), s) {
		return a, false, nil
	}
	rule, err := policyrule.Parse(of["policyRule"])
	if err != nil {
		return a, false, fmt.Errorf("reading %s: %w", resource.Text(definition, "id"), err)
	}
	known, err := declared(of)
	if err != nil {
		return a, false, err
	}
	given, _ := properties["parameters"].(store.Tree)
	a = applied{assignment: assignment, definition: definition, rule: rule, parameters: map[string]any{}}
	for _, p := range known {
		if a.parameters[p.name] = p.defaultValue; given != nil {
			if v, sent := valueOf(given, p.name); sent {
				a.parameters[p.name] = v
			}
		}
	}
	return a, true, nil
}

// covers says whether definitions of a mode are evaluated for the subject: with
// the mode Indexed only types that have tags and a location, and no groups;
// learn.microsoft.com/azure/governance/policy/concepts/definition-structure-basics#resource-manager-modes.
// The modes of resource providers concern what never comes to ARM.
func (p *Provider) covers(mode string, s subject) bool {
	if exempt(s.Type) {
		return false
	}
	switch strings.ToLower(mode) {
	case "all":
		return true
	case "", "indexed":
		if strings.EqualFold(s.Type, groupType) {
			return false
		}
		if t, ok := p.service.Type(s.Type); ok {
			return t.Regional
		}
		return s.Content["location"] != nil
	}
	return false
}

const groupType = "Microsoft.Resources/subscriptions/resourceGroups"

// exempt says whether a type is not evaluated: the policies themselves, and
// what of Microsoft.Resources is no group and no subscription;
// learn.microsoft.com/azure/governance/policy/overview#resources-covered-by-azure-policy.
func exempt(kind string) bool {
	kind = strings.ToLower(kind)
	if strings.HasPrefix(kind, "microsoft.authorization/polic") {
		return true
	}
	return strings.HasPrefix(kind, "microsoft.resources/") && !strings.EqualFold(kind, groupType) && kind != "microsoft.resources/subscriptions"
}

// evaluate holds a subject against what is assigned to it.
func (p *Provider) evaluate(s subject) ([]verdict, error) {
	var verdicts []verdict
	err := p.service.Store.View(func(tx *store.Tx) error {
		all, err := p.assigned(tx, s)
		if err != nil || len(all) == 0 {
			return err
		}
		if err := surround(tx, &s); err != nil {
			return err
		}
		for _, a := range all {
			verdicts = append(verdicts, p.hold(a, s.Resource))
		}
		return nil
	})
	return verdicts, err
}

func (p *Provider) hold(a applied, r policyrule.Resource) verdict {
	out, err := a.rule.Evaluate(policyrule.Input{Resource: r, Parameters: a.parameters, Now: p.service.Now()})
	return verdict{applied: a, Outcome: out, failure: err}
}

// surround adds the group and the subscription that the subject lies in.
func surround(tx *store.Tx, s *subject) error {
	if s.at.ResourceGroup != "" {
		group, found, err := resource.Get(tx, s.at.Container())
		switch {
		case err != nil:
			return err
		case found:
			s.Group = group
		case strings.EqualFold(s.Type, groupType):
			s.Group = store.Tree{"id": s.at.String(), "name": s.Name, "location": s.Content["location"], "tags": s.Content["tags"]}
		}
	}
	subscription, _, err := resource.Get(tx, "/subscriptions/"+s.at.Subscription)
	s.Subscription = subscription
	return err
}
