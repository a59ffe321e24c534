package plan

// NeedKind says what kind of right a need is.
type NeedKind string

// The kinds of need.
const (
	NeedAction       NeedKind = "action"       // an ARM action at a scope
	NeedRegistration NeedKind = "registration" // a provider's registration with the subscription
	NeedFeature      NeedKind = "feature"      // a preview feature's registration with the subscription
	NeedDirectory    NeedKind = "directory"    // a right in the tenant's directory
	NeedData         NeedKind = "data"         // a data action at a scope
	NeedAccount      NeedKind = "account"      // the account behind a URL, whose ARM id nobody knows yet
)

// Need is one thing that the caller must be able to do for the plan.
type Need struct {
	Kind   NeedKind `json:"kind"`
	Action string   `json:"action"`
	Scope  string   `json:"scope"` // ARM id, or "/" for the tenant
	// Principal is who must be able to: always the caller, so far.
	Principal string `json:"principal"`
	Step      Step   `json:"step"`
	Why       string `json:"why"`
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

const caller = "caller"

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

// needs derives what the run needs from what it makes. The order is that of
// the steps; each pair of action and scope is stated once.
func (p *Plan) needs() []Need {
	n := &needList{seen: map[[2]string]bool{}}
	n.proof(p.groupScope())
	n.readWrite(p, p.Group)
	for _, r := range p.Registrations {
		n.add(Need{Kind: NeedRegistration, Action: r.Namespace, Scope: p.subscriptionScope(), Step: StepRegistration, Why: r.Why})
	}
	for _, f := range p.Features {
		n.add(Need{Kind: NeedFeature, Action: f.ID(), Scope: p.subscriptionScope(), Step: StepRegistration, Why: f.Why, Optional: f.Optional})
	}
	n.look(StepRegistration, "Microsoft.Resources/subscriptions/providers/read", p.subscriptionScope(), "see which providers are registered")
	n.deployment(StepFoundation, p.groupScope())
	for _, r := range p.Of(StepFoundation) {
		n.readWrite(p, r)
	}
	for _, g := range p.Grants {
		n.grant(g)
	}
	for _, r := range p.Of(StepCluster) {
		n.readWrite(p, r)
	}
	n.action(StepCluster, clusterType+"/listClusterUserCredential/action", p.ClusterID(), "connect to the cluster")
	n.action(StepImages, registryType+"/pull/read", p.RegistryID(), "see which images are in the registry")
	n.action(StepImages, registryType+"/importImage/action", p.RegistryID(), "import kars' images")
	if p.Options.MeshTrust != TrustAnonymous {
		n.trust(p)
	}
	if p.Options.Gateway {
		n.action(StepChart, "Microsoft.Network/loadBalancers/write", p.groupScope(), "the gateway is reached through a public load balancer")
	}
	if p.Options.FoundryEndpoint != "" && p.Options.FoundryID == "" {
		n.add(Need{Kind: NeedAccount, Action: p.Options.FoundryEndpoint, Scope: p.subscriptionScope(), Step: StepGrants, Why: "the controller lets each agent identity call its models"})
	}
	return n.needs
}

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
	need.Principal = caller
	n.needs = append(n.needs, need)
}

func (n *needList) action(step Step, action, scope, why string) {
	n.add(Need{Kind: NeedAction, Action: action, Scope: scope, Step: step, Why: why})
}

// look is a read that the run can do without, as one at the subscription that
// the owner of a group need not have (U10): what it would have shown shows later.
func (n *needList) look(step Step, action, scope, why string) {
	n.add(Need{Kind: NeedAction, Action: action, Scope: scope, Step: step, Why: why, Optional: true, Proof: true})
}

// proof are the rights of proving all others. A role that lacks them, as a
// custom one may, leaves the proof undecided, and the run goes on.
// learn.microsoft.com/azure/role-based-access-control/permissions/management-and-governance#microsoftauthorization
func (n *needList) proof(scope string) {
	n.look(StepPreflight, "Microsoft.Authorization/permissions/read", scope, "prove what you may do")
	n.look(StepPreflight, "Microsoft.Authorization/roleAssignments/read", scope, "see under which conditions you may give roles")
	n.look(StepPreflight, "Microsoft.Authorization/denyAssignments/read", scope, "see what is denied to you")
}

// readWrite are the rights that one resource takes: to see whether it is there,
// to make it, and what ARM demands on the resources that it refers to.
func (n *needList) readWrite(p *Plan, r Resource) {
	action := r.Type
	if r.Step == StepGroup {
		action = "Microsoft.Resources/subscriptions/resourceGroups"
	}
	n.action(r.Step, action+"/read", r.ID, "see whether the "+r.Label+" is there")
	n.action(r.Step, action+"/write", r.ID, "make the "+r.Label)
	for _, l := range r.links {
		n.action(r.Step, l.action, l.scope, l.why)
	}
	if id, ok := p.DeletedID(r); ok {
		n.look(r.Step, deletedRead[r.Type], id, "see whether a deleted "+r.Label+" still holds the name")
	}
}

// deployment are the rights of sending a template and following it.
// learn.microsoft.com/azure/azure-resource-manager/templates/deploy-cli#required-permissions
func (n *needList) deployment(step Step, scope string) {
	n.action(step, "Microsoft.Resources/deployments/read", scope, "follow the deployment")
	n.action(step, "Microsoft.Resources/deployments/write", scope, "deploy the plan's resources")
	n.action(step, "Microsoft.Resources/deployments/operations/read", scope, "name the resource that failed")
	n.action(step, "Microsoft.Resources/deployments/operationStatuses/read", scope, "follow the deployment")
}

func (n *needList) grant(g Grant) {
	n.action(StepGrants, "Microsoft.Authorization/roleAssignments/read", g.Scope, "see whether the "+string(g.Principal)+" has "+g.Role.Name)
	n.add(Need{
		Kind: NeedAction, Action: "Microsoft.Authorization/roleAssignments/write", Scope: g.Scope, Step: StepGrants,
		Why: "give the " + string(g.Principal) + " " + g.Role.Name + ": " + g.Why,
		Attributes: map[string]any{
			"Microsoft.Authorization/roleAssignments:RoleDefinitionId": g.Role.ID,
			"Microsoft.Authorization/roleAssignments:PrincipalType":    g.PrincipalType,
		},
	})
}

// trust are the rights of setting up trust with Entra. In the automatic mode a
// missing directory role ends in the anonymous tier, not in a failure (U35).
func (n *needList) trust(p *Plan) {
	c := p.ControllerCredential()
	const credential = identityType + "/federatedIdentityCredentials"
	n.action(StepTrust, credential+"/read", c.ID, "see whether the controller's service account is federated")
	n.action(StepTrust, credential+"/write", c.ID, "federate the controller's service account")
	n.add(Need{
		Kind: NeedDirectory, Action: AgentIDNeed, Scope: "/", Step: StepTrust,
		Why:      "make the blueprint from which agent identities derive",
		Optional: p.Options.MeshTrust == TrustAuto,
	})
}
