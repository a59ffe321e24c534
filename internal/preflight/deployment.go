package preflight

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/kars-dev/kars/internal/azure/arm"
	"github.com/kars-dev/kars/internal/plan"
)

const accountVersion = "2025-06-01"

// deploymentsMatter reports whether the model's account may be there: its
// deployments then say what an earlier run, or its owner, has made in it.
func (g *gatherer) deploymentsMatter() bool {
	p := g.options.Plan
	if p.Model == nil {
		return p.FoundryID() != ""
	}
	return g.facts.groupMayExist() && !g.facts.Names[p.FoundryID()].Value.Available
}

// deployments reads the names of the deployments in the model's account. The
// plan's own account may be missing; it has none then.
//
// learn.microsoft.com/rest/api/aiservices/accountmanagement/deployments/list
func (g *gatherer) deployments(ctx context.Context) {
	p := g.options.Plan
	list, err := g.options.ARM.List(ctx, p.FoundryID()+"/deployments", accountVersion, url.Values{})
	if p.Model != nil && arm.IsNotFound(err) {
		err = nil
	}
	var names []string
	for _, t := range list {
		if name, _ := t["name"].(string); name != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	fact := read(ctx, "the deployments of models in "+p.FoundryID(), names, err)
	g.set(func(f *Facts) { f.Deployments = &fact })
}

// deployed reports whether the account has the deployment that agents call, or
// why nobody can tell. Names of resources differ by more than case.
func (d decider) deployed() (there bool, unread *Unread) {
	fact := d.facts.Deployments
	if fact == nil {
		return false, &Unread{What: "the deployments of models in " + d.plan.FoundryID(), Reason: "the facts do not have them"}
	}
	same := func(name string) bool { return strings.EqualFold(name, d.plan.Options.Model) }
	return slices.ContainsFunc(fact.Value, same), fact.Unread
}

// deployment checks that an account which is there already has a deployment of
// the name that agents call: the run makes none in somebody else's account
// (P4, P15). An account that nobody has found says so itself.
//
// learn.microsoft.com/azure/ai-foundry/openai/how-to/create-resource
func (d decider) deployment() []Finding {
	account, name := d.plan.FoundryID(), d.plan.Options.Model
	if d.plan.Model != nil || account == "" {
		return nil
	}
	f := Finding{
		ID: "quota/deployment", Category: CategoryQuota, Verdict: Pass, Subject: name + " in " + lastOf(account),
		Scope: account + "/deployments/" + name, Why: "agents call it",
	}
	there, unread := d.deployed()
	switch {
	case unread != nil:
		return []Finding{undecided(f, unread)}
	case there:
		f.Evidence = []string{"the account has it"}
		return []Finding{f}
	}
	f.Verdict, f.Blocks = Fail, true
	f.Evidence = []string{"the account has no deployment " + name + ", and the run makes none in an account that is there already"}
	if have := d.facts.Deployments.Value; len(have) > 0 {
		f.Evidence = append(f.Evidence, "it has "+strings.Join(have, ", "))
		f.Fix = append(f.Fix, Fix{Text: "use a deployment that is there", Command: "--model " + quote(have[0])})
	} else {
		f.Evidence = append(f.Evidence, "it has none")
	}
	deploy := Fix{Text: "have somebody who may write to the account deploy the model under this name"}
	if d.facts.LocalPrincipal == "" {
		deploy.Command = deployCommand(account, name)
	}
	f.Fix = append(f.Fix, deploy)
	return []Finding{f}
}

// deployCommand makes the deployment that the plan would make, with what only
// the reader can say left open.
//
// learn.microsoft.com/cli/azure/cognitiveservices/account/deployment
func deployCommand(account, name string) string {
	segments := strings.Split(account, "/") // as plan.Options has checked
	return fmt.Sprintf("az cognitiveservices account deployment create --subscription %s --resource-group %s --name %s --deployment-name %s"+
		" --model-format %s --model-name %s --model-version %s --sku-name %s --sku-capacity %d",
		segments[2], quote(segments[4]), quote(lastOf(account)), quote(name),
		plan.ModelFormat, quote(name), quote("<version>"), plan.ModelSKU, plan.ModelThousands)
}

// lastOf is the name at the end of an ARM id.
func lastOf(id string) string { return id[strings.LastIndexByte(id, '/')+1:] }
