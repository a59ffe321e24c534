package graph

import (
	"strings"

	"github.com/kars-dev/kars/localazure/store"
)

// filter decides whether an object is among those asked for. It is the part of
// OData that Graph supports for directory objects and that is used in earnest:
//
//	or, and, not, (…)
//	property eq|ne literal, property in (literal, …)
//	startswith(property, 'text'), endswith(property, 'text')
//	collection/any(x:x eq 'text'), collection/any(x:startswith(x,'text'))
//
// Text is compared without regard to case;
// learn.microsoft.com/graph/filter-query-parameter.
type filter func(store.Tree) bool

// maxDepth bounds how deep expressions may nest.
const maxDepth = 32

// parser is a recursive descent over the tokens of a filter.
type parser struct {
	tokens []string
	at     int
	depth  int
}

func errFilter(why string) error {
	return &graphError{400, "BadRequest", "Invalid filter clause: " + why + "."}
}

func parseFilter(s string) (filter, error) {
	tokens, err := tokenize(s)
	if err != nil {
		return nil, err
	}
	p := &parser{tokens: tokens}
	f, err := p.or()
	if err != nil {
		return nil, err
	}
	if p.at != len(p.tokens) {
		return nil, errFilter("unexpected '" + p.peek() + "'")
	}
	return f, nil
}

func (p *parser) peek() string {
	if p.at >= len(p.tokens) {
		return ""
	}
	return p.tokens[p.at]
}

func (p *parser) next() string {
	t := p.peek()
	p.at++
	return t
}

// take consumes a token if it is this one, without regard to case.
func (p *parser) take(token string) bool {
	if !strings.EqualFold(p.peek(), token) || p.at >= len(p.tokens) {
		return false
	}
	p.at++
	return true
}

func (p *parser) expect(token string) error {
	if !p.take(token) {
		return errFilter("expected '" + token + "' instead of '" + p.peek() + "'")
	}
	return nil
}

func (p *parser) or() (filter, error) {
	left, err := p.and()
	for err == nil && p.take("or") {
		var right filter
		a := left
		right, err = p.and()
		left = func(o store.Tree) bool { return a(o) || right(o) }
	}
	return left, err
}

func (p *parser) and() (filter, error) {
	left, err := p.unary()
	for err == nil && p.take("and") {
		var right filter
		a := left
		right, err = p.unary()
		left = func(o store.Tree) bool { return a(o) && right(o) }
	}
	return left, err
}

func (p *parser) unary() (filter, error) {
	p.depth++
	defer func() { p.depth-- }()
	if p.depth > maxDepth {
		return nil, errFilter("it nests too deeply")
	}
	if p.take("not") {
		inner, err := p.unary()
		return func(o store.Tree) bool { return !inner(o) }, err
	}
	if p.take("(") {
		inner, err := p.or()
		if err != nil {
			return nil, err
		}
		return inner, p.expect(")")
	}
	return p.term()
}

// term is a comparison, a function of a property, or any over a collection.
func (p *parser) term() (filter, error) {
	name := p.next()
	if !isName(name) {
		return nil, errFilter("expected a property instead of '" + name + "'")
	}
	if test, ok := textTest(name); ok && p.peek() == "(" {
		return p.function(test)
	}
	if collection, ok := strings.CutSuffix(name, "/any"); ok && p.peek() == "(" {
		return p.any(collection)
	}
	return p.comparison(name)
}

// textTest is a function of two texts.
func textTest(name string) (func(have, want string) bool, bool) {
	switch strings.ToLower(name) {
	case "startswith":
		return func(have, want string) bool {
			return len(have) >= len(want) && strings.EqualFold(have[:len(want)], want)
		}, true
	case "endswith":
		return func(have, want string) bool {
			return len(have) >= len(want) && strings.EqualFold(have[len(have)-len(want):], want)
		}, true
	}
	return nil, false
}

// function reads "(property, 'text')".
func (p *parser) function(test func(have, want string) bool) (filter, error) {
	name, want, err := p.arguments()
	if err != nil {
		return nil, err
	}
	return func(o store.Tree) bool {
		have, ok := property(o, name).(string)
		return ok && test(have, want)
	}, nil
}

func (p *parser) arguments() (name, text string, err error) {
	if err := p.expect("("); err != nil {
		return "", "", err
	}
	if name = p.next(); !isName(name) {
		return "", "", errFilter("expected a property instead of '" + name + "'")
	}
	if err := p.expect(","); err != nil {
		return "", "", err
	}
	value, err := literal(p.next())
	if err != nil {
		return "", "", err
	}
	text, ok := value.(string)
	if !ok {
		return "", "", errFilter("expected a text")
	}
	return name, text, p.expect(")")
}

// comparison reads "eq literal", "ne literal" or "in (literal, …)".
func (p *parser) comparison(name string) (filter, error) {
	operator := strings.ToLower(p.next())
	switch operator {
	case "eq", "ne":
		want, err := literal(p.next())
		if err != nil {
			return nil, err
		}
		return func(o store.Tree) bool { return equal(property(o, name), want) == (operator == "eq") }, nil
	case "in":
		wanted, err := p.list()
		return func(o store.Tree) bool {
			for _, w := range wanted {
				if equal(property(o, name), w) {
					return true
				}
			}
			return false
		}, err
	}
	return nil, errFilter("operator '" + operator + "' is not supported")
}

func (p *parser) list() ([]any, error) {
	if err := p.expect("("); err != nil {
		return nil, err
	}
	var out []any
	for {
		value, err := literal(p.next())
		if err != nil {
			return nil, err
		}
		out = append(out, value)
		if !p.take(",") {
			return out, p.expect(")")
		}
	}
}

// any reads "(x:x eq 'text')" or "(x:startswith(x,'text'))".
func (p *parser) any(collection string) (filter, error) {
	if err := p.expect("("); err != nil {
		return nil, err
	}
	variable := p.next()
	if !isName(variable) {
		return nil, errFilter("expected a variable instead of '" + variable + "'")
	}
	if err := p.expect(":"); err != nil {
		return nil, err
	}
	inner, err := p.or()
	if err != nil {
		return nil, err
	}
	return func(o store.Tree) bool {
		elements, _ := property(o, collection).([]any)
		for _, e := range elements {
			if inner(store.Tree{variable: e}) {
				return true
			}
		}
		return false
	}, p.expect(")")
}
