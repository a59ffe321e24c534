package policyrule

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// value is a literal, or an expression in brackets.
type value interface {
	get(*scope) (any, error)
}

type literal struct{ of any }

func (l literal) get(*scope) (any, error) { return l.of, nil }

// list is a list some of whose elements are expressions.
type list []value

func (l list) get(s *scope) (any, error) {
	out := make([]any, len(l))
	for i, v := range l {
		var err error
		if out[i], err = v.get(s); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// parseValue reads a value. Text in brackets is an expression, "[[" escapes;
// learn.microsoft.com/azure/azure-resource-manager/templates/template-expressions.
func parseValue(raw any) (value, error) {
	switch v := raw.(type) {
	case string:
		if !strings.HasPrefix(v, "[") || !strings.HasSuffix(v, "]") {
			return literal{v}, nil
		}
		if strings.HasPrefix(v, "[[") {
			return literal{v[1:]}, nil
		}
		return parseExpression(v[1 : len(v)-1])
	case []any:
		out, constant := make(list, len(v)), true
		for i, e := range v {
			of, err := parseValue(e)
			if err != nil {
				return nil, err
			}
			_, plain := of.(literal)
			out[i], constant = of, constant && plain
		}
		if !constant {
			return out, nil
		}
		all, err := out.get(nil)
		return literal{all}, err
	}
	return literal{raw}, nil
}

// call is a function applied to arguments.
type call struct {
	function function
	name     string
	args     []value
}

func (c call) get(s *scope) (any, error) {
	v, err := c.function.apply(s, c.args)
	if err != nil {
		return nil, fmt.Errorf("%s(): %w", c.name, err)
	}
	return v, nil
}

// access is a property or a member of what an expression gives.
type access struct {
	of, key value
}

func (a access) get(s *scope) (any, error) {
	of, err := a.of.get(s)
	if err != nil {
		return nil, err
	}
	key, err := a.key.get(s)
	if err != nil {
		return nil, err
	}
	switch v := of.(type) {
	case map[string]any:
		if found := get(v, textOf(key)); found != nil {
			return found, nil
		}
	case []any:
		if i, ok := key.(float64); ok && i >= 0 && int(i) < len(v) {
			return v[int(i)], nil
		}
	}
	return nil, fmt.Errorf("the property '%s' does not exist", textOf(key))
}

type parser struct {
	text  string
	at    int
	depth int
}

func parseExpression(text string) (value, error) {
	p := &parser{text: text}
	v, err := p.expression()
	if err != nil {
		return nil, fmt.Errorf("the expression '[%s]' is not valid: %w", text, err)
	}
	if p.skip(); p.at < len(p.text) {
		return nil, fmt.Errorf("the expression '[%s]' goes on where it should end: '%s'", text, p.text[p.at:])
	}
	return v, nil
}

func (p *parser) skip() {
	for p.at < len(p.text) && unicode.IsSpace(rune(p.text[p.at])) {
		p.at++
	}
}

// take consumes c, if it comes next.
func (p *parser) take(c byte) bool {
	if p.skip(); p.at < len(p.text) && p.text[p.at] == c {
		p.at++
		return true
	}
	return false
}

func (p *parser) expression() (value, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, fmt.Errorf("it nests more than %d deep", maxDepth)
	}
	defer func() { p.depth-- }()
	v, err := p.primary()
	for err == nil {
		switch {
		case p.take('.'):
			name := p.word()
			if name == "" {
				return nil, fmt.Errorf("a property's name is missing")
			}
			v = access{v, literal{name}}
		case p.take('['):
			var key value
			if key, err = p.expression(); err != nil {
				return nil, err
			}
			if !p.take(']') {
				return nil, fmt.Errorf("a ']' is missing")
			}
			v = access{v, key}
		default:
			return v, nil
		}
	}
	return nil, err
}

func (p *parser) primary() (value, error) {
	p.skip()
	if p.at == len(p.text) {
		return nil, fmt.Errorf("it ends too early")
	}
	switch c := p.text[p.at]; {
	case c == '\'':
		return p.quoted()
	case c == '-' || unicode.IsDigit(rune(c)):
		return p.number()
	}
	name := p.word()
	if name == "" {
		return nil, fmt.Errorf("'%c' is not expected", p.text[p.at])
	}
	f, err := findFunction(name)
	if err != nil {
		return nil, err
	}
	if !p.take('(') {
		return nil, fmt.Errorf("'(' is missing after '%s'", name)
	}
	args, err := p.arguments()
	if err != nil {
		return nil, err
	}
	if len(args) < f.least || f.most >= 0 && len(args) > f.most {
		return nil, fmt.Errorf("the function '%s' has %d arguments", name, len(args))
	}
	return call{function: f, name: name, args: args}, nil
}

func (p *parser) arguments() ([]value, error) {
	if p.take(')') {
		return nil, nil
	}
	var args []value
	for {
		arg, err := p.expression()
		if err != nil {
			return nil, err
		}
		args = append(args, arg)
		switch {
		case p.take(')'):
			return args, nil
		case !p.take(','):
			return nil, fmt.Errorf("',' or ')' is missing")
		}
	}
}

func (p *parser) word() string {
	p.skip()
	start := p.at
	for p.at < len(p.text) && (p.text[p.at] == '_' || unicode.IsLetter(rune(p.text[p.at])) || unicode.IsDigit(rune(p.text[p.at]))) {
		p.at++
	}
	return p.text[start:p.at]
}

// quoted reads text in apostrophes; two of them stand for one.
func (p *parser) quoted() (value, error) {
	var b strings.Builder
	for p.at++; p.at < len(p.text); p.at++ {
		if p.text[p.at] != '\'' {
			b.WriteByte(p.text[p.at])
			continue
		}
		if p.at+1 < len(p.text) && p.text[p.at+1] == '\'' {
			b.WriteByte('\'')
			p.at++
			continue
		}
		p.at++
		return literal{b.String()}, nil
	}
	return nil, fmt.Errorf("an apostrophe is missing")
}

func (p *parser) number() (value, error) {
	start := p.at
	for p.at++; p.at < len(p.text) && (p.text[p.at] == '.' || unicode.IsDigit(rune(p.text[p.at]))); p.at++ {
	}
	n, err := strconv.ParseFloat(p.text[start:p.at], 64)
	if err != nil {
		return nil, fmt.Errorf("'%s' is no number", p.text[start:p.at])
	}
	return literal{n}, nil
}
