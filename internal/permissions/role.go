package permissions

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/kars-dev/kars/internal/plan"
)

// Definition is a custom role in the shape that `az role definition create
// --role-definition` and New-AzRoleDefinition take.
// learn.microsoft.com/azure/role-based-access-control/custom-roles#custom-role-properties
type Definition struct {
	Name             string
	Description      string
	IsCustom         bool
	Actions          []string
	NotActions       []string
	DataActions      []string
	NotDataActions   []string
	AssignableScopes []string
}

const description = "Minimal role to run 'kars up' end-to-end"

// Definition is the least custom role of the page: its actions are exactly the
// rights that it brings, sorted, without a wildcard.
func (p *Page) Definition() Definition {
	d := Definition{
		Name: p.roleName(), Description: description, IsCustom: true,
		Actions: []string{}, NotActions: []string{}, DataActions: []string{}, NotDataActions: []string{},
	}
	for _, r := range p.Permissions {
		switch {
		case r.Role != d.Name:
		case r.Kind == plan.NeedData:
			d.DataActions = append(d.DataActions, r.Action)
		default:
			d.Actions = append(d.Actions, r.Action)
		}
	}
	d.Actions, d.DataActions = distinct(d.Actions), distinct(d.DataActions)
	for _, s := range p.Scopes {
		if s = assignable(s); !slices.Contains(d.AssignableScopes, s) {
			d.AssignableScopes = append(d.AssignableScopes, s)
		}
	}
	return d
}

// distinct sorts names and leaves each once, whatever its case.
func distinct(names []string) []string {
	slices.SortFunc(names, func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) })
	return slices.CompactFunc(names, strings.EqualFold)
}

// assignable is the narrowest scope around another that a custom role may be
// assignable at: a group or a subscription, never a resource.
// learn.microsoft.com/azure/role-based-access-control/custom-roles#assignablescopes
func assignable(scope string) string {
	parts := strings.Split(scope, "/")
	return strings.Join(parts[:min(len(parts), 5)], "/")
}

func (p *Page) roleName() string {
	for _, r := range p.Roles {
		if r.Kind == CustomRole {
			return r.Name
		}
	}
	return ""
}

// JSON is the definition as a file.
func (d Definition) JSON() string { return indented(d) }

// indented is v as JSON that a person can read. It never fails: v holds texts
// and trees of them.
func indented(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err)
	}
	return b.String()
}

// The built-in roles that together suffice, and the one that does alone.
// learn.microsoft.com/azure/role-based-access-control/built-in-roles
const (
	contributorID             = "b24988ac-6180-42a0-ab88-20f7382dd24c"
	userAccessAdministratorID = "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9"
	ownerID                   = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
	readerID                  = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
)

// roles are the ways to the rights, the least first.
func (p *Page) roles(o Options) []Role {
	var out []Role
	if at := p.subscriptionPart(o); at {
		scope := p.Scopes[0]
		out = append(out,
			Role{Name: o.roleName(), Kind: CustomRole, Scope: scope, Why: "exactly the rights of this page"},
			Role{"Contributor", contributorID, BuiltInRole, scope, "makes every resource; may give no role"},
		)
		if p.has(assignmentWrite) {
			out = append(out, Role{"User Access Administrator", userAccessAdministratorID, BuiltInRole, scope, "gives the roles, which Contributor may not"})
		}
		out = append(out, Role{"Owner", ownerID, BuiltInRole, scope, "suffices alone, and is not least privilege"})
	}
	if p.directory() {
		for _, r := range plan.AgentIDRoles() {
			out = append(out, Role{r.Name, r.ID, DirectoryRole, "/", r.Suffice})
		}
	}
	if out == nil {
		return []Role{}
	}
	return out
}

// subscriptionPart says whether the custom role has anything to bring.
func (p *Page) subscriptionPart(o Options) bool {
	return slices.ContainsFunc(p.Permissions, func(r Permission) bool { return r.Role == o.roleName() })
}
