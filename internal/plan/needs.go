package plan

const (
	assignmentRead  = "Microsoft.Authorization/roleAssignments/read"
	assignmentWrite = "Microsoft.Authorization/roleAssignments/write"
	credentialType  = identityType + "/federatedIdentityCredentials"
)

// needs derives what the run needs from what it makes. The order is that of
// the steps; what only preflight needs comes last, so that a right which the
// run needs as well counts as the run's.
func (p *Plan) needs() []Need {
	n := &needList{seen: map[[2]string]bool{}}
	n.group(p.Group)
	n.registrations(p)
	n.deployment(StepFoundation, p.groupScope())
	for _, r := range p.Of(StepFoundation) {
		n.readWrite(r)
	}
	n.existingAccount(p)
	for _, g := range p.Grants {
		n.grant(g)
	}
	for _, r := range p.Of(StepCluster) {
		n.readWrite(r)
	}
	n.action(StepCluster, clusterType+"/listClusterUserCredential/action", p.ClusterID(), "connect to the cluster")
	n.images(p)
	if p.Options.MeshTrust != TrustAnonymous {
		n.trust(p)
	}
	if p.Options.Gateway {
		// AKS makes the load balancer of the gateway's Service by itself; that its
		// deployer must be able to is what the required actions of kars say.
		n.action(StepChart, "Microsoft.Network/loadBalancers/write", p.groupScope(), "the gateway is reached through a public load balancer")
	}
	n.proof(p)
	return n.needs
}

// group are the rights at the resource group, which the run makes only where it
// is not there (U10).
func (n *needList) group(r Resource) {
	const action = "Microsoft.Resources/subscriptions/resourceGroups"
	n.action(r.Step, action+"/read", r.ID, "see whether the resource group is there")
	n.add(Need{Kind: NeedAction, Action: action + "/write", Scope: r.ID, Step: r.Step, Why: "make the resource group", OnlyIfAbsent: true})
}

// registrations are what must be registered with the subscription; see
// [Need.RegisterAction] for the right to register it.
func (n *needList) registrations(p *Plan) {
	for _, r := range p.Registrations {
		n.add(Need{Kind: NeedRegistration, Action: r.Namespace, Scope: p.subscriptionScope(), Step: StepRegistration, Why: r.Why})
	}
	for _, f := range p.Features {
		n.add(Need{Kind: NeedFeature, Action: f.ID(), Scope: p.subscriptionScope(), Step: StepRegistration, Why: f.Why, Optional: f.Optional})
	}
}

// readWrite are the rights that one resource takes: to see whether it is there,
// to make it, and what ARM demands on the resources that it refers to. Polling a
// resource while it is made takes none: ARM itself does so for its deployment.
// learn.microsoft.com/azure/azure-resource-manager/templates/overview
func (n *needList) readWrite(r Resource) {
	n.action(r.Step, r.Type+"/read", r.ID, "see whether the "+r.noun()+" is there")
	n.action(r.Step, r.Type+"/write", r.ID, "make the "+r.noun())
	for _, need := range linked(r) {
		n.add(need)
	}
}

// deployment are the rights of checking a template, sending it and following it.
// learn.microsoft.com/azure/azure-resource-manager/templates/deploy-cli#required-permissions
// learn.microsoft.com/azure/role-based-access-control/permissions/management-and-governance#microsoftresources
func (n *needList) deployment(step Step, scope string) {
	const deployments = "Microsoft.Resources/deployments"
	n.action(step, deployments+"/read", scope, "follow the deployment")
	n.action(step, deployments+"/validate/action", scope, "have the template checked before it is sent")
	n.action(step, deployments+"/write", scope, "deploy the plan's resources")
	n.add(Need{Kind: NeedAction, Action: deployments + "/operations/read", Scope: scope, Step: step, Why: "name the resource that failed", Optional: true})
	n.action(step, deployments+"/operationStatuses/read", scope, "follow the deployment")
}

// grant are the rights of giving a role: at the scope of the grant, and of this
// very role to this very type of principal, which a condition may forbid.
func (n *needList) grant(g Grant) {
	n.action(StepGrants, assignmentRead, g.Scope, "see whether the "+string(g.Principal)+" has "+g.Role.Name)
	n.add(Need{
		Kind: NeedAction, Action: assignmentWrite, Scope: g.Scope, Step: StepGrants,
		Why: "give the " + string(g.Principal) + " " + g.Role.Name + ": " + g.Why,
		Attributes: map[string]any{
			"Microsoft.Authorization/roleAssignments:RoleDefinitionId": g.Role.ID,
			"Microsoft.Authorization/roleAssignments:PrincipalType":    g.PrincipalType,
		},
	})
}

// images are the rights of filling the registry. Looking into it is an ARM
// action although the registry itself answers, as long as it does not give
// rights by repository.
// learn.microsoft.com/azure/container-registry/container-registry-roles
func (n *needList) images(p *Plan) {
	n.action(StepImages, registryType+"/pull/read", p.RegistryID(), "see which images are in the registry")
	n.action(StepImages, registryType+"/importImage/action", p.RegistryID(), "import kars' images")
}

// existingAccount is the account that is there already. Where it lies is all that
// the plan needs to know of it, and all that it cannot plan without.
func (n *needList) existingAccount(p *Plan) {
	if p.Options.FoundryEndpoint != "" && p.Options.FoundryID == "" {
		n.add(Need{
			Kind: NeedAccount, Action: p.Options.FoundryEndpoint, Scope: p.subscriptionScope(), Step: StepGrants,
			Why: "the controller lets each agent identity call its models",
		})
	}
}

// trust are the rights of setting up trust with Entra. In the automatic mode a
// missing directory role ends in the anonymous tier, not in a failure (U35).
func (n *needList) trust(p *Plan) {
	c := p.ControllerCredential()
	n.action(StepTrust, credentialType+"/read", c.ID, "see whether the controller's service account is federated")
	n.action(StepTrust, credentialType+"/write", c.ID, "federate the controller's service account")
	n.add(Need{
		Kind: NeedDirectory, Action: AgentIDNeed, Scope: "/", Step: StepTrust,
		Why:      "make the blueprint from which agent identities derive",
		Optional: p.Options.MeshTrust == TrustAuto,
	})
}
