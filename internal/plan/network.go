package plan

const (
	vnetType = "Microsoft.Network/virtualNetworks"
	nsgType  = "Microsoft.Network/networkSecurityGroups"

	networkVersion = "2024-05-01"
)

// network is the virtual network with a subnet for each pool. The sandboxes'
// subnet has a security group of its own that admits nothing from outside the
// network; AKS adds the rules of its load balancers elsewhere.
func (p *Plan) network() []Resource {
	nsg := p.id(nsgType, p.Names.SecurityGroup)
	return []Resource{
		{
			ID: nsg, Type: nsgType, Name: p.Names.SecurityGroup, APIVersion: networkVersion, Step: StepFoundation, Label: "network",
			Body: Tree{"location": p.Options.Region, "tags": p.tags(), "properties": Tree{
				"securityRules": []any{Tree{"name": "deny-inbound-from-internet", "properties": Tree{
					"priority": 4000, "direction": "Inbound", "access": "Deny", "protocol": "*",
					"sourceAddressPrefix": "Internet", "sourcePortRange": "*",
					"destinationAddressPrefix": "*", "destinationPortRange": "*",
				}}},
			}},
		},
		{
			ID: p.id(vnetType, p.Names.VNet), Type: vnetType, Name: p.Names.VNet, APIVersion: networkVersion, Step: StepFoundation, Label: "network",
			DependsOn: []string{nsg},
			Body: Tree{"location": p.Options.Region, "tags": p.tags(), "properties": Tree{
				"addressSpace": Tree{"addressPrefixes": []any{"10.224.0.0/12"}},
				"subnets": []any{
					Tree{"name": SystemSubnet, "properties": Tree{"addressPrefix": "10.224.0.0/20"}},
					Tree{"name": SandboxSubnet, "properties": Tree{
						"addressPrefix": "10.225.0.0/16", "networkSecurityGroup": Tree{"id": nsg},
					}},
				},
			}},
		},
	}
}

func (p *Plan) subnetID(name string) string {
	return p.id(vnetType+"/subnets", p.Names.VNet, name)
}
