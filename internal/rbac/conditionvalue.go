package rbac

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A valueKind is what an operator compares.
type valueKind string

const (
	textValue   valueKind = "text"
	numberValue valueKind = "number"
	boolValue   valueKind = "boolean"
	guidValue   valueKind = "GUID"
	timeValue   valueKind = "time"
)

// A scalar is one value, in the field that its kind uses: text for texts and
// GUIDs, number for numbers and booleans.
type scalar struct {
	text   string
	number int64
	time   time.Time
}

func (s scalar) order(o scalar) int {
	return cmp.Or(strings.Compare(s.text, o.text), cmp.Compare(s.number, o.number), s.time.Compare(o.time))
}

func scalars(values []any, kind valueKind) ([]scalar, error) {
	out := make([]scalar, len(values))
	for i, v := range values {
		s, ok := scalarOf(v, kind)
		if !ok {
			return nil, fmt.Errorf("%v is not a %s", v, kind)
		}
		out[i] = s
	}
	return out, nil
}

func scalarOf(v any, kind valueKind) (scalar, bool) {
	switch kind {
	case textValue:
		text, ok := v.(string) // a bare word is no text
		return scalar{text: text}, ok
	case numberValue:
		n, ok := integer(v)
		return scalar{number: n}, ok
	case boolValue:
		return boolean(v)
	case guidValue:
		guid, ok := guidOf(v)
		return scalar{text: guid}, ok
	case timeValue:
		t, ok := instant(v)
		return scalar{time: t}, ok
	}
	return scalar{}, false
}

// integer takes the integers of Go and of JSON. Azure compares no others.
func integer(v any) (int64, bool) {
	switch n := v.(type) {
	case int:
		return int64(n), true
	case int64:
		return n, true
	case float64:
		return int64(n), n == float64(int64(n))
	case bare:
		i, err := strconv.ParseInt(string(n), 10, 64)
		return i, err == nil
	}
	return 0, false
}

func boolean(v any) (scalar, bool) {
	b, ok := v.(bool)
	if word, isWord := v.(bare); isWord {
		b, ok = fold(string(word)) == "true", fold(string(word)) == "true" || fold(string(word)) == "false"
	}
	if b {
		return scalar{number: 1}, ok
	}
	return scalar{}, ok
}

// guidOf takes a GUID, or an ARM id that ends in one, in lower case.
func guidOf(v any) (string, bool) {
	var text string
	switch s := v.(type) {
	case string:
		text = s[strings.LastIndexByte(s, '/')+1:]
	case bare:
		text = string(s)
	}
	if len(text) != 36 {
		return "", false
	}
	text = fold(text)
	for i := range len(text) {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		if dash != (text[i] == '-') || !dash && strings.IndexByte("0123456789abcdef", text[i]) < 0 {
			return "", false
		}
	}
	return text, true
}

// instant takes a time as conditions write it, 2022-06-01T00:00:00.0Z.
func instant(v any) (time.Time, bool) {
	switch s := v.(type) {
	case time.Time:
		return s, true
	case string:
		t, err := time.Parse(time.RFC3339, s)
		return t, err == nil
	}
	return time.Time{}, false
}

// like matches a text against a pattern in which "*" stands for any text and
// "?" for one character, unless a backslash goes before them.
func like(pattern, text string) bool {
	parts := likeParts(pattern)
	runes := []rune(text)
	p, t, star, resume := 0, 0, -1, 0
	for t < len(runes) {
		switch {
		case p < len(parts) && parts[p].many:
			star, resume = p, t
			p++
		case p < len(parts) && (parts[p].one || parts[p].r == runes[t]):
			p++
			t++
		case star >= 0:
			resume++
			p, t = star+1, resume
		default:
			return false
		}
	}
	for p < len(parts) && parts[p].many {
		p++
	}
	return p == len(parts)
}

type likePart struct {
	many, one bool
	r         rune
}

func likeParts(pattern string) []likePart {
	var out []likePart
	escaped := false
	for _, r := range pattern {
		switch {
		case escaped && r != '*' && r != '?':
			out = append(out, likePart{r: '\\'}, likePart{r: r})
			escaped = false
		case escaped:
			out = append(out, likePart{r: r})
			escaped = false
		case r == '\\':
			escaped = true
		default:
			out = append(out, likePart{many: r == '*', one: r == '?', r: r})
		}
	}
	if escaped {
		out = append(out, likePart{r: '\\'})
	}
	return out
}
