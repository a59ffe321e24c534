package plan

// proof are the rights to look, which preflight has for proving the others, and
// the run for going straight to what it needs. A role that lacks one, as a
// custom one may, leaves undecided what Why names, and the run goes on.
//
// Their names are those of learn.microsoft.com/azure/role-based-access-control/resource-provider-operations.
func (n *needList) proof(p *Plan) {
	subscription, group := p.subscriptionScope(), p.groupScope()
	look := func(step Step, action, scope, why string) {
		n.add(Need{Kind: NeedAction, Action: action, Scope: scope, Step: step, Why: why, Optional: true, Proof: true})
	}
	check := func(action, scope, why string) { look(StepPreflight, action, scope, why) }

	check("Microsoft.Authorization/permissions/read", group, "proves what you may do")
	if p.Options.FoundryID != "" {
		check("Microsoft.Authorization/permissions/read", p.Options.FoundryID, "proves what you may do at the account that is there")
		check(accountType+"/deployments/read", p.Options.FoundryID, "proves that the account has the model's deployment")
	}
	check(assignmentRead, group, "proves under which conditions you may give roles, and which roles you could activate")
	check("Microsoft.Authorization/roleDefinitions/read", subscription, "proves what the roles you hold consist of")
	check("Microsoft.Authorization/denyAssignments/read", group, "proves that nothing is denied to you")
	check("Microsoft.Authorization/locks/read", group, "proves that no lock is in the way")
	check("Microsoft.Authorization/policyAssignments/read", group, "proves which policies apply")
	check("Microsoft.PolicyInsights/checkPolicyRestrictions/read", group, "proves that no policy refuses what the plan makes")
	look(StepRegistration, "Microsoft.Resources/subscriptions/providers/read", subscription, "proves which providers are registered")
	look(StepRegistration, "Microsoft.Features/providers/features/read", subscription, "proves whether the run must register a preview feature")
	check("Microsoft.Resources/subscriptions/locations/read", subscription, "proves that the subscription has the region")
	check("Microsoft.Features/features/read", subscription, "proves which preview features are registered")
	check("Microsoft.Compute/locations/usages/read", subscription, "proves that the quota of vCPUs suffices")
	check("Microsoft.Compute/skus/read", subscription, "proves that the region offers the nodes' sizes")
	check("Microsoft.ContainerService/locations/kubernetesVersions/read", subscription, "proves that the region offers the cluster's version")
	if p.Model != nil {
		check("Microsoft.CognitiveServices/locations/usages/read", subscription, "proves that the model's quota suffices")
		check("Microsoft.CognitiveServices/locations/models/read", subscription, "proves that the region offers the model")
	}
	for _, name := range p.GlobalNames {
		check(nameCheck[name.Type], subscription, "proves that the name "+name.Name+" is free")
	}
	for _, r := range p.Resources {
		if id, ok := p.DeletedID(r); ok {
			look(r.Step, deletedRead[r.Type], id, "proves whether a deleted "+r.noun()+" still holds the name")
		}
	}
}

// nameCheck are the actions of asking whether a name is free in all of Azure.
var nameCheck = map[string]string{
	registryType: "Microsoft.ContainerRegistry/checkNameAvailability/read",
	vaultType:    "Microsoft.KeyVault/checkNameAvailability/read",
	accountType:  "Microsoft.CognitiveServices/checkDomainAvailability/action",
}
