package rbac

import (
	"slices"
	"strings"
)

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
	e := &evaluation{request: &r}
	t = c.root.eval(e)
	if t == UnknownTruth {
		why = strings.Join(e.missing, "; ")
	}
	return t, why
}

// String writes the condition on one line, as ParseCondition reads it.
func (c *Condition) String() string { return c.root.String() }

// An evaluation is one pass over a condition.
type evaluation struct {
	request *Request
	// inverted says that an odd number of negations is above the part.
	inverted bool
	missing  []string
}

func (e *evaluation) unknown(why string) Truth {
	if !slices.Contains(e.missing, why) {
		e.missing = append(e.missing, why)
	}
	return UnknownTruth
}

// attribute looks an attribute up. A nil value with known set says that there
// is no such attribute.
func (e *evaluation) attribute(a attribute) (value any, known bool) {
	plain := a.source == "Request" || a.source == "Resource"
	var bare any
	bareKnown := false
	for name, v := range e.request.Attributes {
		switch {
		case a.namedWithSource(name):
			return v, true
		case plain && a.named(name):
			bare, bareKnown = v, true
		}
	}
	if !bareKnown && a.source == "Request" && sameFolded(a.name, "subOperation") {
		if e.request.SubOperation == "" {
			return nil, true
		}
		return e.request.SubOperation, true
	}
	return bare, bareKnown
}

// A node is a part of a condition that has a truth. String writes it so that
// it parses to the same.
type node interface {
	eval(*evaluation) Truth
	String() string
}

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

func (n negation) eval(e *evaluation) Truth {
	e.inverted = !e.inverted
	t := n.of.eval(e).not()
	e.inverted = !e.inverted
	return t
}

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

// named reports whether name is that of the attribute. Names compare without
// case, except the key of a tag that says otherwise, as
// "…/blobs/tags:Project<$key_case_sensitive$>".
//
// learn.microsoft.com/azure/storage/blobs/storage-auth-abac-attributes
func (a attribute) named(name string) bool {
	if !sameFolded(a.name, name) {
		return false
	}
	if !strings.Contains(fold(name), "<$key_case_sensitive$>") {
		return true
	}
	key := strings.LastIndexByte(name, ':') + 1
	return a.name[key:] == name[key:]
}

// namedWithSource is named for a name that says its source, as String does.
func (a attribute) namedWithSource(full string) bool {
	head := len("@") + len(a.source) + len("[")
	return len(full) == head+len(a.name)+1 && full[0] == '@' && full[head-1] == '[' && full[len(full)-1] == ']' &&
		sameFolded(full[1:head-1], a.source) && a.named(full[head:len(full)-1])
}
