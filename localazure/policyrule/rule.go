// Package policyrule reads and evaluates the rules of Azure Policy definitions.
// [Parse] reads a rule, [Rule.Evaluate] holds a resource against it.
//
// It knows the rule language as far as it decides whether a request is refused:
// allOf, anyOf, not, the conditions, fields, values, counts, aliases with [*],
// and those template functions that policies use. Rules with other functions do
// not parse. It is pure.
//
// learn.microsoft.com/azure/governance/policy/concepts/definition-structure-policy-rule
package policyrule

import (
	"fmt"
	"strings"
	"time"
)

// Effects of a policy, as Azure writes them.
const (
	Deny              = "Deny"
	Audit             = "Audit"
	Disabled          = "Disabled"
	Append            = "Append"
	Modify            = "Modify"
	AuditIfNotExists  = "AuditIfNotExists"
	DeployIfNotExists = "DeployIfNotExists"
	DenyAction        = "DenyAction"
	Manual            = "Manual"
	AddToNetworkGroup = "AddToNetworkGroup"
	Mutate            = "Mutate"
)

// Rule is a policy definition's rule.
type Rule struct {
	condition node
	effect    value
}

// Input is what a rule is evaluated with.
type Input struct {
	Resource   Resource
	Parameters map[string]any // values by name, names without regard to case
	Now        time.Time
}

// Outcome is what a rule says of a resource.
type Outcome struct {
	Matches bool   // the rule's condition holds
	Effect  string // one of the effects above
	// Evaluated are the conditions that made it hold, as Azure's errors and
	// restrictions list them.
	Evaluated []Evaluation
}

// Evaluation is a condition that was evaluated;
// learn.microsoft.com/rest/api/policyinsights/policy-restrictions/check-at-subscription-scope#expressionevaluationdetails.
type Evaluation struct {
	Result          string `json:"result"`         // True or False
	ExpressionKind  string `json:"expressionKind"` // Field, Value or Count
	Expression      string `json:"expression"`
	Path            string `json:"path,omitempty"`
	ExpressionValue any    `json:"expressionValue,omitempty"`
	TargetValue     any    `json:"targetValue,omitempty"`
	Operator        string `json:"operator"`
}

// Parse reads a rule: an object with "if" and "then".
func Parse(raw any) (*Rule, error) {
	tree, ok := raw.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("the policy rule is not an object")
	}
	condition, err := parseNode(get(tree, "if"), 0)
	if err != nil {
		return nil, err
	}
	then, ok := get(tree, "then").(map[string]any)
	if !ok {
		return nil, fmt.Errorf("the policy rule has no 'then'")
	}
	text, ok := get(then, "effect").(string)
	if !ok {
		return nil, fmt.Errorf("the policy rule has no effect")
	}
	effect, err := parseValue(text)
	if err != nil {
		return nil, err
	}
	if l, ok := effect.(literal); ok {
		if _, err := canonicalEffect(l.of); err != nil {
			return nil, err
		}
	}
	return &Rule{condition: condition, effect: effect}, nil
}

// Evaluate holds a resource against the rule. An error, as of a template
// function, makes Azure refuse the request whatever the effect is:
// learn.microsoft.com/azure/governance/policy/concepts/definition-structure-policy-rule#avoiding-template-failures.
func (r *Rule) Evaluate(in Input) (Outcome, error) {
	s := &scope{in: in}
	effect, err := r.effect.get(s)
	if err != nil {
		return Outcome{}, err
	}
	out := Outcome{}
	if out.Effect, err = canonicalEffect(effect); err != nil || out.Effect == Disabled {
		return out, err
	}
	s.trace = &out.Evaluated
	out.Matches, err = r.condition.eval(s)
	if err != nil || !out.Matches {
		out.Evaluated = nil
	}
	return out, err
}

func canonicalEffect(v any) (string, error) {
	text, _ := v.(string)
	for _, known := range []string{
		Deny, Audit, Disabled, Append, Modify, AuditIfNotExists, DeployIfNotExists, DenyAction, Manual, AddToNetworkGroup, Mutate,
	} {
		if strings.EqualFold(text, known) {
			return known, nil
		}
	}
	return "", fmt.Errorf("the effect '%v' is not one that Azure Policy has", v)
}

// scope is what a condition is evaluated in.
type scope struct {
	in Input
	// at are the members of arrays that the counts around the condition look at:
	// by alias up to its [*], in lower case.
	at map[string]int
	// current are the values of those members, by the names that counts give.
	current map[string]any
	trace   *[]Evaluation
}

func (s *scope) note(e Evaluation) {
	if s.trace != nil {
		*s.trace = append(*s.trace, e)
	}
}

// node is a condition or a logical operator.
type node interface {
	eval(*scope) (bool, error)
}

type (
	allOf []node
	anyOf []node
	not   struct{ of node }
)

func (n allOf) eval(s *scope) (bool, error) {
	for _, of := range n {
		if ok, err := of.eval(s); err != nil || !ok {
			return false, err
		}
	}
	return true, nil
}

func (n anyOf) eval(s *scope) (bool, error) {
	for _, of := range n {
		if ok, err := of.eval(s); err != nil || ok {
			return ok, err
		}
	}
	return false, nil
}

func (n not) eval(s *scope) (bool, error) {
	ok, err := n.of.eval(s)
	return !ok && err == nil, err
}

// maxDepth bounds how deep conditions and expressions nest.
const maxDepth = 64

func parseNode(raw any, depth int) (node, error) {
	tree, ok := raw.(map[string]any)
	switch {
	case !ok || len(tree) == 0:
		return nil, fmt.Errorf("a condition of the policy rule is not an object")
	case depth > maxDepth:
		return nil, fmt.Errorf("the policy rule nests more than %d deep", maxDepth)
	}
	if len(tree) == 1 {
		for key, of := range tree {
			switch strings.ToLower(key) {
			case "allof":
				nodes, err := parseNodes(of, depth)
				return allOf(nodes), err
			case "anyof":
				nodes, err := parseNodes(of, depth)
				return anyOf(nodes), err
			case "not":
				n, err := parseNode(of, depth+1)
				return not{n}, err
			}
		}
	}
	return parseCondition(tree, depth)
}

func parseNodes(raw any, depth int) ([]node, error) {
	list, ok := raw.([]any)
	if !ok || len(list) == 0 {
		return nil, fmt.Errorf("an 'allOf' or 'anyOf' of the policy rule is not a list of conditions")
	}
	nodes := make([]node, len(list))
	for i, raw := range list {
		n, err := parseNode(raw, depth+1)
		if err != nil {
			return nil, err
		}
		nodes[i] = n
	}
	return nodes, nil
}

// get returns the value at a key, keys compared without regard to case.
func get(tree map[string]any, key string) any {
	if v, ok := tree[key]; ok {
		return v
	}
	for k, v := range tree {
		if strings.EqualFold(k, key) {
			return v
		}
	}
	return nil
}
