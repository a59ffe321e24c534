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
		set(r.Content, []string{"tags", tag}, v)
		return r
	}
	p, ok := r.path(name)
	if !ok || strings.Contains(name, "[*]") {
		return r
	}
	keys := make([]string, len(p.steps))
	for i, s := range p.steps {
		keys[i] = s.key
	}
	set(r.Content, keys, v)
	return r
}

// set puts a value below a tree of which it owns the top.
func set(tree map[string]any, keys []string, v any) {
	key := keys[0]
	for k := range tree {
		if strings.EqualFold(k, key) {
			key = k
		}
	}
	if len(keys) == 1 {
		tree[key] = v
		return
	}
	inner, _ := tree[key].(map[string]any)
	inner = maps.Clone(inner)
	if inner == nil {
		inner = map[string]any{}
	}
	tree[key] = inner
	set(inner, keys[1:], v)
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
