package plan

// NeedKind says what kind of right a need is.
type NeedKind string

// The kinds of need.
const (
	NeedAction       NeedKind = "action"       // an ARM action at a scope
	NeedData         NeedKind = "data"         // a data action at a scope
	NeedRegistration NeedKind = "registration" // a provider's registration with the subscription
	NeedFeature      NeedKind = "feature"      // a preview feature's registration with the subscription
	NeedDirectory    NeedKind = "directory"    // a right in the tenant's directory
	NeedAccount      NeedKind = "account"      // the account behind a URL, whose ARM id nobody knows yet
)

// Need is one thing that the caller must be able to do for the plan.
type Need struct {
	Kind NeedKind `json:"kind"`
	// Action is the action or data action; for the other kinds the provider's
	// namespace, the feature as [Feature.ID] names it, [AgentIDNeed], or the URL.
	Action string `json:"action"`
	Scope  string `json:"scope"` // ARM id, or "/" for the tenant
	// Principal is always [Caller]; what others must be able to do, later, is in
	// [Plan.Duties].
	Principal string `json:"principal"`
	Step      Step   `json:"step"`
	Why       string `json:"why"`
	// Equivalent is another action that satisfies the need, or empty.
	Equivalent string `json:"equivalent,omitempty"`
	// Attributes are those of the request, for conditions: the role definition
	// and the principal's type of the assignment that is to be written.
	Attributes map[string]any `json:"-"`
	// Optional needs have a fallback: without them the run warns and goes on.
	Optional bool `json:"optional,omitempty"`
	// Proof needs are rights to look, that the run can do without: one that is
	// lacking is no finding of its own, it leaves undecided the check that Why
	// names. They are all Optional too.
	Proof bool `json:"proof,omitempty"`
	// OnlyIfAbsent needs fall away where the resource at Scope is there already.
	OnlyIfAbsent bool `json:"onlyIfAbsent,omitempty"`
}

// Caller is the principal of everything that the run itself does.
const Caller = "caller"

// AgentIDNeed is the action of the need for one of the four directory roles
// that may make a blueprint (U25).
const AgentIDNeed = "microsoft.directory/agentIdentityBlueprints/create"

// RegisterAction is the action at the need's scope that registers what a need
// of the kinds [NeedRegistration] and [NeedFeature] names; "" for others. Only
// what is not registered takes it.
// learn.microsoft.com/azure/role-based-access-control/permissions/management-and-governance#microsoftfeatures
func (n Need) RegisterAction() string {
	switch n.Kind {
	case NeedRegistration:
		return n.Action + "/register/action"
	case NeedFeature:
		return "Microsoft.Features/providers/features/register/action"
	default:
		return ""
	}
}

// needList collects needs; each pair of action and scope is stated once, unless
// attributes tell them apart.
type needList struct {
	needs []Need
	seen  map[[2]string]bool
}

func (n *needList) add(need Need) {
	key := [2]string{need.Action, need.Scope}
	if n.seen[key] && need.Attributes == nil {
		return
	}
	n.seen[key] = true
	need.Principal = Caller
	n.needs = append(n.needs, need)
}

func (n *needList) action(step Step, action, scope, why string) {
	n.add(Need{Kind: NeedAction, Action: action, Scope: scope, Step: step, Why: why})
}
