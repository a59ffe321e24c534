package provision

import (
	"fmt"
	"sort"
	"strings"
)

// drift lists the paths at which what is there differs from what is wanted.
// Only what is wanted is compared: Azure adds much of its own. Strings are
// compared without regard to case, as Azure returns ids, locations and
// enumerations in a spelling of its own; lists of named objects are compared by
// name, for their order is Azure's too.
func drift(want, have any) []string {
	var out []string
	compare("", want, have, &out)
	sort.Strings(out)
	return out
}

func compare(path string, want, have any, out *[]string) {
	switch w := want.(type) {
	case map[string]any:
		h, ok := have.(map[string]any)
		if !ok {
			if len(w) > 0 {
				*out = append(*out, path)
			}
			return
		}
		for k, v := range w {
			compare(join(path, k), v, lookup(h, k), out)
		}
	case []any:
		compareLists(path, w, have, out)
	default:
		if !equal(want, have) {
			*out = append(*out, path)
		}
	}
}

func compareLists(path string, want []any, have any, out *[]string) {
	h, ok := have.([]any)
	if !ok || len(h) < len(want) {
		*out = append(*out, path)
		return
	}
	for i, w := range want {
		if name := nameOf(w); name != "" {
			compare(join(path, name), w, byName(h, name), out)
			continue
		}
		compare(fmt.Sprintf("%s[%d]", path, i), w, h[i], out)
	}
}

func equal(a, b any) bool {
	as, aText := a.(string)
	bs, bText := b.(string)
	if aText && bText {
		return strings.EqualFold(as, bs)
	}
	// Numbers come as int from the plan and float64 from JSON.
	return fmt.Sprint(a) == fmt.Sprint(b)
}

// lookup finds a key without regard to case: ids are keys of
// userAssignedIdentities.
func lookup(m map[string]any, key string) any {
	if v, ok := m[key]; ok {
		return v
	}
	for k, v := range m {
		if strings.EqualFold(k, key) {
			return v
		}
	}
	return nil
}

func nameOf(v any) string {
	m, _ := v.(map[string]any)
	name, _ := m["name"].(string)
	return name
}

func byName(list []any, name string) any {
	for _, v := range list {
		if strings.EqualFold(nameOf(v), name) {
			return v
		}
	}
	return nil
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
