package rbac

import "fmt"

// maxDepth bounds the nesting of a condition, so that parsing and evaluating
// one never exhausts the stack. Conditions are of 8 KB at most.
//
// learn.microsoft.com/azure/role-based-access-control/troubleshoot-limits
const maxDepth = 250

// ParseCondition parses the condition of a role assignment, version 2.0:
//
//	condition  = term { AND term } | term { OR term }
//	term       = NOT term | "(" condition ")" | function | comparison
//	function   = ActionMatches "{" text "}" | SubOperationMatches "{" text "}" | Exists attribute
//	comparison = operand operator operand
//	operand    = attribute | value | "{" value { "," value } "}"
//
// AND is also "&&", OR "||" and NOT "!". AND and OR on one level without
// parentheses are an error: their order is undocumented.
func ParseCondition(text string) (*Condition, error) {
	tokens, err := lex(text)
	if err != nil {
		return nil, fmt.Errorf("reading the condition: %w", err)
	}
	p := &parser{tokens: tokens}
	root, err := p.condition(0)
	if err == nil && p.peek().kind != endToken {
		err = p.unexpected("an end")
	}
	if err != nil {
		return nil, fmt.Errorf("parsing the condition: %w", err)
	}
	return &Condition{root: root}, nil
}

type parser struct {
	tokens []token
	next   int
}

func (p *parser) peek() token { return p.tokens[p.next] }

// take returns the next token and moves on; the last one is never passed.
func (p *parser) take() token {
	t := p.tokens[p.next]
	if t.kind != endToken {
		p.next++
	}
	return t
}

// accept takes the next token if it is one of these words or punctuations.
func (p *parser) accept(texts ...string) bool {
	t := p.peek()
	if t.kind != punctuation && t.kind != wordToken {
		return false
	}
	for _, text := range texts {
		if fold(t.text) == fold(text) {
			p.next++
			return true
		}
	}
	return false
}

func (p *parser) expect(text string) error {
	if !p.accept(text) {
		return p.unexpected(text)
	}
	return nil
}

func (p *parser) unexpected(want string) error {
	t := p.peek()
	got := t.text
	switch t.kind {
	case endToken:
		got = "the end"
	case attrToken:
		got = t.attr.String()
	}
	return fmt.Errorf("at offset %d: expected %s, found %s", t.at, want, got)
}

func (p *parser) condition(depth int) (node, error) {
	first, err := p.term(depth)
	if err != nil {
		return nil, err
	}
	parts := []node{first}
	and, or := false, false
	for {
		switch {
		case p.accept("AND", "&&"):
			and = true
		case p.accept("OR", "||"):
			or = true
		default:
			return joined(parts, or), nil
		}
		if and && or {
			return nil, fmt.Errorf("at offset %d: AND and OR stand together without parentheses", p.peek().at)
		}
		part, err := p.term(depth)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
}

func joined(parts []node, or bool) node {
	switch {
	case len(parts) == 1:
		return parts[0]
	case or:
		return some(parts)
	default:
		return all(parts)
	}
}

func (p *parser) term(depth int) (node, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("at offset %d: nested too deeply", p.peek().at)
	}
	switch {
	case p.accept("!", "NOT"):
		of, err := p.term(depth + 1)
		return negation{of}, err
	case p.accept("("):
		inner, err := p.condition(depth + 1)
		if err != nil {
			return nil, err
		}
		return inner, p.expect(")")
	case p.accept("ActionMatches"):
		pattern, err := p.pattern()
		return actionMatches{pattern}, err
	case p.accept("SubOperationMatches"):
		pattern, err := p.pattern()
		return subOperationMatches{pattern}, err
	case p.accept("Exists"):
		if p.peek().kind != attrToken {
			return nil, p.unexpected("an attribute")
		}
		return exists{p.take().attr}, nil
	default:
		return p.comparison()
	}
}

// pattern parses the argument of a function: a text in braces.
func (p *parser) pattern() (string, error) {
	if err := p.expect("{"); err != nil {
		return "", err
	}
	if p.peek().kind != textToken {
		return "", p.unexpected("a text in quotes")
	}
	pattern := p.take().text
	return pattern, p.expect("}")
}

func (p *parser) comparison() (node, error) {
	left, err := p.operand()
	if err != nil {
		return nil, err
	}
	if p.peek().kind != wordToken {
		return nil, p.unexpected("an operator")
	}
	at := p.peek().at
	op, ok := operatorNamed(p.peek().text)
	if !ok {
		return nil, p.unexpected("an operator")
	}
	p.take()
	right, err := p.operand()
	if err != nil {
		return nil, err
	}
	c := comparison{left: left, right: right, op: op}
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("at offset %d: %w", at, err)
	}
	return c, nil
}

func (p *parser) operand() (operand, error) {
	switch t := p.peek(); {
	case t.kind == attrToken:
		p.take()
		return operand{attribute: &t.attr}, nil
	case t.kind == textToken || t.kind == wordToken:
		p.take()
		return operand{values: []any{literal(t)}}, nil
	case p.accept("{"):
		return p.set()
	default:
		return operand{}, p.unexpected("an attribute or a value")
	}
}

func (p *parser) set() (operand, error) {
	var o operand
	for {
		t := p.peek()
		if t.kind != textToken && t.kind != wordToken {
			return operand{}, p.unexpected("a value")
		}
		o.values = append(o.values, literal(p.take()))
		if p.accept("}") {
			return o, nil
		}
		if err := p.expect(","); err != nil {
			return operand{}, err
		}
	}
}

// bare is a value that stood without quotes: a number, a GUID, true or false.
type bare string

func literal(t token) any {
	if t.kind == wordToken {
		return bare(t.text)
	}
	return t.text
}
