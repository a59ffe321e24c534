package plan

// A Duty is what a principal of the plan, other than the caller, must be able
// to do once the run is over; the plan's grants must suffice for it.
type Duty struct {
	Principal  Principal
	Action     string
	Data       bool // Action is a data action
	Scope      string
	Attributes map[string]any // of the request, for conditions
	Why        string
}

// AgentGrants are the role assignments that the controller makes for each
// sandbox's agent identity, when the sandbox comes to be.
func (p *Plan) AgentGrants() []Grant {
	grant := func(r Role, scope, why string) Grant {
		return Grant{Scope: scope, Role: r, Principal: AgentIdentity, PrincipalType: "ServicePrincipal", Why: why}
	}
	if p.FoundryID() == "" { // nobody knows yet where the account lies
		return nil
	}
	return []Grant{grant(OpenAIUser, p.FoundryID(), "the agent calls models")}
}

// Duties lists them. What AKS gives the cluster's own identity in the node
// resource group is AKS's affair and not here.
//
// learn.microsoft.com/azure/aks/concepts-identity
func (p *Plan) Duties() []Duty {
	kubelet := p.id(identityType, p.Names.Kubelet)
	duties := []Duty{
		{Principal: ControlPlane, Action: identityType + "/assign/action", Scope: kubelet, Why: "give nodes the kubelet identity"},
	}
	for _, name := range []string{SystemSubnet, SandboxSubnet} {
		for _, right := range []struct{ action, why string }{
			{"/subnets/read", "look at the nodes' subnet"},
			{"/subnets/join/action", "let nodes and load balancers join the subnet"},
		} {
			duties = append(duties, Duty{Principal: ControlPlane, Action: vnetType + right.action, Scope: p.subnetID(name), Why: right.why})
		}
	}
	duties = append(duties, Duty{
		Principal: Kubelet, Action: registryType + "/pull/read", Scope: p.RegistryID(), Why: "pull images",
	})
	for _, g := range p.AgentGrants() {
		duties = append(duties, p.giving(g)...)
		duties = append(duties, Duty{
			Principal: AgentIdentity, Data: true, Scope: g.Scope, Why: "call the model",
			Action: accountType + "/OpenAI/deployments/chat/completions/action",
		})
	}
	return duties
}

// giving are the controller's duties for one grant to agents.
func (p *Plan) giving(g Grant) []Duty {
	const assignments = "Microsoft.Authorization/roleAssignments"
	attributes := map[string]any{
		assignments + ":RoleDefinitionId": g.Role.ID,
		assignments + ":PrincipalType":    g.PrincipalType,
	}
	return []Duty{
		{Principal: Controller, Action: assignments + "/read", Scope: g.Scope, Why: "see whether an agent has " + g.Role.Name},
		{Principal: Controller, Action: assignments + "/write", Scope: g.Scope, Attributes: attributes, Why: "give an agent " + g.Role.Name},
		{Principal: Controller, Action: assignments + "/delete", Scope: g.Scope, Attributes: attributes, Why: "take " + g.Role.Name + " from an agent that is gone"},
	}
}
