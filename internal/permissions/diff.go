package permissions

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kars-dev/kars/internal/rbac"
)

// Difference is what a change of the plan, or of kars, changes about the
// rights.
type Difference struct {
	APIVersion string       `json:"apiVersion"`
	Kind       string       `json:"kind"` // PermissionsDiff
	Added      []Permission `json:"added"`
	Removed    []Permission `json:"removed"`
	// Gives are roles that the run did not give before: a condition that
	// constrains the deployer must name them too.
	Gives []Gift `json:"gives"`
}

// Compare tells what a page asks for that an older one does not, and the other
// way around. A right counts as there where the older page asked for the same
// action at a scope that it assigned the role to, so that another name of the
// cluster is no new permission.
func Compare(older, newer *Page) Difference {
	d := Difference{
		APIVersion: "kars.azure.com/v1alpha1", Kind: "PermissionsDiff",
		Added: beyond(newer, older), Removed: beyond(older, newer), Gives: []Gift{},
	}
	for _, g := range newer.Gives {
		known := slices.ContainsFunc(older.Gives, func(o Gift) bool {
			return strings.EqualFold(o.RoleID, g.RoleID) && strings.EqualFold(o.PrincipalType, g.PrincipalType)
		})
		if !known && !slices.ContainsFunc(d.Gives, func(o Gift) bool { return o.RoleID == g.RoleID }) {
			d.Gives = append(d.Gives, g)
		}
	}
	return d
}

// beyond are the rights of a page that another does not bring.
func beyond(p, other *Page) []Permission {
	out := []Permission{}
	for _, r := range p.Permissions {
		if !other.brings(r) && !slices.ContainsFunc(out, func(o Permission) bool { return same(o, r) && o.Scope == r.Scope }) {
			out = append(out, r)
		}
	}
	return out
}

func (p *Page) brings(r Permission) bool {
	return slices.ContainsFunc(p.Permissions, func(have Permission) bool {
		if !same(have, r) {
			return false
		}
		around := func(s string) bool { return rbac.Contains(s, r.Scope) }
		return rbac.Contains(have.Scope, r.Scope) || have.Role != "" && have.Role == p.roleName() && slices.ContainsFunc(p.Scopes, around)
	})
}

func same(a, b Permission) bool { return a.Kind == b.Kind && strings.EqualFold(a.Action, b.Action) }

// Empty reports whether nothing more is asked for, and no other role given.
func (d Difference) Empty() bool { return len(d.Added) == 0 && len(d.Gives) == 0 }

// Summary says it in one line, as "this change needs two new permissions".
func (d Difference) Summary() string {
	var parts []string
	switch n := actions(d.Added); {
	case n > 0:
		parts = append(parts, fmt.Sprintf("this change needs %s new %s", count(n), plural("permission", n)))
	default:
		parts = append(parts, "this change needs no new permission")
	}
	if n := actions(d.Removed); n > 0 {
		parts = append(parts, fmt.Sprintf("%s %s no longer needed", count(n), verb(n)))
	}
	if n := len(d.Gives); n > 0 {
		parts = append(parts, fmt.Sprintf("the run gives %s more %s", count(n), plural("role", n)))
	}
	return strings.Join(parts, "; ")
}

// actions counts the different actions among rights.
func actions(of []Permission) int {
	names := make([]string, len(of))
	for i, r := range of {
		names[i] = string(r.Kind) + " " + r.Action
	}
	return len(distinct(names))
}

func count(n int) string {
	words := []string{"no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"}
	if n < len(words) {
		return words[n]
	}
	return fmt.Sprint(n)
}

func plural(word string, n int) string {
	if n == 1 {
		return word
	}
	return word + "s"
}

func verb(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}
