package policyrule

import (
	"fmt"
	"maps"
	"strings"
)

// condition compares what its operand selects with a target. It holds when it
// holds for all that is selected, and so for an empty array;
// learn.microsoft.com/azure/governance/policy/how-to/author-policies-for-arrays.
type condition struct {
	operand  operand
	operator operator
	target   value
}

// operand is the left side of a condition.
type operand interface {
	// choose returns what the condition is about, and what it is called in
	// evaluations.
	choose(*scope) (selection, error)
}

// selection is what a condition compares.
type selection struct {
	kind, expression string
	members          []member
	collection       bool // an array's members, maybe none
	location         bool // compared as the names of regions are
}

// member is one selected value.
type member struct {
	value any            // nil: it is not there
	path  string         // in the resource, as properties.subnets[0].name
	at    map[string]int // which members of arrays it lies in
}

func parseCondition(tree map[string]any, depth int) (node, error) {
	c := condition{}
	for key, raw := range tree {
		var err error
		switch name := strings.ToLower(key); name {
		case "field", "value", "count":
			if c.operand != nil {
				return nil, fmt.Errorf("a condition of the policy rule has two of 'field', 'value' and 'count'")
			}
			c.operand, err = parseOperand(name, raw, depth)
		default:
			if c.operator.name != "" {
				return nil, fmt.Errorf("a condition of the policy rule has both '%s' and '%s'", c.operator.name, key)
			}
			if c.operator, err = findOperator(key); err == nil {
				c.target, err = parseValue(raw)
			}
		}
		if err != nil {
			return nil, err
		}
	}
	switch {
	case c.operand == nil:
		return nil, fmt.Errorf("a condition of the policy rule has none of 'field', 'value' and 'count'")
	case c.operator.name == "":
		return nil, fmt.Errorf("a condition of the policy rule compares with nothing")
	}
	if l, ok := c.target.(literal); ok && c.operator.check != nil {
		if err := c.operator.check(l.of); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func parseOperand(name string, raw any, depth int) (operand, error) {
	switch name {
	case "field":
		return parseField(raw)
	case "value":
		v, err := parseValue(raw)
		return valueOperand{of: v, text: textOf(raw)}, err
	}
	return parseCount(raw, depth)
}

func (c condition) eval(s *scope) (bool, error) {
	chosen, err := c.operand.choose(s)
	if err != nil {
		return false, err
	}
	target, err := c.target.get(s)
	if err != nil {
		return false, err
	}
	if c.operator.name == exists.name && chosen.collection {
		chosen.members = []member{{value: anyOfThem(chosen.members)}}
	}
	compared := target
	if chosen.location {
		compared = regional(target)
	}
	for _, m := range chosen.members {
		v := m.value
		if chosen.location {
			v = regional(v)
		}
		ok, err := c.operator.holds(v, compared)
		if err != nil {
			return false, fmt.Errorf("comparing '%s': %w", chosen.expression, err)
		}
		s.note(Evaluation{
			Result: title(fmt.Sprint(ok)), ExpressionKind: chosen.kind, Expression: chosen.expression, Path: m.path,
			ExpressionValue: m.value, TargetValue: target, Operator: title(c.operator.name),
		})
		if !ok {
			return false, nil
		}
	}
	return true, nil
}

// anyOfThem is nil when no member is there.
func anyOfThem(members []member) any {
	for _, m := range members {
		if m.value != nil {
			return m.value
		}
	}
	return nil
}

func title(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// regional writes the names of regions as they are compared: "East US 2" is
// eastus2.
func regional(v any) any {
	switch v := v.(type) {
	case string:
		return strings.ReplaceAll(v, " ", "")
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = regional(e)
		}
		return out
	}
	return v
}

type valueOperand struct {
	of   value
	text string
}

func (o valueOperand) choose(s *scope) (selection, error) {
	v, err := o.of.get(s)
	return selection{kind: "Value", expression: o.text, members: []member{{value: v}}}, err
}

// count is how many members of an array meet a condition.
type count struct {
	field *field // of a resource's array
	value value  // or of any list
	name  string // by which current() has a member of value
	where node   // nil: all do
}

func parseCount(raw any, depth int) (operand, error) {
	tree, ok := raw.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("a 'count' of the policy rule is not an object")
	}
	c := count{name: "default"}
	var err error
	switch of := get(tree, "field"); {
	case of != nil:
		var f operand
		if f, err = parseField(of); err == nil {
			named, _ := f.(field)
			c.field = &named
		}
	default:
		c.value, err = parseValue(get(tree, "value"))
	}
	if err != nil {
		return nil, err
	}
	if name, ok := get(tree, "name").(string); ok {
		c.name = name
	}
	if where := get(tree, "where"); where != nil {
		if c.where, err = parseNode(where, depth+1); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (c count) choose(s *scope) (selection, error) {
	name := c.name
	var members []member
	if c.field != nil {
		chosen, err := c.field.choose(s)
		if err != nil {
			return selection{}, err
		}
		if !chosen.collection {
			return selection{}, fmt.Errorf("'%s' is counted and is no array alias", chosen.expression)
		}
		name, members = chosen.expression, chosen.members
	} else {
		v, err := c.value.get(s)
		if err != nil {
			return selection{}, err
		}
		list, ok := v.([]any)
		if !ok {
			return selection{}, fmt.Errorf("a value is counted that is no list")
		}
		for _, e := range list {
			members = append(members, member{value: e})
		}
	}
	n := 0
	for _, m := range members {
		ok, err := c.meets(s, name, m)
		if err != nil {
			return selection{}, err
		}
		if ok {
			n++
		}
	}
	return selection{kind: "Count", expression: name, members: []member{{value: float64(n)}}}, nil
}

// meets evaluates the condition as if m were the only member.
func (c count) meets(s *scope, name string, m member) (bool, error) {
	if c.where == nil {
		return true, nil
	}
	inner := &scope{in: s.in, at: maps.Clone(s.at), current: maps.Clone(s.current)}
	if inner.at == nil {
		inner.at = map[string]int{}
	}
	maps.Copy(inner.at, m.at)
	if inner.current == nil {
		inner.current = map[string]any{}
	}
	inner.current[strings.ToLower(name)] = m.value
	inner.current[""] = m.value
	return c.where.eval(inner)
}
