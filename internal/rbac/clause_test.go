package rbac

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A clause is a condition by its meaning, from which its text is written. It
// knows nothing of how Conditions are parsed and evaluated:
// learn.microsoft.com/azure/role-based-access-control/conditions-format.
//
// holds answers for a request; under says that an odd number of negations is
// around the clause.
type clause interface {
	holds(r Request, under bool) answer
	write(r *rand.Rand) string
}

type (
	conjunction struct{ a, b clause }
	disjunction struct{ a, b clause }
	opposite    struct{ of clause }
	onAction    struct{ pattern string }
	onSub       struct{ pattern string }
	present     struct{ source, name string }
	compares    struct {
		source, name string
		op           comparator
		values       []string // of the right, as texts
		quantifier   string   // empty: one value
	}
)

func (c conjunction) holds(r Request, under bool) answer {
	return and(c.a.holds(r, under), c.b.holds(r, under))
}

func (c disjunction) holds(r Request, under bool) answer {
	return or(c.a.holds(r, under), c.b.holds(r, under))
}
func (c opposite) holds(r Request, under bool) answer { return not(c.of.holds(r, !under)) }
func (c onAction) holds(r Request, _ bool) answer     { return is(naiveMatch(c.pattern, r.Action)) }
func (c onSub) holds(r Request, _ bool) answer {
	return is(r.SubOperation != "" && naiveMatch(c.pattern, r.SubOperation))
}

func (c present) holds(r Request, _ bool) answer {
	v, known := attributeOf(r, c.source, c.name)
	if !known {
		return maybe
	}
	return is(v != nil)
}

func is(b bool) answer {
	if b {
		return yes
	}
	return no
}

// attributeOf looks for "@Source[name]", then for the bare name.
func attributeOf(r Request, source, name string) (value, bool) {
	if v, ok := r.Attributes["@"+source+"["+name+"]"]; ok {
		return v, true
	}
	if source == "Request" || source == "Resource" {
		v, ok := r.Attributes[name]
		return v, ok
	}
	return nil, false
}

type value = interface{}

// A comparator is an operator: test compares two values that are written as
// texts, and order says whether it may be put in the negative.
type comparator struct {
	name     string
	kind     string // text, number, bool, guid, time
	test     func(left, right string) bool
	negation bool
}

func (c compares) holds(r Request, under bool) answer {
	v, known := attributeOf(r, c.source, c.name)
	switch {
	case !known:
		return maybe
	case v == nil && (c.op.negation || under):
		return maybe // what becomes of the negation is not documented
	case v == nil:
		return no
	}
	left := v.([]string)
	if c.quantifier == "" && len(left) > 1 {
		return maybe
	}
	everyLeft := strings.HasPrefix(c.quantifier, "ForAll")
	everyRight := strings.HasSuffix(c.quantifier, "OfAllValues:")
	return is(quantified(left, everyLeft, func(l string) bool {
		return quantified(c.values, everyRight, func(rt string) bool { return c.op.test(l, rt) })
	}))
}

func quantified(values []string, every bool, test func(string) bool) bool {
	if every {
		return !slices.ContainsFunc(values, func(v string) bool { return !test(v) })
	}
	return slices.ContainsFunc(values, test)
}

// comparators are the operators, by the words of the documentation.
func comparators() []comparator {
	number := func(s string) int { n, _ := strconv.Atoi(s); return n }
	at := func(s string) time.Time { t, _ := time.Parse(time.RFC3339Nano, s); return t }
	lower := strings.ToLower
	like := func(text, pattern string) bool {
		p := strings.NewReplacer(`\*`, `\*`, `\?`, `\?`, `*`, `.*`, `?`, `.`).Replace(pattern)
		return regexp.MustCompile(`(?s)\A` + p + `\z`).MatchString(text)
	}
	positive := []comparator{
		{"StringEquals", "text", func(l, r string) bool { return l == r }, false},
		{"StringEqualsIgnoreCase", "text", func(l, r string) bool { return lower(l) == lower(r) }, false},
		{"StringStartsWith", "text", strings.HasPrefix, false},
		{"StringStartsWithIgnoreCase", "text", func(l, r string) bool { return strings.HasPrefix(lower(l), lower(r)) }, false},
		{"StringLike", "text", like, false},
		{"StringLikeIgnoreCase", "text", func(l, r string) bool { return like(lower(l), lower(r)) }, false},
		{"NumericEquals", "number", func(l, r string) bool { return number(l) == number(r) }, false},
		{"BoolEquals", "bool", func(l, r string) bool { return l == r }, false},
		{"GuidEquals", "guid", strings.EqualFold, false},
		{"DateTimeEquals", "time", func(l, r string) bool { return at(l).Equal(at(r)) }, false},
	}
	out := slices.Clone(positive)
	for _, p := range positive {
		name := strings.NewReplacer("Equals", "NotEquals", "StartsWith", "NotStartsWith", "Like", "NotLike").Replace(p.name)
		out = append(out, comparator{name, p.kind, func(l, r string) bool { return !p.test(l, r) }, true})
	}
	for suffix, want := range map[string][]int{"LessThan": {-1}, "LessThanEquals": {-1, 0}, "GreaterThan": {1}, "GreaterThanEquals": {1, 0}} {
		out = append(out,
			comparator{"Numeric" + suffix, "number", func(l, r string) bool { return slices.Contains(want, cmp.Compare(number(l), number(r))) }, false},
			comparator{"DateTime" + suffix, "time", func(l, r string) bool { return slices.Contains(want, at(l).Compare(at(r))) }, false})
	}
	slices.SortFunc(out, func(a, b comparator) int { return strings.Compare(a.name, b.name) })
	return out
}

func (c conjunction) write(r *rand.Rand) string {
	return "(" + c.a.write(r) + gap(r) + oneOf(r, "AND", "&&", "and") + gap(r) + c.b.write(r) + ")"
}

func (c disjunction) write(r *rand.Rand) string {
	return "(" + c.a.write(r) + gap(r) + oneOf(r, "OR", "||", "Or") + gap(r) + c.b.write(r) + ")"
}

func (c opposite) write(r *rand.Rand) string {
	return oneOf(r, "!", "NOT ") + "(" + c.of.write(r) + ")"
}
func (c onAction) write(*rand.Rand) string { return "ActionMatches{'" + c.pattern + "'}" }
func (c onSub) write(*rand.Rand) string    { return "SubOperationMatches{'" + c.pattern + "'}" }
func (c present) write(*rand.Rand) string  { return "Exists @" + c.source + "[" + c.name + "]" }

func (c compares) write(r *rand.Rand) string {
	values := make([]string, len(c.values))
	for i, v := range c.values {
		values[i] = v
		if c.op.kind == "text" || c.op.kind == "time" {
			values[i] = "'" + v + "'"
		}
	}
	right := strings.Join(values, ","+gap(r))
	if c.quantifier != "" {
		right = "{" + right + "}"
	}
	return fmt.Sprintf("@%s[%s]%s%s%s%s%s", c.source, c.name, gap(r), c.quantifier, c.op.name, gap(r), right)
}

func gap(r *rand.Rand) string { return oneOf(r, " ", "  ", "\n", "\r\n\t") }

func oneOf[T interface{}](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }
