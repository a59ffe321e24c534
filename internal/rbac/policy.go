package rbac

import (
	"maps"
	"slices"
	"strings"
)

// Input is what a policy is made of.
type Input struct {
	Definitions []RoleDefinition
	Assignments []Assignment
	Denies      []DenyAssignment
	// Parents holds, for the scope of a subscription or management group, the
	// scope of the management group above it. What is not in it lies directly
	// below the root.
	Parents map[string]string
}

// A Policy answers requests. It does not change and may be used from many
// goroutines.
type Policy struct {
	roles   map[string]*role
	grants  map[string]map[string][]*grant // scope, principal
	denies  map[string][]*denial           // scope
	parents map[string]string
}

// role is a compiled RoleDefinition.
type role struct {
	definition  *RoleDefinition
	permissions []permission
}

// grant is a compiled Assignment; its role is nil when nobody knows it.
type grant struct {
	assignment *Assignment
	role       *role
	guard      guard
}

// Compile makes a policy. It copies what it needs of in.
func Compile(in Input) *Policy {
	p := &Policy{
		roles:   make(map[string]*role, len(in.Definitions)),
		grants:  make(map[string]map[string][]*grant),
		denies:  make(map[string][]*denial),
		parents: make(map[string]string, len(in.Parents)),
	}
	for child, parent := range in.Parents {
		p.parents[NormalizeScope(child)] = NormalizeScope(parent)
	}
	for _, d := range in.Definitions {
		p.roles[fold(d.ID)] = &role{definition: &d, permissions: compilePermissions(d.Permissions)}
	}
	for _, a := range in.Assignments {
		if a.Scope != "" { // else nobody knows where it applies, and surely not everywhere
			p.addAssignment(a)
		}
	}
	for _, d := range in.Denies {
		scope := NormalizeScope(d.Scope)
		p.denies[scope] = append(p.denies[scope], compileDenial(d))
	}
	return p
}

func (p *Policy) addAssignment(a Assignment) {
	p.addGrant(&grant{
		assignment: &a,
		role:       p.roles[fold(a.RoleDefinitionID)],
		guard:      compileGuard(a.Condition, a.ConditionVersion),
	})
}

func (p *Policy) addGrant(g *grant) {
	scope, principal := NormalizeScope(g.assignment.Scope), fold(g.assignment.PrincipalID)
	at := p.grants[scope]
	if at == nil {
		at = make(map[string][]*grant)
		p.grants[scope] = at
	}
	at[principal] = append(at[principal], g)
}

// with is the policy with one assignment more, of the role d whether or not
// the policy knows it. The policy itself stays as it is.
func (p *Policy) with(d RoleDefinition, a Assignment) *Policy {
	out := *p
	out.grants = maps.Clone(p.grants)
	scope, principal := NormalizeScope(a.Scope), fold(a.PrincipalID)
	if at := maps.Clone(out.grants[scope]); at != nil {
		at[principal] = slices.Clone(at[principal])
		out.grants[scope] = at
	}
	out.addGrant(&grant{
		assignment: &a,
		role:       &role{definition: &d, permissions: compilePermissions(d.Permissions)},
		guard:      compileGuard(a.Condition, a.ConditionVersion),
	})
	return &out
}

// maxManagementGroups bounds the way up. Azure allows six levels below the
// root group; a longer chain is a loop.
//
// learn.microsoft.com/azure/governance/management-groups/overview#important-facts-about-management-groups
const maxManagementGroups = 8

// upwards calls visit with the normalized scope and all that contain it, from
// the narrowest to the root, until visit returns false.
func (p *Policy) upwards(scope string, visit func(scope string) bool) {
	jumps := 0
	for visit(scope) && scope != Root {
		if parent, ok := p.parents[scope]; ok && jumps < maxManagementGroups {
			scope = parent
			jumps++
			continue
		}
		if cut := strings.LastIndexByte(scope, '/'); cut > 0 {
			scope = scope[:cut]
		} else {
			scope = Root
		}
	}
}

// depth counts the scopes above a normalized scope.
func (p *Policy) depth(scope string) int {
	n := -1
	p.upwards(scope, func(string) bool {
		n++
		return true
	})
	return n
}

// Assigned is a role assignment with its role definition, which is nil when
// the policy does not know it.
type Assigned struct {
	Assignment *Assignment
	Definition *RoleDefinition
}

// Assigned lists the role assignments that apply to any of the principals at a
// scope, those inherited from above included, the narrowest first.
func (p *Policy) Assigned(principals []string, scope string) []Assigned {
	var out []Assigned
	p.eachGrant(foldAll(principals), NormalizeScope(scope), func(g *grant) bool {
		out = append(out, Assigned{Assignment: g.assignment, Definition: g.definition()})
		return true
	})
	return out
}

// eachGrant visits what applies to the folded principals at the normalized
// scope, until visit returns false.
func (p *Policy) eachGrant(principals []string, scope string, visit func(*grant) bool) {
	p.upwards(scope, func(scope string) bool {
		at := p.grants[scope]
		if at == nil {
			return true
		}
		for _, principal := range principals {
			for _, g := range at[principal] {
				if !visit(g) {
					return false
				}
			}
		}
		return true
	})
}
