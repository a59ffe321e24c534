package rbac

import (
	"fmt"
	"strings"
)

func (n all) String() string  { return joinNodes(n, " AND ") }
func (n some) String() string { return joinNodes(n, " OR ") }

func joinNodes(parts []node, by string) string {
	texts := make([]string, len(parts))
	for i, p := range parts {
		texts[i] = p.String()
		if compound(p) {
			texts[i] = "(" + texts[i] + ")"
		}
	}
	return strings.Join(texts, by)
}

func compound(n node) bool {
	switch n.(type) {
	case all, some:
		return true
	}
	return false
}

func (n negation) String() string            { return "!(" + n.of.String() + ")" }
func (n actionMatches) String() string       { return "ActionMatches{'" + n.pattern + "'}" }
func (n subOperationMatches) String() string { return "SubOperationMatches{'" + n.pattern + "'}" }
func (n exists) String() string              { return "Exists " + n.attribute.String() }

func (c comparison) String() string {
	return c.left.String() + " " + c.op.name + " " + c.right.String()
}

func (o operand) String() string {
	if o.attribute != nil {
		return o.attribute.String()
	}
	texts := make([]string, len(o.values))
	for i, v := range o.values {
		if word, ok := v.(bare); ok {
			texts[i] = string(word)
		} else {
			texts[i] = fmt.Sprintf("'%s'", v)
		}
	}
	return "{" + strings.Join(texts, ", ") + "}"
}

// A Clause is a part of a condition that cannot be taken apart further.
type Clause struct {
	Text  string // as ParseCondition reads it
	Truth Truth
	// Why names the values that were compared, or what is missing.
	Why string
}

// explain evaluates the condition and returns, beside its truth, the clauses
// that make it so: of a conjunction that does not hold those that do not hold,
// of a disjunction that holds the first that does, and so on.
func (c *Condition) explain(r Request) (Truth, []Clause) {
	return explainNode(c.root, &evaluation{request: &r})
}

func explainNode(n node, e *evaluation) (Truth, []Clause) {
	t := n.eval(&evaluation{request: e.request, inverted: e.inverted})
	switch n := n.(type) {
	case all:
		return t, explainParts(n, t, false, e)
	case some:
		return t, explainParts(n, t, t == True, e)
	case negation:
		if !compound(n.of) {
			break
		}
		_, clauses := explainNode(n.of, &evaluation{request: e.request, inverted: !e.inverted})
		return t, clauses
	}
	return t, []Clause{{Text: n.String(), Truth: t, Why: whyOf(n, e)}}
}

// explainParts explains the parts whose truth is t: one of them if that is
// enough, and else all.
func explainParts(parts []node, t Truth, enough bool, e *evaluation) []Clause {
	var out []Clause
	for _, p := range parts {
		of, clauses := explainNode(p, e)
		if of != t {
			continue
		}
		if enough {
			return clauses
		}
		out = append(out, clauses...)
	}
	return out
}

// whyOf says what the attributes of a clause are.
func whyOf(n node, e *evaluation) string {
	inner := &evaluation{request: e.request, inverted: e.inverted}
	if n.eval(inner) == UnknownTruth {
		return strings.Join(inner.missing, "; ")
	}
	for {
		negated, ok := n.(negation)
		if !ok {
			break
		}
		n = negated.of
	}
	c, ok := n.(comparison)
	if !ok {
		return ""
	}
	var texts []string
	for _, o := range []operand{c.left, c.right} {
		if o.attribute == nil {
			continue
		}
		v, _ := e.attribute(*o.attribute)
		if v == nil {
			v = "not there"
		}
		texts = append(texts, fmt.Sprintf("%s is %v", o.attribute, v))
	}
	return strings.Join(texts, "; ")
}
