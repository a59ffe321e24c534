package pseudonym

import (
	"regexp"
	"slices"
	"strings"
)

// A kind says what a string of the facts is, and so what becomes of it.
type kind int

const (
	unclassified kind = iota // treated like an id
	keep                     // says nothing about anybody: an action, a region, a state
	id                       // a GUID or an ARM id, or a text with GUIDs in it
	name                     // a name that somebody chose
	role                     // the name of a role, which is public if the role is built in
	text                     // prose, with anything in it
)

// replace puts pseudonyms in a string of a kind.
func (n *names) replace(k kind, s string) string {
	switch k {
	case keep:
		return s
	case name:
		if strings.HasPrefix(s, "/") {
			return n.armID(s)
		}
		return n.name(s)
	case role:
		if n.builtIn[s] {
			return s
		}
		return n.name(s)
	case text:
		s = inProse.ReplaceAllStringFunc(s, n.armID)
		s = guid.ReplaceAllStringFunc(s, n.id)
		s = mail.ReplaceAllStringFunc(s, n.name)
		return n.replaceWords(s)
	}
	if strings.HasPrefix(s, "/") && !strings.ContainsAny(s, " \n") {
		return n.armID(s)
	}
	return guid.ReplaceAllStringFunc(s, n.id)
}

var (
	inProse = regexp.MustCompile(`(?i)/(?:subscriptions|providers)/[^\s'"<>]+[^\s'"<>.,:;)]`)
	mail    = regexp.MustCompile(`[A-Za-z0-9._%+#-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+`)
)

// armID puts pseudonyms for the ids and names in an ARM id; types and regions
// stay.
func (n *names) armID(s string) string {
	segments := strings.Split(s, "/")
	out := slices.Clone(segments)
	for i, segment := range segments {
		out[i] = guid.ReplaceAllStringFunc(segment, n.id)
	}
	for _, i := range nameSegments(segments) {
		if known := n.typed[typeAt(segments, i)+"/"+strings.ToLower(segments[i])]; known != "" {
			out[i] = known
		} else if guid.FindString(segments[i]) != segments[i] {
			out[i] = n.name(segments[i])
		}
	}
	return strings.Join(out, "/")
}

// nameSegments are the places of names in an ARM id: behind a group's segment,
// and every second one behind a provider's namespace, save for regions.
//
// learn.microsoft.com/rest/api/resources/resources/get-by-id
func nameSegments(segments []string) []int {
	var out []int
	for i := 1; i < len(segments); i++ {
		switch strings.ToLower(segments[i-1]) {
		case "resourcegroups":
			out = append(out, i)
		case "providers":
			for i += 2; i < len(segments) && !strings.EqualFold(segments[i-1], "providers"); i += 2 {
				if !strings.EqualFold(segments[i-1], "locations") && segments[i] != "" {
					out = append(out, i)
				}
			}
			i--
		}
	}
	return out
}

// typeAt is the type of what an ARM id names at a place, in lower case.
func typeAt(segments []string, at int) string {
	var types []string
	for i := at - 1; i > 0; i -= 2 {
		types = append(types, segments[i])
		if strings.EqualFold(segments[i], "resourcegroups") {
			break
		}
		if i > 1 && strings.EqualFold(segments[i-2], "providers") {
			types = append(types, segments[i-1])
			break
		}
	}
	slices.Reverse(types)
	return strings.ToLower(strings.Join(types, "/"))
}
