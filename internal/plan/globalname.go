package plan

// GlobalName is a name that must be free in all of Azure, not only in the
// resource group: it is a part of a host name.
// learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules
type GlobalName struct {
	Type       string `json:"type"` // of the resource, as Microsoft.KeyVault/vaults
	Name       string `json:"name"`
	ResourceID string `json:"resourceId"` // what holds the name when it is the plan's own
	Why        string `json:"why"`
}

func (p *Plan) globalNames() []GlobalName {
	out := []GlobalName{
		{registryType, p.Names.Registry, p.RegistryID(), "the registry answers at " + p.RegistryLoginServer()},
		{vaultType, p.Names.Vault, p.VaultID(), "the key vault answers at " + p.VaultURI()},
	}
	if p.Options.FoundryEndpoint == "" {
		out = append(out, GlobalName{accountType, p.Names.Foundry, p.FoundryID(), "the account answers at " + p.FoundryEndpoint()})
	}
	return out
}
