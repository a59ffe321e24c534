package rbac

import "strings"

// A Truth is the value of a condition: true, false, or unknown.
type Truth int

// UnknownTruth is the zero value. It combines as in Kleene's logic: unknown
// AND false is false, unknown OR true is true, the rest stays unknown.
const (
	UnknownTruth Truth = iota
	False
	True
)

func (t Truth) String() string {
	switch t {
	case True:
		return "true"
	case False:
		return "false"
	default:
		return "unknown"
	}
}

func truth(b bool) Truth {
	if b {
		return True
	}
	return False
}

func (t Truth) not() Truth {
	switch t {
	case True:
		return False
	case False:
		return True
	default:
		return UnknownTruth
	}
}

// A Condition is the parsed condition of a role assignment.
//
// learn.microsoft.com/azure/role-based-access-control/conditions-format
type Condition struct{ root node }

// Evaluate answers for a request. When the answer is unknown, why says what
// was missing.
func (c *Condition) Evaluate(r Request) (t Truth, why string) {
	e := &evaluation{request: r}
	t = c.root.eval(e)
	if t == UnknownTruth {
		why = strings.Join(e.missing, "; ")
	}
	return t, why
}

// An evaluation is one pass over a condition.
type evaluation struct {
	request Request
	missing []string
}

func (e *evaluation) unknown(why string) Truth {
	e.missing = append(e.missing, why)
	return UnknownTruth
}

// attribute looks an attribute up. A nil value with known set says that there
// is no such attribute.
func (e *evaluation) attribute(a attribute) (value any, known bool) {
	plain := a.source == "Request" || a.source == "Resource"
	var bare any
	bareKnown := false
	full := fold(a.String())
	for name, v := range e.request.Attributes {
		switch folded := fold(name); {
		case folded == full:
			return v, true
		case plain && folded == fold(a.name):
			bare, bareKnown = v, true
		}
	}
	if !bareKnown && a.source == "Request" && fold(a.name) == "suboperation" {
		if e.request.SubOperation == "" {
			return nil, true
		}
		return e.request.SubOperation, true
	}
	return bare, bareKnown
}

// A node is a part of a condition that has a truth.
type node interface{ eval(*evaluation) Truth }

// all is a conjunction, some a disjunction. Both look at every part: a later
// part may decide what an earlier one left unknown.
type (
	all      []node
	some     []node
	negation struct{ of node }
)

func (n all) eval(e *evaluation) Truth {
	t := True
	for _, part := range n {
		switch part.eval(e) {
		case False:
			return False
		case UnknownTruth:
			t = UnknownTruth
		}
	}
	return t
}

func (n some) eval(e *evaluation) Truth {
	t := False
	for _, part := range n {
		switch part.eval(e) {
		case True:
			return True
		case UnknownTruth:
			t = UnknownTruth
		}
	}
	return t
}

func (n negation) eval(e *evaluation) Truth { return n.of.eval(e).not() }

// The functions of conditions.
type (
	actionMatches       struct{ pattern string }
	subOperationMatches struct{ pattern string }
	exists              struct{ attribute attribute }
)

func (n actionMatches) eval(e *evaluation) Truth {
	return truth(Match(n.pattern, e.request.Action))
}

func (n subOperationMatches) eval(e *evaluation) Truth {
	return truth(e.request.SubOperation != "" && Match(n.pattern, e.request.SubOperation))
}

func (n exists) eval(e *evaluation) Truth {
	v, known := e.attribute(n.attribute)
	if !known {
		return e.unknown(n.attribute.String() + " is not known")
	}
	return truth(v != nil)
}

// An attribute is named by its source and its name, as
// @Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId].
type attribute struct{ source, name string }

func (a attribute) String() string { return "@" + a.source + "[" + a.name + "]" }
