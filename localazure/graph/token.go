package graph

import (
	"strconv"
	"strings"

	"github.com/kars-dev/kars/localazure/store"
)

// maxFilter bounds a filter's text.
const maxFilter = 8 << 10

// tokenize splits a filter into names, literals and punctuation. A literal text
// keeps its quotes.
func tokenize(s string) ([]string, error) {
	if len(s) > maxFilter {
		return nil, errFilter("it is too long")
	}
	var tokens []string
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case c == ' ' || c == '\t':
			i++
		case strings.IndexByte("(),:", c) >= 0:
			tokens = append(tokens, string(c))
			i++
		case c == '\'':
			end := quoted(s[i:])
			if end == 0 {
				return nil, errFilter("there is an unterminated string literal")
			}
			tokens = append(tokens, s[i:i+end])
			i += end
		default:
			end := i
			for end < len(s) && strings.IndexByte(" \t(),:'", s[end]) < 0 {
				end++
			}
			tokens = append(tokens, s[i:end])
			i = end
		}
	}
	return tokens, nil
}

// quoted returns the length of the quoted text that s starts with, a doubled
// quote being part of it, or 0.
func quoted(s string) int {
	for i := 1; i < len(s); i++ {
		if s[i] != '\'' {
			continue
		}
		if i+1 < len(s) && s[i+1] == '\'' {
			i++
			continue
		}
		return i + 1
	}
	return 0
}

// isName says whether a token is a property, a path of properties, a function
// or a variable.
func isName(token string) bool {
	if token == "" {
		return false
	}
	for i := range len(token) {
		c := token[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '@' || c == '$'
		if !letter && (i == 0 || c != '/' && c != '.' && (c < '0' || c > '9')) {
			return false
		}
	}
	return true
}

// literal reads a text, true, false, null, a number or a bare GUID.
func literal(token string) (any, error) {
	switch {
	case token == "":
		return nil, errFilter("a value is missing")
	case token[0] == '\'':
		return strings.ReplaceAll(token[1:len(token)-1], "''", "'"), nil
	case strings.EqualFold(token, "true"), strings.EqualFold(token, "false"):
		return strings.EqualFold(token, "true"), nil
	case strings.EqualFold(token, "null"):
		return nil, nil
	case len(token) == 36 && strings.Count(token, "-") == 4:
		return token, nil
	}
	number, err := strconv.ParseFloat(token, 64)
	if err != nil {
		return nil, errFilter("'" + token + "' is no value")
	}
	return number, nil
}

func equal(have, want any) bool {
	a, aText := have.(string)
	b, bText := want.(string)
	if aText && bText {
		return strings.EqualFold(a, b)
	}
	switch have.(type) {
	case nil, bool, float64:
		return have == want
	}
	return false
}

// property reads a property by its path, without regard to case.
func property(o store.Tree, name string) any {
	first, rest, deeper := strings.Cut(name, "/")
	for k, v := range o {
		if !strings.EqualFold(k, first) {
			continue
		}
		if !deeper {
			return v
		}
		inner, _ := v.(map[string]any)
		return property(inner, rest)
	}
	return nil
}
