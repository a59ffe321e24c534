package rbac

import (
	"regexp"
	"slices"
	"strings"
)

// naive decides by the steps in which the documentation says that Azure does,
// one after another over plain lists. It shares the types of Input with the
// product and no code: it was written from
// learn.microsoft.com/azure/role-based-access-control/overview#how-azure-rbac-determines-if-a-user-has-access-to-a-resource
// and the pages that it links to.
type naive struct {
	Input
	// above lists for every scope, as its name is written in the tenant, that
	// scope and all that contain it.
	above map[string][]string
	// conditions are what the texts of conditions mean. A text that is not here
	// means nothing that anybody knows.
	conditions map[string]clause
}

// decide answers for the ids of a caller and of all its groups.
func (n naive) decide(ids []string, r Request) Verdict {
	granted := no
	for _, a := range n.Assignments {
		if n.contains(a.Scope, r.Scope) && anyOf(ids, a.PrincipalID) {
			granted = or(granted, n.grants(a, r))
		}
	}
	denied := no
	for _, d := range n.Denies {
		if n.reaches(d, r.Scope) && n.meant(d, ids) {
			denied = or(denied, and(n.permits(d.Permissions, r), n.condition(d.Condition, d.ConditionVersion, r)))
		}
	}
	switch and(granted, not(denied)) {
	case yes:
		return Allowed
	case no:
		return Denied
	}
	return Unknown
}

// grants: what the role of an assignment allows, if its condition is met.
func (n naive) grants(a Assignment, r Request) answer {
	for _, d := range n.Definitions {
		if strings.EqualFold(d.ID, a.RoleDefinitionID) {
			return and(n.permits(d.Permissions, r), n.condition(a.Condition, a.ConditionVersion, r))
		}
	}
	return maybe
}

// permits: Actions - NotActions, DataActions - NotDataActions, set by set.
func (n naive) permits(sets []Permission, r Request) answer {
	out := no
	for _, s := range sets {
		allow, except := s.Actions, s.NotActions
		if r.Data {
			allow, except = s.DataActions, s.NotDataActions
		}
		matches := func(pattern string) bool { return naiveMatch(pattern, r.Action) }
		if slices.ContainsFunc(allow, matches) && !slices.ContainsFunc(except, matches) {
			out = or(out, n.condition(s.Condition, s.ConditionVersion, r))
		}
	}
	return out
}

func (n naive) condition(text, version string, r Request) answer {
	if text == "" {
		return yes
	}
	c := n.conditions[text]
	if c == nil || version != "" && version != "2.0" {
		return maybe
	}
	return c.holds(r, false)
}

func (n naive) contains(outer, inner string) bool {
	return slices.ContainsFunc(n.above[inner], func(s string) bool { return sameID(s, outer) })
}

func (n naive) reaches(d DenyAssignment, scope string) bool {
	if d.DoNotApplyToChildScopes {
		return sameID(d.Scope, scope)
	}
	return n.contains(d.Scope, scope)
}

func (n naive) meant(d DenyAssignment, ids []string) bool {
	if slices.ContainsFunc(d.ExcludePrincipals, func(id string) bool { return anyOf(ids, id) }) {
		return false
	}
	return slices.ContainsFunc(d.Principals, func(id string) bool {
		return id == "00000000-0000-0000-0000-000000000000" || anyOf(ids, id)
	})
}

func anyOf(ids []string, id string) bool {
	return slices.ContainsFunc(ids, func(s string) bool { return strings.EqualFold(s, id) })
}

func sameID(a, b string) bool {
	return strings.EqualFold(strings.TrimRight(a, "/"), strings.TrimRight(b, "/"))
}

// regexMatch is a pattern match by a regular expression, which cannot be wrong
// in the way in which Match could be.
func regexMatch(pattern, action string) bool {
	var b strings.Builder
	b.WriteString(`(?s)\A`)
	for _, c := range pattern {
		switch {
		case c == '*':
			b.WriteString(".*")
		case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z':
			b.WriteString("[" + string(c&^0x20) + string(c|0x20) + "]")
		default:
			b.WriteString(regexp.QuoteMeta(string(c)))
		}
	}
	return regexp.MustCompile(b.String() + `\z`).MatchString(action)
}

// naiveMatch tries everything that a "*" could stand for.
func naiveMatch(pattern, action string) bool {
	switch {
	case pattern == "":
		return action == ""
	case pattern[0] == '*':
		return naiveMatch(pattern[1:], action) || action != "" && naiveMatch(pattern, action[1:])
	}
	return action != "" && strings.EqualFold(pattern[:1], action[:1]) && naiveMatch(pattern[1:], action[1:])
}

// An answer is yes, no or maybe, combined as everybody would.
type answer string

const (
	yes   answer = "yes"
	no    answer = "no"
	maybe answer = "maybe"
)

func and(a, b answer) answer {
	switch {
	case a == no || b == no:
		return no
	case a == yes && b == yes:
		return yes
	}
	return maybe
}

func or(a, b answer) answer { return not(and(not(a), not(b))) }

func not(a answer) answer {
	return map[answer]answer{yes: no, no: yes, maybe: maybe}[a]
}
