package policyrule

import (
	"maps"
	"strings"
)

// With returns the resource with a field set, the rest as it was. Fields of
// arrays' members cannot be set.
func (r Resource) With(name string, v any) Resource {
	r.Content = maps.Clone(r.Content)
	if r.Content == nil {
		r.Content = map[string]any{}
	}
	switch lower := strings.ToLower(name); lower {
	case "name":
		r.Name, r.FullName = textOf(v), textOf(v)
		return r
	case "type":
		r.Type = textOf(v)
		return r
	case "kind", "location", "tags":
		r.Content[lower] = v
		return r
	}
	if tag, ok := tagName(name); ok {
		set(r.Content, v, "tags", tag)
		return r
	}
	p, ok := r.path(name)
	if !ok || strings.Contains(name, "[*]") {
		return r
	}
	var below []string
	for _, s := range p.steps[1:] {
		below = append(below, s.key)
	}
	set(r.Content, v, p.steps[0].key, below...)
	return r
}

// set puts a value at a key of a tree, or below it, in a tree of which it owns
// the top.
func set(tree map[string]any, v any, key string, below ...string) {
	for k := range tree {
		if strings.EqualFold(k, key) {
			key = k
		}
	}
	if len(below) == 0 {
		tree[key] = v
		return
	}
	inner, _ := tree[key].(map[string]any)
	inner = maps.Clone(inner)
	if inner == nil {
		inner = map[string]any{}
	}
	tree[key] = inner
	set(inner, v, below[0], below[1:]...)
}

// Concerns says whether a field is another, or a part of it: tags['a'] of tags.
func Concerns(field, whole string) bool {
	if strings.EqualFold(field, whole) {
		return true
	}
	if tag, ok := tagName(field); ok {
		other, named := tagName(whole)
		return strings.EqualFold(whole, "tags") || named && strings.EqualFold(tag, other)
	}
	return false
}

// FieldName writes a field as Azure's restrictions do: tags.name.
func FieldName(field string) string {
	if tag, ok := tagName(field); ok {
		return "tags." + tag
	}
	return field
}
