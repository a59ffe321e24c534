package cli

import (
	"context"
	"time"

	"github.com/spf13/pflag"

	"github.com/kars-dev/kars/internal/home"
	"github.com/kars-dev/kars/internal/plan"
)

// planFlags are the flags that say what is planned; up and preflight share them.
type planFlags struct {
	options   plan.Options
	isolation string
	trust     string
	values    chartFlags
	judgeFlags
	timeout time.Duration
}

func (p *planFlags) register(f *pflag.FlagSet, getenv func(string) string) {
	p.registerPlan(f, getenv)
	p.judgeFlags.register(f)
}

// registerPlan leaves out what is about the verdict of preflight.
func (p *planFlags) registerPlan(f *pflag.FlagSet, getenv func(string) string) {
	f.StringVar(&p.options.Name, "name", "", "name of the first sandbox (default my-assistant)")
	f.StringVar(&p.options.Region, "region", "", "Azure region (default eastus2)")
	f.StringVarP(&p.options.ResourceGroup, "resource-group", "g", "", "resource group (default kars-<region>)")
	f.StringVar(&p.options.ClusterName, "cluster-name", "", "name that everything else is named after (default kars)")
	f.StringVar(&p.isolation, "isolation", "", "standard or enhanced (default enhanced)")
	f.StringVar(&p.options.Model, "model", "", "model to deploy (default gpt-4.1)")
	f.StringVar(&p.trust, "mesh-trust", "", "auto: set up trust with Entra, or go on without and warn; entra: set it up or fail; anonymous: do not (default auto)")
	f.StringVar(&p.options.ServiceTree, "service-tree", getenv("KARS_SERVICE_TREE"), "service tree GUID that the tenant's policy may ask of applications (also KARS_SERVICE_TREE)")
	f.StringVar(&p.options.ImageSource, "image-source", "", "registry that kars' images are imported from (default ghcr.io/kars-dev)")
	f.StringVar(&p.options.FoundryEndpoint, "foundry-endpoint", "", "URL of a Foundry account that is there already; none is made")
	f.StringVar(&p.options.FoundryID, "foundry-id", "", "ARM id of the account behind --foundry-endpoint (default looked up in the subscriptions that the caller sees)")
	p.values.register(f)
	f.DurationVar(&p.timeout, "timeout", time.Hour, "give up after this long")
}

// plan makes the plan for a session. Input is checked before anybody signs in;
// see [planFlags.check].
func (p *planFlags) plan(a *app, s *session) (*plan.Plan, error) {
	o := p.chosen()
	o.SubscriptionID, o.TenantID = s.subscription, s.tenant
	o.Suffixes = plan.Suffixes{Registry: s.cloud.RegistrySuffix, Vault: s.cloud.VaultSuffix, OpenAI: s.cloud.OpenAISuffix}
	var err error
	if o.Images, err = a.images(); err != nil {
		return nil, err
	}
	return plan.New(o)
}

func (p *planFlags) chosen() plan.Options {
	o := p.options
	o.Isolation, o.MeshTrust = plan.Isolation(p.isolation), plan.MeshTrust(p.trust)
	o.Gateway = p.values.gateway
	return o.WithDefaults()
}

func (p *planFlags) check(a *app) error {
	if err := p.read(); err != nil {
		return err
	}
	return p.checkPlan(a)
}

func (p *planFlags) checkPlan(a *app) error {
	if err := p.values.read(); err != nil {
		return err
	}
	o := p.chosen()
	o.SubscriptionID, o.TenantID = a.flags.subscription, a.flags.tenant
	return o.Validate()
}

// planOf is the plan of a context: what the cluster was made from.
func (a *app) planOf(s *session, x home.Context) (*plan.Plan, error) {
	p := planFlags{options: plan.Options{Region: x.Region, ResourceGroup: x.ResourceGroup, ClusterName: x.Cluster, Model: x.Model, FoundryEndpoint: x.FoundryEndpoint, FoundryID: x.FoundryID}}
	return p.plan(a, s)
}

// bounded gives a run its deadline.
func (p *planFlags) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, p.timeout)
}
