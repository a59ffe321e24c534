package permissions

import (
	"slices"
	"strings"

	"github.com/kars-dev/kars/internal/plan"
	"github.com/kars-dev/kars/internal/rbac"
)

// RoleName is the custom role's, unless another is asked for. A tenant has one
// custom role of a name.
const RoleName = "kars Deployer"

// Options say for whom the page is, and how far the rights go.
type Options struct {
	Plan      *plan.Plan
	Principal Principal // the zero one is filled in by whoever applies the page
	RoleName  string    // RoleName if empty
	// Group says that the resource group is there already and that the role is
	// held at the group: what lies outside of it is left to the subscription's
	// owner (U10).
	Group bool
	// Registered says that the owner has registered the providers and features,
	// so that nobody needs the right to.
	Registered bool
	// Constrain puts a condition on the role's assignment: only the roles of the
	// plan may be given, and only to principals of the plan's type.
	Constrain bool
	// Local says that the plan is of the local Azure, so that the deployer's half
	// of [Split] is run there. The Azure CLI does not reach it.
	Local bool
}

// Principal is who gets the rights.
type Principal struct {
	ObjectID    string `json:"objectId,omitempty"`
	Type        string `json:"type,omitempty"` // User, Group or ServicePrincipal, as in a role assignment
	DisplayName string `json:"displayName,omitempty"`
}

// Page is everything that is asked for. Its JSON is what [Compare] reads back.
type Page struct {
	APIVersion     string    `json:"apiVersion"`
	Kind           string    `json:"kind"` // Permissions
	Principal      Principal `json:"principal"`
	TenantID       string    `json:"tenantId,omitempty"`
	SubscriptionID string    `json:"subscriptionId"`
	Cluster        string    `json:"cluster,omitempty"`
	// Scopes are where the custom role is assigned: the subscription or the
	// group first, then what lies elsewhere, as an account of another group.
	Scopes      []string     `json:"scopes"`
	Permissions []Permission `json:"permissions"`
	Roles       []Role       `json:"roles"`
	// Gives are the role assignments that the run makes.
	Gives            []Gift `json:"gives"`
	Condition        string `json:"condition,omitempty"` // of the custom role's assignment
	ConditionVersion string `json:"conditionVersion,omitempty"`

	registered bool
	partial    bool // only what is missing
}

// Permission is one right, at one scope, for one reason.
type Permission struct {
	Action string        `json:"action"` // for a directory right, what it does there
	Kind   plan.NeedKind `json:"kind"`
	Of     string        `json:"of,omitempty"` // the provider or the feature that the action registers
	Scope  string        `json:"scope"`        // ARM id, or "/" for the tenant
	Step   plan.Step     `json:"step,omitempty"`
	Why    string        `json:"why"`
	// Role brings the right; empty where it is left to the subscription's owner.
	Role     string `json:"role,omitempty"`
	Optional bool   `json:"optional,omitempty"` // the run goes on without it
}

// RoleKind says where a role is defined.
type RoleKind string

// The kinds of role.
const (
	CustomRole    RoleKind = "custom"
	BuiltInRole   RoleKind = "builtIn"
	DirectoryRole RoleKind = "directory"
)

// Role is a role that would do. The custom role does all of the subscription's
// part; so do Contributor and User Access Administrator together; of directory
// roles it takes one.
type Role struct {
	Name  string   `json:"name"`
	ID    string   `json:"id,omitempty"` // of the definition; a custom role gets one when it is made
	Kind  RoleKind `json:"kind"`
	Scope string   `json:"scope"`
	Why   string   `json:"why"`
}

// Gift is a role that the run gives on.
type Gift struct {
	Role          string `json:"role"`
	RoleID        string `json:"roleId"`
	Principal     string `json:"principal"`
	PrincipalType string `json:"principalType"`
	Scope         string `json:"scope"`
	Condition     string `json:"condition,omitempty"`
	Why           string `json:"why"`
}

// New makes the page of a plan.
func New(o Options) *Page {
	p := blank(o)
	for _, n := range o.Plan.Needs {
		if right, ok := p.right(n, o); ok {
			p.Permissions = append(p.Permissions, right)
		}
	}
	p.finish(o)
	return p
}

// Missing makes the page of what somebody lacks: rights as a report names
// them, of the plan in o.
func Missing(o Options, rights []Permission) *Page {
	p := blank(o)
	p.partial = true
	for _, r := range rights {
		r.Role = p.bringer(o, r.Kind, r.Scope)
		p.Permissions = append(p.Permissions, r)
	}
	p.finish(o)
	return p
}

func blank(o Options) *Page {
	p := &Page{
		APIVersion: "kars.azure.com/v1alpha1", Kind: "Permissions", Principal: o.Principal,
		TenantID: o.Plan.TenantID, SubscriptionID: o.Plan.SubscriptionID, Cluster: o.Plan.Options.ClusterName,
		Scopes: scopes(o), Permissions: []Permission{}, Gives: []Gift{}, registered: o.Registered,
	}
	return p
}

// scopes are the subscription, or the group, and whatever lies in another
// subscription or, for the holder of a group, in another group.
func scopes(o Options) []string {
	first := "/subscriptions/" + o.Plan.SubscriptionID
	if o.Group {
		first = o.Plan.Group.ID
	}
	out := []string{first}
	for _, n := range o.Plan.Needs {
		outside := n.Kind == plan.NeedAction && !n.Optional &&
			!slices.ContainsFunc(out, func(s string) bool { return rbac.Contains(s, n.Scope) })
		if outside && !rbac.Contains(n.Scope, first) {
			out = append(out, n.Scope)
		}
	}
	return out
}

// right is what a need asks for; ok is false where it asks for nothing here.
func (p *Page) right(n plan.Need, o Options) (r Permission, ok bool) {
	r = Permission{Action: n.Action, Kind: n.Kind, Scope: n.Scope, Step: n.Step, Why: n.Why, Optional: n.Optional}
	if o.Group && n.Scope == o.Plan.Group.ID && n.Action == groupWrite {
		return r, false
	}
	if action := n.RegisterAction(); action != "" {
		if o.Registered || n.Action == alwaysRegistered {
			return r, false
		}
		r.Action, r.Of, r.Why = action, n.Action, "register "+n.Action+": "+n.Why
	}
	r.Role = p.bringer(o, n.Kind, n.Scope)
	return r, true
}

const (
	groupWrite = "Microsoft.Resources/subscriptions/resourceGroups/write"

	// alwaysRegistered needs no registration, and has no action for it, so that
	// Azure would refuse a role that names one.
	// learn.microsoft.com/azure/role-based-access-control/permissions/management-and-governance#microsoftauthorization
	alwaysRegistered = "Microsoft.Authorization"
)

// bringer is the role that brings a right at a scope.
func (p *Page) bringer(o Options, kind plan.NeedKind, scope string) string {
	switch kind {
	case plan.NeedDirectory:
		return plan.AgentIDRoles()[0].Name
	case plan.NeedAccount:
		return ""
	}
	if slices.ContainsFunc(p.Scopes, func(s string) bool { return rbac.Contains(s, scope) }) {
		return o.roleName()
	}
	return ""
}

func (o Options) roleName() string {
	if o.RoleName != "" {
		return o.RoleName
	}
	return RoleName
}

// finish fills in what follows from the permissions.
func (p *Page) finish(o Options) {
	p.Roles = p.roles(o)
	if !p.has(assignmentWrite) {
		return
	}
	for _, g := range o.Plan.Grants {
		p.Gives = append(p.Gives, Gift{g.Role.Name, g.Role.ID, string(g.Principal), g.PrincipalType, g.Scope, g.Condition, g.Why})
	}
	if o.Constrain {
		p.Condition, p.ConditionVersion = o.Plan.GrantCondition(), "2.0"
	}
}

const (
	assignmentWrite = "Microsoft.Authorization/roleAssignments/write"
	credentialWrite = "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/write"
)

func (p *Page) has(action string) bool {
	return slices.ContainsFunc(p.Permissions, func(r Permission) bool { return strings.EqualFold(r.Action, action) })
}

// directory says whether a right in the directory is asked for.
func (p *Page) directory() bool {
	return slices.ContainsFunc(p.Permissions, func(r Permission) bool { return r.Kind == plan.NeedDirectory })
}
