package authorization

import (
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/kars-dev/kars/localazure/arm"
)

// filter is the $filter of a list of role assignments.
type filter struct {
	atScope    bool   // nothing below the scope
	principal  string // assigned to this principal itself
	assignedTo string // assigned to it or to a group it is in
}

// parseFilter reads "atScope()", "principalId eq '…'" and "assignedTo('…')",
// joined by "and".
func parseFilter(text string) (filter, error) {
	var f filter
	text = strings.TrimSpace(text)
	if text == "" {
		return f, nil
	}
	for _, term := range regexp.MustCompile(`(?i)\s+and\s+`).Split(text, -1) {
		if !f.take(strings.TrimSpace(term)) {
			return filter{}, arm.Errorf(http.StatusBadRequest, "UnsupportedFilter",
				"The filter '%s' is not supported. Supported filters are 'atScope()', 'principalId eq '{value}'' and 'assignedTo('{value}')'.", text)
		}
	}
	return f, nil
}

func (f *filter) take(term string) bool {
	if strings.EqualFold(term, "atScope()") {
		f.atScope = true
		return true
	}
	m := regexp.MustCompile(`(?i)^(principalId\s+eq\s+|assignedTo\()\s*'?\{?([0-9a-z-]+)\}?'?\s*(\))?$`).FindStringSubmatch(term)
	if m == nil {
		return false
	}
	if strings.HasPrefix(strings.ToLower(m[1]), "assignedto") {
		f.assignedTo = m[2]
		return m[3] == ")"
	}
	f.principal = m[2]
	return m[3] == ""
}

func (f filter) concerns(principals []string, id string) bool {
	if f.principal == "" && f.assignedTo == "" {
		return true
	}
	return slices.ContainsFunc(principals, func(p string) bool { return strings.EqualFold(p, id) })
}
