package plan

const (
	registryType  = "Microsoft.ContainerRegistry/registries"
	vaultType     = "Microsoft.KeyVault/vaults"
	workspaceType = "Microsoft.OperationalInsights/workspaces"
	accountType   = "Microsoft.CognitiveServices/accounts"

	registryVersion  = "2023-07-01"
	vaultVersion     = "2023-07-01"
	workspaceVersion = "2023-09-01"
	accountVersion   = "2025-06-01"
)

func (p *Plan) registry() Resource {
	return Resource{
		ID: p.RegistryID(), Type: registryType, Name: p.Names.Registry, APIVersion: registryVersion,
		Step: StepFoundation, Label: "registry",
		Body: Tree{
			"location": p.Options.Region, "tags": p.tags(), "sku": Tree{"name": "Standard"},
			"properties": Tree{"adminUserEnabled": false, "anonymousPullEnabled": false},
		},
	}
}

func (p *Plan) vault() Resource {
	return Resource{
		ID: p.VaultID(), Type: vaultType, Name: p.Names.Vault, APIVersion: vaultVersion,
		Step: StepFoundation, Label: "key vault",
		Body: Tree{
			"location": p.Options.Region, "tags": p.tags(),
			"properties": Tree{
				"tenantId": p.TenantID, "sku": Tree{"family": "A", "name": "standard"},
				"enableRbacAuthorization": true, "enablePurgeProtection": true,
				"enableSoftDelete": true, "softDeleteRetentionInDays": 90,
			},
		},
	}
}

func (p *Plan) workspace() Resource {
	return Resource{
		ID: p.id(workspaceType, p.Names.Workspace), Type: workspaceType, Name: p.Names.Workspace, APIVersion: workspaceVersion,
		Step: StepFoundation, Label: "workspace",
		Body: Tree{
			"location": p.Options.Region, "tags": p.tags(),
			"properties": Tree{"sku": Tree{"name": "PerGB2018"}, "retentionInDays": 30},
		},
	}
}

// foundry is the account with local keys off, its project and the model's
// deployment. The account takes one write at a time, so that the deployment
// follows the project.
func (p *Plan) foundry() []Resource {
	account, m := p.FoundryID(), p.model()
	project := p.id(accountType+"/projects", p.Names.Foundry, p.Names.Project)
	return []Resource{
		{
			ID: account, Type: accountType, Name: p.Names.Foundry, APIVersion: accountVersion,
			Step: StepFoundation, Label: "foundry",
			Body: Tree{
				"location": p.Options.Region, "tags": p.tags(), "kind": "AIServices",
				"sku": Tree{"name": "S0"}, "identity": Tree{"type": "SystemAssigned"},
				"properties": Tree{
					"customSubDomainName": p.Names.Foundry, "disableLocalAuth": true, "allowProjectManagement": true,
				},
			},
		},
		{
			ID: project, Type: accountType + "/projects", Name: p.Names.Foundry + "/" + p.Names.Project, APIVersion: accountVersion,
			Step: StepFoundation, Label: "foundry", DependsOn: []string{account},
			Body: Tree{
				"location": p.Options.Region, "tags": p.tags(),
				"identity": Tree{"type": "SystemAssigned"}, "properties": Tree{},
			},
		},
		{
			ID:   p.id(accountType+"/deployments", p.Names.Foundry, p.Options.Model),
			Type: accountType + "/deployments", Name: p.Names.Foundry + "/" + p.Options.Model, APIVersion: accountVersion,
			Step: StepFoundation, Label: "foundry", DependsOn: []string{account, project},
			Body: Tree{
				"sku":        Tree{"name": m.SKU, "capacity": m.Capacity},
				"properties": Tree{"model": Tree{"format": m.Format, "name": m.Model}},
			},
		},
	}
}
