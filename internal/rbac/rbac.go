// Package rbac decides what Azure role-based access control allows.
//
// Start with Compile, which turns role definitions, role assignments and deny
// assignments into a Policy, and Policy.Decide, which answers for one request
// and says why. Match is the matcher of action patterns alone, and Permitted
// the rule for one list of permission sets, as the permissions API of Azure
// Resource Manager returns it.
//
// The package is pure and promises never to guess: what it cannot evaluate (a
// condition that does not parse, an attribute it was not given, a role
// definition it does not know) ends in Unknown, never in Allowed.
//
// The rules are those of
// learn.microsoft.com/azure/role-based-access-control/overview#how-azure-rbac-determines-if-a-user-has-access-to-a-resource.
package rbac

// A Permission is one permission set of a role definition. An action is
// granted when a pattern in Actions matches it and none in NotActions does;
// NotActions takes nothing from any other set.
//
// learn.microsoft.com/azure/role-based-access-control/role-definitions#notactions
type Permission struct {
	Actions        []string `json:"actions"`
	NotActions     []string `json:"notActions"`
	DataActions    []string `json:"dataActions"`
	NotDataActions []string `json:"notDataActions"`
	// Condition guards the set, as that of an assignment does. A few built-in
	// roles have one.
	Condition        string `json:"condition,omitempty"`
	ConditionVersion string `json:"conditionVersion,omitempty"`
}

// A RoleDefinition is a role: permission sets under a name.
type RoleDefinition struct {
	ID               string       `json:"id,omitempty"`   // bare GUID, lower case
	Name             string       `json:"name,omitempty"` // as "Contributor"
	Description      string       `json:"description,omitempty"`
	Type             string       `json:"type,omitempty"` // BuiltInRole or CustomRole
	Permissions      []Permission `json:"permissions,omitempty"`
	AssignableScopes []string     `json:"assignableScopes,omitempty"`
}

// An Assignment gives a role to a principal at a scope and below it.
type Assignment struct {
	ID               string `json:"id,omitempty"`               // ARM id, or whatever tells it apart
	PrincipalID      string `json:"principalId,omitempty"`      // object id
	PrincipalType    string `json:"principalType,omitempty"`    // User, Group, ServicePrincipal
	RoleDefinitionID string `json:"roleDefinitionId,omitempty"` // bare GUID
	Scope            string `json:"scope,omitempty"`            // empty: it applies nowhere
	Condition        string `json:"condition,omitempty"`        // empty: unconditional
	ConditionVersion string `json:"conditionVersion,omitempty"` // "2.0" is the only one that may be written
}

// AllPrincipals is the id by which a deny assignment names everyone.
//
// learn.microsoft.com/azure/role-based-access-control/deny-assignments#the-all-principals-principal
const AllPrincipals = "00000000-0000-0000-0000-000000000000"

// A DenyAssignment takes actions away, whatever roles grant them.
type DenyAssignment struct {
	ID          string       `json:"id,omitempty"`
	Name        string       `json:"name,omitempty"`
	Permissions []Permission `json:"permissions,omitempty"`
	Scope       string       `json:"scope,omitempty"`
	// DoNotApplyToChildScopes keeps it from what lies below Scope.
	DoNotApplyToChildScopes bool `json:"doNotApplyToChildScopes,omitempty"`
	// Principals and ExcludePrincipals hold object ids. An excluded principal
	// excludes its members too.
	Principals        []string `json:"principals,omitempty"`
	ExcludePrincipals []string `json:"excludePrincipals,omitempty"`
	// PrincipalTypes and ExcludePrincipalTypes say what those are, each in the
	// order of its list: User, Group, ServicePrincipal, or SystemDefined for
	// everyone. One that is empty or missing is not known. They decide nothing
	// here.
	//
	// learn.microsoft.com/rest/api/authorization/deny-assignments/list-for-scope
	PrincipalTypes        []string `json:"principalTypes,omitempty"`
	ExcludePrincipalTypes []string `json:"excludePrincipalTypes,omitempty"`
	Condition             string   `json:"condition,omitempty"`
	ConditionVersion      string   `json:"conditionVersion,omitempty"`
}

// A Request is one operation that somebody wants to do.
type Request struct {
	Action string // as "Microsoft.Resources/deployments/write"
	Data   bool   // Action is a data action
	Scope  string // ARM id of what it is done to
	// SubOperation narrows Action, as "Blob.List".
	SubOperation string
	// Attributes are what conditions ask about, named as a condition names
	// them. A bare name, as
	// "Microsoft.Authorization/roleAssignments:RoleDefinitionId", answers both
	// @Request and @Resource; "@Resource[name]" answers that source alone and
	// goes first. Values are strings, bools, numbers, time.Time, or slices of
	// them. A nil value says that there is no such attribute; a name that is
	// not here says that nobody knows.
	Attributes map[string]any
}

// A Verdict is the outcome of a decision.
type Verdict int

// Unknown is the zero value: it lets nobody in.
const (
	Unknown Verdict = iota // it could not be decided
	Denied
	Allowed
)

func (v Verdict) String() string {
	switch v {
	case Allowed:
		return "allowed"
	case Denied:
		return "denied"
	default:
		return "unknown"
	}
}

// A Decision is a verdict and what led to it.
type Decision struct {
	Verdict Verdict
	// Assignment and Definition are the role assignment that decided: the one
	// that allows, or else the one that came nearest. They may be nil.
	Assignment *Assignment
	Definition *RoleDefinition
	// Deny is the deny assignment that decided, if one did.
	Deny *DenyAssignment
	// Pattern is the action pattern that matched: of Actions when allowed, of
	// NotActions or of a deny assignment when denied.
	Pattern string
	// Conditional says that Pattern grants the action, and that a condition
	// keeps it from being allowed.
	Conditional bool
	// Reason says it in a sentence without capital and full stop.
	Reason string
}
