package rbac

import (
	"fmt"
	"reflect"
	"strings"
)

// An operator compares what stands on its two sides. Names are as
// "StringEquals" or "ForAnyOfAllValues:NumericLessThan".
type operator struct {
	name    string // as it was written
	kind    valueKind
	compare func(left, right scalar) bool
	negated bool // the name says Not
	// ignoreCase says that texts are compared in lower case.
	ignoreCase bool
	// every and each quantify over the values left and right; without cross
	// product both sides have one value.
	cross       bool
	every, each bool
}

// operatorNamed finds an operator by its name.
func operatorNamed(name string) (operator, bool) {
	op := operator{name: name}
	name = fold(name)
	for _, q := range []struct {
		prefix      string
		every, each bool
	}{
		{"foranyofanyvalues:", false, false},
		{"forallofanyvalues:", true, false},
		{"foranyofallvalues:", false, true},
		{"forallofallvalues:", true, true},
	} {
		if rest, ok := strings.CutPrefix(name, q.prefix); ok {
			name, op.cross, op.every, op.each = rest, true, q.every, q.each
			break
		}
	}
	for _, k := range []struct {
		prefix string
		kind   valueKind
	}{{"string", textValue}, {"numeric", numberValue}, {"bool", boolValue}, {"guid", guidValue}, {"datetime", timeValue}} {
		if rest, ok := strings.CutPrefix(name, k.prefix); ok {
			op.kind = k.kind
			return op.named(rest)
		}
	}
	return operator{}, false
}

// named completes an operator by what its name says after the kind.
func (op operator) named(rest string) (operator, bool) {
	if positive, ok := strings.CutPrefix(rest, "not"); ok {
		rest, op.negated = positive, true
	}
	ignoreCase := false
	if op.kind == textValue {
		rest, ignoreCase = strings.CutSuffix(rest, "ignorecase")
	}
	switch {
	case rest == "equals":
		op.compare = func(l, r scalar) bool { return l.order(r) == 0 }
	case op.kind == textValue && rest == "startswith":
		op.compare = func(l, r scalar) bool { return strings.HasPrefix(l.text, r.text) }
	case op.kind == textValue && rest == "like":
		op.compare = func(l, r scalar) bool { return like(r.text, l.text) }
	case op.negated || op.kind != numberValue && op.kind != timeValue:
		return operator{}, false
	case rest == "lessthan":
		op.compare = func(l, r scalar) bool { return l.order(r) < 0 }
	case rest == "lessthanequals":
		op.compare = func(l, r scalar) bool { return l.order(r) <= 0 }
	case rest == "greaterthan":
		op.compare = func(l, r scalar) bool { return l.order(r) > 0 }
	case rest == "greaterthanequals":
		op.compare = func(l, r scalar) bool { return l.order(r) >= 0 }
	default:
		return operator{}, false
	}
	op.ignoreCase = ignoreCase
	return op, true
}

// An operand is an attribute or literal values.
type operand struct {
	attribute *attribute
	values    []any
}

type comparison struct {
	left, right operand
	op          operator
}

// check refuses literals that the operator cannot compare.
func (c comparison) check() error {
	for _, o := range []operand{c.left, c.right} {
		if o.attribute != nil {
			continue
		}
		if _, err := scalars(o.values, c.op.kind); err != nil {
			return err
		}
		if !c.op.cross && len(o.values) > 1 {
			return fmt.Errorf("several values need an operator that says how, as ForAnyOfAnyValues")
		}
	}
	return nil
}

func (c comparison) eval(e *evaluation) Truth {
	left, lt := c.resolve(e, c.left)
	right, rt := c.resolve(e, c.right)
	switch {
	case lt == UnknownTruth || rt == UnknownTruth:
		return UnknownTruth
	case lt == False || rt == False:
		return c.absent(e)
	case !c.op.cross && (len(left) > 1 || len(right) > 1):
		return e.unknown("an operator for one value meets several")
	}
	if !c.op.ignoreCase {
		return truth(c.op.apply(left, right))
	}
	t := c.op.apply(mapped(left, fold), mapped(right, fold))
	if t != c.op.apply(mapped(left, strings.ToUpper), mapped(right, strings.ToUpper)) {
		return e.unknown("it hangs on the case of letters outside ASCII")
	}
	return truth(t)
}

// apply compares all pairs.
func (op operator) apply(left, right []scalar) bool {
	return quantify(left, op.every, func(l scalar) bool {
		return quantify(right, op.each, func(r scalar) bool { return op.compare(l, r) != op.negated })
	})
}

func mapped(values []scalar, change func(string) string) []scalar {
	out := make([]scalar, len(values))
	for i, v := range values {
		out[i] = scalar{text: change(v.text)}
	}
	return out
}

// absent is the truth of a comparison with an attribute that is not there. A
// comparison with nothing does not hold; whether its negation does, by a Not in
// the operator's name or before the comparison, is not documented.
func (c comparison) absent(e *evaluation) Truth {
	if c.op.negated || e.inverted {
		return e.unknown("a negated comparison meets an attribute that is not there")
	}
	return False
}

// resolve gives the values of a side: True with values, False when the
// attribute is not there, UnknownTruth when nobody knows.
func (c comparison) resolve(e *evaluation, o operand) ([]scalar, Truth) {
	values := o.values
	if o.attribute != nil {
		v, known := e.attribute(*o.attribute)
		if !known {
			return nil, e.unknown(o.attribute.String() + " is not known")
		}
		values = list(v)
	}
	if len(values) == 0 {
		return nil, False
	}
	out, err := scalars(values, c.op.kind)
	if err != nil {
		return nil, e.unknown(err.Error())
	}
	return out, True
}

// list makes a list of an attribute's value: nil is none, a slice its parts.
func list(v any) []any {
	if v == nil {
		return nil
	}
	if r := reflect.ValueOf(v); r.Kind() == reflect.Slice {
		out := make([]any, r.Len())
		for i := range out {
			out[i] = r.Index(i).Interface()
		}
		return out
	}
	return []any{v}
}

// quantify reports whether test holds for every value, or else for any.
func quantify(values []scalar, every bool, test func(scalar) bool) bool {
	for _, v := range values {
		if test(v) != every {
			return !every
		}
	}
	return every
}
