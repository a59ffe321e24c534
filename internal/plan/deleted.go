package plan

// DeletedID is the id under which Azure keeps a deleted resource for a while;
// ok is false for what is deleted at once.
func (p *Plan) DeletedID(r Resource) (id string, ok bool) {
	sub, region := p.subscriptionScope(), p.Options.Region
	switch r.Type {
	case vaultType:
		return sub + "/providers/Microsoft.KeyVault/locations/" + region + "/deletedVaults/" + r.Name, true
	case accountType:
		return sub + "/providers/Microsoft.CognitiveServices/locations/" + region +
			"/resourceGroups/" + p.Names.ResourceGroup + "/deletedAccounts/" + r.Name, true
	}
	return "", false
}

// deletedRead are the actions of reading what is soft-deleted.
var deletedRead = map[string]string{
	vaultType:   "Microsoft.KeyVault/locations/deletedVaults/read",
	accountType: "Microsoft.CognitiveServices/locations/resourceGroups/deletedAccounts/read",
}

// Recovery are the properties that make a create take back what was deleted.
func Recovery(r Resource) Tree {
	switch r.Type {
	case vaultType:
		return Tree{"createMode": "recover"}
	case accountType:
		return Tree{"restore": true}
	}
	return nil
}
