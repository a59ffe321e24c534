package plan

const (
	identityType    = "Microsoft.ManagedIdentity/userAssignedIdentities"
	identityVersion = "2023-01-31"
)

// identities are the three managed identities: the control plane's (AKS accepts
// a kubelet identity of one's own only beside one, M20), the kubelets' and the
// controller's.
func (p *Plan) identities() []Resource {
	var out []Resource
	for _, name := range []string{p.Names.ControlPlane, p.Names.Kubelet, p.Names.Controller} {
		out = append(out, Resource{
			ID: p.id(identityType, name), Type: identityType, Name: name, APIVersion: identityVersion,
			Step: StepFoundation, Label: "identity",
			Body: Tree{"location": p.Options.Region, "tags": p.tags()},
		})
	}
	return out
}

// FederatedCredential lets the holder of a token with this issuer and subject
// act as an identity.
type FederatedCredential struct {
	ID         string
	APIVersion string
	Name       string
	Subject    string
	Audience   string
}

// ControllerCredential federates the controller's service account with the
// controller's managed identity. Its issuer is known once the cluster exists.
func (p *Plan) ControllerCredential() FederatedCredential {
	const name = "kars-controller"
	return FederatedCredential{
		ID:         p.id(identityType+"/federatedIdentityCredentials", p.Names.Controller, name),
		APIVersion: identityVersion, Name: name,
		Subject:  "system:serviceaccount:kars-system:kars-controller",
		Audience: "api://AzureADTokenExchange",
	}
}
