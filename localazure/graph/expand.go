package graph

import (
	"strings"
)

// expansion is one relationship of an $expand, with what to show of it.
type expansion struct {
	name     string // in lower case
	selected []string
}

// parseExpand reads "roleDefinition,principal($select=id,displayName)";
// learn.microsoft.com/graph/query-parameters#expand.
func parseExpand(text string) ([]expansion, error) {
	var all []expansion
	for text != "" {
		end := strings.IndexAny(text, ",(")
		if end < 0 {
			end = len(text)
		}
		e := expansion{name: strings.ToLower(strings.TrimSpace(text[:end]))}
		text = text[end:]
		if strings.HasPrefix(text, "(") {
			options, rest, closed := strings.Cut(text[1:], ")")
			name, value, _ := strings.Cut(options, "=")
			if !closed || !strings.EqualFold(strings.TrimSpace(name), "$select") {
				return nil, errUnsupported("$expand")
			}
			e.selected, text = splitList(value), rest
		}
		if !isName(e.name) {
			return nil, errUnsupported("$expand")
		}
		all = append(all, e)
		rest, more := strings.CutPrefix(text, ",")
		if text != "" && (!more || rest == "") {
			return nil, errUnsupported("$expand")
		}
		text = rest
	}
	return all, nil
}
