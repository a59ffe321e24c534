package policyrule

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// function is a template function that may stand in a rule.
type function struct {
	least, most int // arguments; most < 0: any number
	apply       func(*scope, []value) (any, error)
}

// findFunction returns the function of a name. Those that a rule may not use,
// as reference() and copyIndex(), are not there, nor are the rarer ones;
// learn.microsoft.com/azure/governance/policy/concepts/definition-structure-policy-rule#policy-functions.
func findFunction(name string) (function, error) {
	for known, f := range functions() {
		if strings.EqualFold(known, name) {
			return f, nil
		}
	}
	return function{}, fmt.Errorf("the function '%s' is not evaluated in policy rules here", name)
}

func functions() map[string]function {
	truth := func(holds func(value, target any) (bool, error)) function {
		return function{2, 2, eager(func(_ *scope, a []any) (any, error) { return holds(a[0], a[1]) })}
	}
	constant := func(v any) function {
		return function{0, 0, func(*scope, []value) (any, error) { return v, nil }}
	}
	texts := func(of func(string) string) function {
		return function{1, 1, eager(func(_ *scope, a []any) (any, error) { return of(textOf(a[0])), nil })}
	}
	return map[string]function{
		"parameters":      {1, 1, eager(parameter)},
		"field":           {1, 1, eager(fieldValue)},
		"current":         {0, 1, eager(currentValue)},
		"resourceGroup":   {0, 0, eager(resourceGroup)},
		"subscription":    {0, 0, eager(func(s *scope, _ []any) (any, error) { return s.in.Resource.Subscription, nil })},
		"requestContext":  {0, 0, eager(requestContext)},
		"utcNow":          {0, 0, eager(func(s *scope, _ []any) (any, error) { return s.in.Now.UTC().Format(timeForm), nil })},
		"addDays":         {2, 2, eager(addDays)},
		"if":              {3, 3, either},
		"and":             {2, -1, eager(every)},
		"or":              {2, -1, eager(some)},
		"not":             {1, 1, eager(func(_ *scope, a []any) (any, error) { return textOf(a[0]) != "true", nil })},
		"true":            constant(true),
		"false":           constant(false),
		"null":            constant(nil),
		"equals":          truth(same),
		"contains":        truth(contains),
		"less":            truth(ordered(func(c int) bool { return c < 0 })),
		"lessOrEquals":    truth(ordered(func(c int) bool { return c <= 0 })),
		"greater":         truth(ordered(func(c int) bool { return c > 0 })),
		"greaterOrEquals": truth(ordered(func(c int) bool { return c >= 0 })),
		"toLower":         texts(strings.ToLower),
		"toUpper":         texts(strings.ToUpper),
		"trim":            texts(strings.TrimSpace),
		"string":          texts(func(s string) string { return s }),
		"concat":          {1, -1, eager(concat)},
		"length":          {1, 1, eager(length)},
		"empty":           {1, 1, eager(empty)},
		"startsWith":      {2, 2, eager(affix(strings.HasPrefix))},
		"endsWith":        {2, 2, eager(affix(strings.HasSuffix))},
		"substring":       {2, 3, eager(substring)},
		"replace": {3, 3, eager(func(_ *scope, a []any) (any, error) {
			return strings.ReplaceAll(textOf(a[0]), textOf(a[1]), textOf(a[2])), nil
		})},
		"split":       {2, 2, eager(split)},
		"first":       {1, 1, eager(end(func(n int) int { return 0 }))},
		"last":        {1, 1, eager(end(func(n int) int { return n - 1 }))},
		"createArray": {0, -1, eager(func(_ *scope, a []any) (any, error) { return a, nil })},
		"int":         {1, 1, eager(integer)},
		"coalesce":    {1, -1, eager(coalesce)},
	}
}

const timeForm = "2006-01-02T15:04:05.0000000Z"

// eager evaluates the arguments first.
func eager(fn func(*scope, []any) (any, error)) func(*scope, []value) (any, error) {
	return func(s *scope, args []value) (any, error) {
		values, err := list(args).get(s)
		if err != nil {
			return nil, err
		}
		all, _ := values.([]any)
		return fn(s, all)
	}
}

// either evaluates the one branch that it gives.
func either(s *scope, args []value) (any, error) {
	condition, err := args[0].get(s)
	if err != nil {
		return nil, err
	}
	if textOf(condition) == "true" {
		return args[1].get(s)
	}
	return args[2].get(s)
}

func parameter(s *scope, a []any) (any, error) {
	if v := get(s.in.Parameters, textOf(a[0])); v != nil {
		return v, nil
	}
	return nil, fmt.Errorf("the parameter '%s' has no value", textOf(a[0]))
}

// fieldValue is what a field holds: "" if it is not there, the list of all
// members of an array alias.
func fieldValue(s *scope, a []any) (any, error) {
	members, collection := s.in.Resource.members(textOf(a[0]), s.at)
	if collection {
		values := []any{}
		for _, m := range members {
			values = append(values, m.value)
		}
		return values, nil
	}
	if members[0].value == nil {
		return "", nil
	}
	return members[0].value, nil
}

func currentValue(s *scope, a []any) (any, error) {
	name := ""
	if len(a) > 0 {
		name = strings.ToLower(textOf(a[0]))
	}
	v, ok := s.current[name]
	if !ok {
		return nil, fmt.Errorf("no count goes through '%s'", name)
	}
	return v, nil
}

func resourceGroup(s *scope, _ []any) (any, error) {
	if s.in.Resource.Group == nil {
		return nil, fmt.Errorf("the resource is in no resource group")
	}
	return s.in.Resource.Group, nil
}

func requestContext(s *scope, _ []any) (any, error) {
	return map[string]any{"apiVersion": s.in.Resource.APIVersion}, nil
}

func addDays(_ *scope, a []any) (any, error) {
	t, err := time.Parse(time.RFC3339, textOf(a[0]))
	if err != nil {
		return nil, fmt.Errorf("'%s' is no time", textOf(a[0]))
	}
	days, ok := a[1].(float64)
	if !ok {
		return nil, fmt.Errorf("'%s' is no number of days", textOf(a[1]))
	}
	return t.AddDate(0, 0, int(days)).UTC().Format(timeForm), nil
}

func every(_ *scope, a []any) (any, error) {
	for _, v := range a {
		if textOf(v) != "true" {
			return false, nil
		}
	}
	return true, nil
}

func some(_ *scope, a []any) (any, error) {
	for _, v := range a {
		if textOf(v) == "true" {
			return true, nil
		}
	}
	return false, nil
}

// concat joins text, or lists.
func concat(_ *scope, a []any) (any, error) {
	if _, ok := a[0].([]any); ok {
		joined := []any{}
		for _, v := range a {
			l, ok := v.([]any)
			if !ok {
				return nil, fmt.Errorf("lists and text cannot be joined")
			}
			joined = append(joined, l...)
		}
		return joined, nil
	}
	var b strings.Builder
	for _, v := range a {
		b.WriteString(textOf(v))
	}
	return b.String(), nil
}

func length(_ *scope, a []any) (any, error) {
	switch v := a[0].(type) {
	case []any:
		return float64(len(v)), nil
	case map[string]any:
		return float64(len(v)), nil
	case string:
		return float64(len([]rune(v))), nil
	}
	return nil, fmt.Errorf("'%s' has no length", textOf(a[0]))
}

func empty(s *scope, a []any) (any, error) {
	if a[0] == nil {
		return true, nil
	}
	n, err := length(s, a)
	return n == 0.0, err
}

func affix(has func(s, affix string) bool) func(*scope, []any) (any, error) {
	return func(_ *scope, a []any) (any, error) {
		return has(strings.ToLower(textOf(a[0])), strings.ToLower(textOf(a[1]))), nil
	}
}

func substring(_ *scope, a []any) (any, error) {
	runes := []rune(textOf(a[0]))
	start, ok := a[1].(float64)
	until := float64(len(runes))
	if len(a) == 3 {
		n, isNumber := a[2].(float64)
		until, ok = start+n, ok && isNumber
	}
	if !ok || start < 0 || until < start || until > float64(len(runes)) {
		return nil, fmt.Errorf("the text '%s' does not reach from %s", string(runes), textOf(a[1]))
	}
	return string(runes[int(start):int(until)]), nil
}

func split(_ *scope, a []any) (any, error) {
	parts := []any{}
	for _, p := range strings.Split(textOf(a[0]), textOf(a[1])) {
		parts = append(parts, p)
	}
	return parts, nil
}

// end is the first or last member of a list, or letter of a text: "" of none.
func end(at func(n int) int) func(*scope, []any) (any, error) {
	return func(_ *scope, a []any) (any, error) {
		if l, ok := a[0].([]any); ok {
			if len(l) == 0 {
				return nil, nil
			}
			return l[at(len(l))], nil
		}
		runes := []rune(textOf(a[0]))
		if len(runes) == 0 {
			return "", nil
		}
		return string(runes[at(len(runes))]), nil
	}
}

func integer(_ *scope, a []any) (any, error) {
	n, err := strconv.ParseInt(textOf(a[0]), 10, 64)
	if err != nil {
		return nil, fmt.Errorf("'%s' is no whole number", textOf(a[0]))
	}
	return float64(n), nil
}

func coalesce(_ *scope, a []any) (any, error) {
	for _, v := range a {
		if v != nil {
			return v, nil
		}
	}
	return nil, nil
}
