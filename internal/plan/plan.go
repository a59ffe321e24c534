package plan

import "fmt"

// Tree is a JSON object.
type Tree = map[string]any

// Step is the id of a step of `kars up`.
type Step string

// The steps, in their order. The sandbox's step is sandbox/<name>; preflight
// has needs of its own and is no step of the apply.
const (
	StepPreflight    Step = "preflight"
	StepGroup        Step = "group"
	StepRegistration Step = "registration"
	StepFoundation   Step = "foundation"
	StepGrants       Step = "grants"
	StepCluster      Step = "cluster"
	StepImages       Step = "images"
	StepCRDs         Step = "crds"
	StepTrust        Step = "trust"
	StepChart        Step = "chart"
	StepSandbox      Step = "sandbox"
)

// Plan is everything one `kars up` will bring about.
type Plan struct {
	Options        Options
	SubscriptionID string
	TenantID       string
	Names          Names
	Group          Resource
	Resources      []Resource // of the foundation and the cluster, in the order of their dependencies
	Grants         []Grant
	Registrations  []Registration
	Features       []Feature
	Machines       []Machine
	Model          *ModelCapacity // nil where the run deploys no model
	GlobalNames    []GlobalName
	Images         []Image
	Needs          []Need
}

// Resource is one ARM resource of the plan.
type Resource struct {
	ID         string
	Type       string
	Name       string // as a template has it: parent/child
	APIVersion string
	Step       Step
	Label      string // what a person calls it
	// Body is what is sent: location, tags, properties and so on.
	Body      Tree
	DependsOn []string // ids
}

// noun is what a need calls the resource, where the label stands for several.
func (r Resource) noun() string {
	switch r.Type {
	case nsgType:
		return "sandboxes' security group"
	case vnetType:
		return "virtual network"
	case identityType:
		return "identity " + r.Name
	case accountType:
		return "Foundry account"
	case accountType + "/projects":
		return "Foundry project"
	case accountType + "/deployments":
		return "model's deployment"
	default:
		return r.Label
	}
}

// New makes the plan. The options must be valid; see [Options.Validate].
func New(o Options) (*Plan, error) {
	o = o.WithDefaults()
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if o.SubscriptionID == "" || o.TenantID == "" {
		return nil, fmt.Errorf("planning: the subscription and its tenant must be known")
	}
	p := &Plan{Options: o, SubscriptionID: o.SubscriptionID, TenantID: o.TenantID, Names: newNames(o), Images: o.Images}
	p.Group = p.group()
	p.Resources = append(p.Resources, p.network()...)
	p.Resources = append(p.Resources, p.identities()...)
	p.Resources = append(p.Resources, p.registry(), p.vault(), p.workspace())
	if o.FoundryEndpoint == "" {
		p.Resources = append(p.Resources, p.foundry()...)
	}
	p.Resources = append(p.Resources, p.cluster())
	p.Grants = p.grants()
	p.Registrations = p.registrations()
	p.Features, p.Machines, p.Model, p.GlobalNames = p.features(), machines(), p.model(), p.globalNames()
	p.Needs = p.needs()
	return p, nil
}

// Of returns the resources that a step makes.
func (p *Plan) Of(s Step) []Resource {
	var out []Resource
	for _, r := range p.Resources {
		if r.Step == s {
			out = append(out, r)
		}
	}
	return out
}

// tags mark what kars made; `kars down` deletes nothing without them.
func (p *Plan) tags() Tree {
	return Tree{"kars-cluster": p.Options.ClusterName, "kars-managed": "true"}
}

func (p *Plan) group() Resource {
	return Resource{
		ID: p.groupScope(), Type: "Microsoft.Resources/resourceGroups", Name: p.Names.ResourceGroup,
		APIVersion: "2021-04-01", Step: StepGroup, Label: "resource group",
		Body: Tree{"location": p.Options.Region, "tags": p.tags()},
	}
}

// ClusterID is the ARM id of the managed cluster.
func (p *Plan) ClusterID() string { return p.id(clusterType, p.Names.Cluster) }

// RegistryID is the ARM id of the registry.
func (p *Plan) RegistryID() string { return p.id(registryType, p.Names.Registry) }

// FoundryID is the ARM id of the Foundry account: the plan's own, or the one
// behind [Options.FoundryEndpoint], which is empty while nobody has looked it up.
func (p *Plan) FoundryID() string {
	if p.Options.FoundryEndpoint != "" {
		return p.Options.FoundryID
	}
	return p.id(accountType, p.Names.Foundry)
}

// VaultID is the ARM id of the key vault.
func (p *Plan) VaultID() string { return p.id(vaultType, p.Names.Vault) }

// ControllerID is the ARM id of the controller's identity.
func (p *Plan) ControllerID() string { return p.id(identityType, p.Names.Controller) }

// RegistryLoginServer is the registry's host name.
func (p *Plan) RegistryLoginServer() string {
	return p.Names.Registry + "." + p.Options.Suffixes.Registry
}

// VaultURI is the vault's data plane.
func (p *Plan) VaultURI() string {
	return "https://" + p.Names.Vault + "." + p.Options.Suffixes.Vault + "/"
}

// FoundryEndpoint is where the account answers OpenAI's protocol.
func (p *Plan) FoundryEndpoint() string {
	if p.Options.FoundryEndpoint != "" {
		return p.Options.FoundryEndpoint
	}
	return "https://" + p.Names.Foundry + "." + p.Options.Suffixes.OpenAI + "/"
}
