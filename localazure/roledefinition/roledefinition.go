// Package roledefinition holds built-in role definitions of Azure, as public
// documentation gives them. All and ByName are what to start with.
//
// builtin/ has one file per role, in the form in which
// learn.microsoft.com/azure/role-based-access-control/built-in-roles prints
// them, less what is the same for all of them: the type is
// Microsoft.Authorization/roleDefinitions, the roleType BuiltInRole, and the
// role is assignable everywhere. README.md names the pages.
//
// Names drift and ids do not: compare ids.
package roledefinition

import (
	"embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/kars-dev/kars/internal/rbac"
)

//go:embed builtin/*.json
var files embed.FS

// A role is a file of builtin/.
type role struct {
	Name        string            `json:"name"` // GUID
	RoleName    string            `json:"roleName"`
	FormerNames []string          `json:"formerNames"`
	Description string            `json:"description"`
	Permissions []rbac.Permission `json:"permissions"`
}

// roles reads the embedded files once. They are part of the program: a test
// proves that they parse.
var roles = sync.OnceValue(func() []role {
	entries, err := files.ReadDir("builtin")
	if err != nil {
		panic(fmt.Sprintf("listing the embedded role definitions: %v", err))
	}
	out := make([]role, len(entries))
	for i, e := range entries {
		content, err := files.ReadFile("builtin/" + e.Name())
		if err == nil {
			err = json.Unmarshal(content, &out[i])
		}
		if err != nil {
			panic(fmt.Sprintf("reading the embedded role definition %s: %v", e.Name(), err))
		}
	}
	return out
})

func (r role) definition() rbac.RoleDefinition {
	return rbac.RoleDefinition{
		ID:               r.Name,
		Name:             r.RoleName,
		Description:      r.Description,
		Type:             "BuiltInRole",
		Permissions:      slices.Clone(r.Permissions),
		AssignableScopes: []string{rbac.Root},
	}
}

// All returns every built-in role that is known here, ordered by name.
func All() []rbac.RoleDefinition {
	out := make([]rbac.RoleDefinition, 0, len(roles()))
	for _, r := range roles() {
		out = append(out, r.definition())
	}
	slices.SortFunc(out, func(a, b rbac.RoleDefinition) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// ByName finds a role by its name, or one it had before, without regard to
// case.
func ByName(name string) (rbac.RoleDefinition, bool) {
	for _, r := range roles() {
		if strings.EqualFold(r.RoleName, name) || slices.ContainsFunc(r.FormerNames, func(former string) bool { return strings.EqualFold(former, name) }) {
			return r.definition(), true
		}
	}
	return rbac.RoleDefinition{}, false
}

// ByID finds a role by its GUID.
func ByID(id string) (rbac.RoleDefinition, bool) {
	for _, r := range roles() {
		if strings.EqualFold(r.Name, id) {
			return r.definition(), true
		}
	}
	return rbac.RoleDefinition{}, false
}
