package permissions

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kars-dev/kars/internal/plan"
)

// The names of the two scripts.
const (
	OwnerScript    = "kars-owner.sh"
	DeployerScript = "kars-deployer.sh"
)

// Halves are a plan in two scripts.
type Halves struct {
	// Owner is run once, by an owner of the subscription.
	Owner string
	// Deployer is run after it by the principal, who holds nothing but
	// Contributor at the resource group.
	Deployer string
}

// Split parts a plan. A role can be given only at what is there and only to who
// is there, so that the owner's half makes the foundation too: group,
// registrations, the foundation's resources, and then the role assignments, each
// at the narrowest scope. Nothing that is left writes below
// Microsoft.Authorization, or at the subscription.
func Split(o Options) Halves {
	o.Group, o.Registered = true, true
	return Halves{Owner: ownerHalf(o), Deployer: deployerHalf(o)}
}

func ownerHalf(o Options) string {
	p := o.Plan
	var b script
	b.line("#!/bin/sh")
	b.comment("The privileged part of `kars up` for the cluster %s: resource group, registrations,", p.Options.ClusterName)
	b.comment("foundation, and every role assignment. Whoever runs %s afterwards needs", DeployerScript)
	b.comment("Contributor at the resource group, which the last part of this script gives, and no more.")
	b.comment("Review it, then run it signed in as an owner of the subscription. It may be run again.")
	b.line("set -eu", "")
	b.assignee(o.Principal)
	b.set("subscription", p.SubscriptionID)
	b.set("group", p.Group.Name)
	b.line("", again)
	b.group(p)
	b.registrations(p)
	b.foundation(p)
	b.grants(p)
	b.deployer(o)
	b.trust(o)
	return b.String()
}

func (s *script) group(p *plan.Plan) {
	s.line("")
	s.comment("1. The resource group. One that is there already is used as it is.")
	s.line(`if [ "$(az group exists --subscription "$subscription" --name "$group")" = false ]; then`)
	s.line(`  az group create --subscription "$subscription" --name "$group" --location ` + quote(p.Options.Region) + ` --tags ` + tags(p.Group.Body) + ` --output none`)
	s.line(`fi`)
}

// tags are those of a resource, as words KEY=VALUE.
func tags(body plan.Tree) string {
	of, _ := body["tags"].(plan.Tree)
	words := make([]string, 0, len(of))
	for name, value := range of {
		words = append(words, quote(fmt.Sprintf("%s=%v", name, value)))
	}
	slices.Sort(words)
	return strings.Join(words, " ")
}

// registrations registers providers and features, and waits for both: a
// feature takes effect once its provider is registered anew.
// learn.microsoft.com/azure/azure-resource-manager/management/preview-features
func (s *script) registrations(p *plan.Plan) {
	s.line("")
	s.comment("2. Registrations. What is registered already stays so.")
	for _, f := range p.Features {
		feature := `--subscription "$subscription" --namespace ` + quote(f.Namespace) + ` --name ` + quote(f.Name)
		s.comment("%s: %s", f.ID(), f.Why)
		if f.Optional {
			s.line(`az feature register ` + feature + ` --output none || echo ` + quote(f.ID()+" is not registered; the run goes on without it") + ` >&2`)
			continue
		}
		s.line(`feature_registered() { [ "$(az feature show ` + feature + ` --query properties.state --output tsv)" = Registered ]; }`)
		s.line(`if ! feature_registered; then`, `  az feature register `+feature+` --output none`)
		s.line(`  echo `+quote("waiting for "+f.ID()+", which takes 5 to 15 minutes")+` >&2`, `  tries=0`, `  until feature_registered; do`,
			`    tries=$((tries + 1))`, `    [ "$tries" -lt 60 ] || { echo `+quote(f.ID()+" is still not registered: run this again later")+` >&2; exit 1; }`,
			`    sleep "${KARS_POLL_SECONDS:-30}"`, `  done`)
		s.line(`  az provider register --subscription "$subscription" --namespace `+quote(f.Namespace)+` --wait`, `fi`)
	}
	for _, r := range p.Registrations {
		if r.Namespace == alwaysRegistered {
			continue
		}
		s.line(`az provider register --subscription "$subscription" --namespace ` + quote(r.Namespace) + ` --wait # ` + oneLine(r.Why))
	}
}

// foundation deploys the very template that the run would: what it makes, the
// run finds and leaves as it is.
func (s *script) foundation(p *plan.Plan) {
	d := p.Deployment(plan.StepFoundation)
	s.line("")
	s.comment("3. The foundation: a role can be given only at what is there, and to who is there.")
	s.line(`template=$(mktemp)`, `trap 'rm -f "$template"' EXIT`)
	s.line(`cat >"$template" <<'EOF'`, strings.TrimRight(indented(d.Template), "\n"), `EOF`)
	s.line(`az deployment group create --subscription "$subscription" --resource-group "$group" \`,
		`  --name `+quote(d.Name)+` --template-file "$template" --output none`)
}

func (s *script) grants(p *plan.Plan) {
	s.line("")
	s.comment("4. The roles of the cluster's own identities.")
	variables := map[string]string{}
	for _, g := range p.Grants {
		name, seen := variables[g.IdentityID]
		if !seen {
			name = "identity_" + fmt.Sprint(len(variables)+1)
			variables[g.IdentityID] = name
			s.comment("%s", g.Principal)
			s.line(name + `=$(az identity show --ids ` + quote(g.IdentityID) + ` --query principalId --output tsv)`)
		}
		s.comment("%s for the %s: %s", g.Role.Name, g.Principal, g.Why)
		s.line(`again az role assignment create --assignee-object-id "$` + name + `" --assignee-principal-type ` + quote(g.PrincipalType) + ` \`)
		if g.Condition != "" {
			s.line(`  --condition-version 2.0 --condition ` + quote(g.Condition) + ` \`)
		}
		s.line(`  --role ` + quote(g.Role.ID) + ` --scope ` + quote(g.Scope) + ` --output none`)
	}
}

// deployer gives the principal what the rest of the run takes.
func (s *script) deployer(o Options) {
	p := o.Plan
	s.line("")
	s.comment("5. What is left for %s.", (&Page{Principal: o.Principal}).who())
	give := func(role Role) {
		s.comment("%s: %s", role.Name, role.Why)
		s.line(`again az role assignment create --assignee-object-id "$assignee" --assignee-principal-type "$assignee_type" \`,
			`  --role `+quote(role.ID)+` --scope `+quote(role.Scope)+` --output none`)
	}
	give(Role{"Contributor", contributorID, BuiltInRole, p.Group.ID, "makes the cluster; may give no role"})
	for _, scope := range scopes(o)[1:] {
		give(Role{"Reader", readerID, BuiltInRole, scope, "sees that the roles are given there"})
	}
}

func (s *script) trust(o Options) {
	if o.Plan.Options.MeshTrust == plan.TrustAnonymous {
		return
	}
	page := &Page{Principal: o.Principal}
	s.line("")
	s.comment("6. Trust with Entra is the directory's, not the subscription's. It can be set up once the")
	s.comment("cluster is there, by whoever holds the right, and with Contributor at the group:")
	s.comment("  kars mesh setup-trust")
	for _, way := range page.directoryWays() {
		s.comment("- %s", way)
	}
}

func deployerHalf(o Options) string {
	p := o.Plan
	var b script
	b.line("#!/bin/sh")
	b.comment("The rest of `kars up`, after an owner has run %s. It takes Contributor at", OwnerScript)
	b.comment("%s and no more.", p.Group.ID)
	if p.Options.MeshTrust == plan.TrustAuto {
		b.comment("Without a directory role it ends in the anonymous tier; whoever holds one completes trust")
		b.comment("afterwards: kars mesh setup-trust")
	}
	b.line("set -eu", "")
	where := upFlags(p.Options)
	if o.Local {
		where = append([]string{"--local"}, where...)
	}
	b.line("kars up " + strings.Join(where, " "))
	return b.String()
}

// upFlags are the flags that make these options again: where, and whatever is
// no default.
func upFlags(o plan.Options) []string {
	defaults := plan.Options{Region: o.Region}.WithDefaults()
	words := []string{"--subscription " + bare(o.SubscriptionID), "--tenant " + bare(o.TenantID), "--region " + bare(o.Region), "--resource-group " + bare(o.ResourceGroup), "--cluster-name " + bare(o.ClusterName)}
	for _, f := range []struct{ flag, value, none string }{
		{"name", o.Name, defaults.Name},
		{"isolation", string(o.Isolation), string(defaults.Isolation)},
		{"model", o.Model, defaults.Model},
		{"mesh-trust", string(o.MeshTrust), string(defaults.MeshTrust)},
		{"service-tree", o.ServiceTree, ""},
		{"foundry-endpoint", o.FoundryEndpoint, ""},
		{"foundry-id", o.FoundryID, ""},
		{"image-source", o.ImageSource, defaults.ImageSource},
	} {
		if f.value != f.none {
			words = append(words, "--"+f.flag+" "+bare(f.value))
		}
	}
	if o.Gateway {
		words = append(words, "--set a2aGateway.enabled=true")
	}
	return words
}
