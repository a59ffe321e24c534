package policyrule

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// operator is how a condition compares.
type operator struct {
	name  string
	holds func(value, target any) (bool, error)
	check func(target any) error // of a literal target; nil: any will do
}

var exists = operator{"exists", existing, isBool}

// operators are the conditions of the rule language. Text is compared without
// regard to case, but by match and notMatch;
// learn.microsoft.com/azure/governance/policy/concepts/definition-structure-policy-rule#conditions.
func operators() []operator {
	return []operator{
		exists,
		{"equals", same, isSingle},
		{"notEquals", no(same), isSingle},
		{"in", among, isList},
		{"notIn", no(among), isList},
		{"like", like, isLike},
		{"notLike", no(like), isLike},
		{"match", match(false), isText},
		{"notMatch", no(match(false)), isText},
		{"matchInsensitively", match(true), isText},
		{"notMatchInsensitively", no(match(true)), isText},
		{"contains", contains, nil},
		{"notContains", no(contains), nil},
		{"containsKey", containsKey, isText},
		{"notContainsKey", no(containsKey), isText},
		{"less", ordered(func(c int) bool { return c < 0 }), isSingle},
		{"lessOrEquals", ordered(func(c int) bool { return c <= 0 }), isSingle},
		{"greater", ordered(func(c int) bool { return c > 0 }), isSingle},
		{"greaterOrEquals", ordered(func(c int) bool { return c >= 0 }), isSingle},
	}
}

func findOperator(name string) (operator, error) {
	for _, o := range operators() {
		if strings.EqualFold(o.name, name) {
			return o, nil
		}
	}
	return operator{}, fmt.Errorf("'%s' is no condition of the policy rule language", name)
}

func no(holds func(value, target any) (bool, error)) func(value, target any) (bool, error) {
	return func(v, t any) (bool, error) {
		ok, err := holds(v, t)
		return !ok && err == nil, err
	}
}

func isSingle(target any) error {
	if _, ok := target.([]any); ok {
		return fmt.Errorf("the condition expects a single value and has a list")
	}
	return nil
}

func isList(target any) error {
	if _, ok := target.([]any); !ok {
		return fmt.Errorf("'in' and 'notIn' expect a list")
	}
	return nil
}

func isText(target any) error {
	if _, ok := target.(string); !ok {
		return fmt.Errorf("the condition expects text")
	}
	return nil
}

func isLike(target any) error {
	if strings.Count(textOf(target), "*") > 1 {
		return fmt.Errorf("the value of 'like' has more than one wildcard")
	}
	return isText(target)
}

func isBool(target any) error {
	if t := strings.ToLower(textOf(target)); t != "true" && t != "false" {
		return fmt.Errorf("'exists' expects true or false")
	}
	return nil
}

func existing(v, target any) (bool, error) {
	if err := isBool(target); err != nil {
		return false, err
	}
	return (v != nil) == strings.EqualFold(textOf(target), "true"), nil
}

func same(v, target any) (bool, error) {
	if err := isSingle(target); err != nil {
		return false, err
	}
	if v == nil || target == nil {
		return v == nil && target == nil, nil
	}
	return strings.EqualFold(textOf(v), textOf(target)), nil
}

func among(v, target any) (bool, error) {
	if err := isList(target); err != nil {
		return false, err
	}
	list, _ := target.([]any)
	for _, t := range list {
		if ok, err := same(v, t); err != nil || ok {
			return ok, err
		}
	}
	return false, nil
}

func like(v, target any) (bool, error) {
	if err := isLike(target); err != nil || v == nil {
		return false, err
	}
	text, pattern := strings.ToLower(textOf(v)), strings.ToLower(textOf(target))
	before, after, wild := strings.Cut(pattern, "*")
	if !wild {
		return text == pattern, nil
	}
	return len(text) >= len(before)+len(after) && strings.HasPrefix(text, before) && strings.HasSuffix(text, after), nil
}

// match compares letter by letter: # is a digit, ? a letter, . anything.
func match(fold bool) func(v, target any) (bool, error) {
	return func(v, target any) (bool, error) {
		if err := isText(target); err != nil || v == nil {
			return false, err
		}
		text, pattern := []rune(textOf(v)), []rune(textOf(target))
		if fold {
			text, pattern = []rune(strings.ToLower(string(text))), []rune(strings.ToLower(string(pattern)))
		}
		if len(text) != len(pattern) {
			return false, nil
		}
		for i, p := range pattern {
			ok := p == text[i]
			switch p {
			case '#':
				ok = unicode.IsDigit(text[i])
			case '?':
				ok = unicode.IsLetter(text[i])
			case '.':
				ok = true
			}
			if !ok {
				return false, nil
			}
		}
		return true, nil
	}
}

func contains(v, target any) (bool, error) {
	switch v := v.(type) {
	case nil:
		return false, nil
	case []any:
		return among(target, v)
	case map[string]any:
		return containsKey(v, target)
	}
	return strings.Contains(strings.ToLower(textOf(v)), strings.ToLower(textOf(target))), nil
}

func containsKey(v, target any) (bool, error) {
	tree, ok := v.(map[string]any)
	if !ok {
		return false, nil
	}
	for k := range tree {
		if strings.EqualFold(k, textOf(target)) {
			return true, nil
		}
	}
	return false, nil
}

// ordered compares numbers, dates and text. What is not there is neither less
// nor greater; values of two kinds are an error.
func ordered(holds func(int) bool) func(v, target any) (bool, error) {
	return func(v, target any) (bool, error) {
		if v == nil {
			return false, nil
		}
		c, err := compare(v, target)
		return err == nil && holds(c), err
	}
}

func compare(v, target any) (int, error) {
	if a, ok := v.(float64); ok {
		b, err := strconv.ParseFloat(textOf(target), 64)
		if err != nil {
			return 0, fmt.Errorf("the number %v cannot be compared with '%s'", a, textOf(target))
		}
		switch {
		case a < b:
			return -1, nil
		case a > b:
			return 1, nil
		}
		return 0, nil
	}
	a, ok := v.(string)
	b, text := target.(string)
	if !ok || !text {
		return 0, fmt.Errorf("'%s' cannot be compared with '%s'", textOf(v), textOf(target))
	}
	before, err := time.Parse(time.RFC3339, a)
	after, errAfter := time.Parse(time.RFC3339, b)
	if err == nil && errAfter == nil {
		return before.Compare(after), nil
	}
	return strings.Compare(strings.ToLower(a), strings.ToLower(b)), nil
}

// textOf writes a value as it is compared.
func textOf(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(raw)
}
