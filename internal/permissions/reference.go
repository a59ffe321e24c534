package permissions

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kars-dev/kars/internal/plan"
)

// variant is a plan of other options, for the table that says when a right is
// needed.
type variant struct {
	says string
	page *Page
}

// Reference is docs/permissions.md: what the default plan needs, and what
// changes with the options.
func Reference() (string, error) {
	all, err := variants()
	if err != nil {
		return "", err
	}
	b := &page{}
	b.f("<!-- Generated from internal/permissions; do not edit. -->\n\n# Permissions\n")
	b.f("What `kars up` needs, derived from its plan. `kars permissions` prints the same for your flags, with your names filled in;\n`kars preflight` checks it.")
	standard := all[0].page
	matrix(b, all)
	standard.ways(b)
	b.f("\n`kars permissions` has the same as `--format az`, `bicep` and `terraform`. `--constrain` adds a condition to the role's\nassignment: then its holder can give only the roles of the plan, and only to service principals.")
	split(b)
	standard.steps(b)
	standard.registrations(b)
	standard.inDirectory(b)
	standard.gifts(b)
	changes(b, all)
	b.f("\n## When something changes\n")
	b.f("Keep what was granted: `kars permissions -o json > kars-permissions.json`. After a change of flags or of kars,\n`kars permissions --diff kars-permissions.json` says which rights are new; with `--fail-on new` it exits with 3 if any is.")
	return b.String(), nil
}

func variants() ([]variant, error) {
	options := []struct {
		says   string
		change func(*plan.Options)
	}{
		{"always", func(*plan.Options) {}},
		{"only with the gateway (`a2aGateway.enabled`)", func(o *plan.Options) { o.Gateway = true }},
		{"not with `--foundry-endpoint`", func(o *plan.Options) { o.FoundryEndpoint, o.FoundryID = sampleEndpoint, sampleAccount }},
		{"not with `--mesh-trust anonymous`", func(o *plan.Options) { o.MeshTrust = plan.TrustAnonymous }},
	}
	out := make([]variant, 0, len(options))
	for _, v := range options {
		o := plan.Options{SubscriptionID: sampleSubscription, TenantID: sampleTenant}
		v.change(&o)
		p, err := plan.New(o)
		if err != nil {
			return nil, fmt.Errorf("planning what is needed %s: %w", v.says, err)
		}
		out = append(out, variant{v.says, New(Options{Plan: p})})
	}
	return out, nil
}

// Names of nobody's.
const (
	sampleSubscription = "00000000-0000-0000-0000-000000000000"
	sampleTenant       = "00000000-0000-0000-0000-000000000001"
	sampleEndpoint     = "https://my-account.openai.azure.com/"
	sampleAccount      = "/subscriptions/" + sampleSubscription + "/resourceGroups/models/providers/Microsoft.CognitiveServices/accounts/my-account"
)

// matrix is the table of actions that the sources list (U13), with the
// condition under which the plan needs each.
func matrix(b *page, all []variant) {
	b.f("\n## In short\n")
	b.row("Action", "Purpose", "When")
	b.row("---", "---", "---")
	for _, row := range Matrix() {
		b.row("`"+row.Action+"`", row.Purpose, when(row.Action, all))
	}
	b.f("\nNothing here lies outside of Contributor and User Access Administrator at the subscription. The rights to look, which\npreflight has for proving the others, are in the full list below; the run goes on without them.")
}

// when says under which condition an action is needed, from the plans that do
// and do not need it.
func when(action string, all []variant) string {
	by := func(v variant) bool { return v.page.has(action) }
	var says []string
	switch {
	case !by(all[0]):
		for _, v := range all[1:] {
			if by(v) {
				says = append(says, v.says)
			}
		}
	default:
		for _, v := range all[1:] {
			if !by(v) {
				says = append(says, v.says)
			}
		}
	}
	if action == groupWrite {
		says = append(says, "not where the group is there already")
	}
	if strings.HasSuffix(action, "/register/action") {
		says = append(says, "only for what is not registered yet")
	}
	if len(says) == 0 {
		return all[0].says
	}
	return strings.Join(says, "; ")
}

// MatrixRow is an action that a person would ask about first.
type MatrixRow struct{ Action, Purpose string }

// Matrix are the fifteen actions that the sources name, with their purposes as
// the plan has them. The whole list is that of [New].
func Matrix() []MatrixRow {
	return []MatrixRow{
		{groupWrite, "make the resource group"},
		{"Microsoft.Resources/deployments/write", "deploy the templates"},
		{"Microsoft.ContainerService/managedClusters/write", "make the cluster"},
		{"Microsoft.ContainerService/managedClusters/listClusterUserCredential/action", "connect to the cluster"},
		{"Microsoft.ContainerRegistry/registries/write", "make the registry"},
		{"Microsoft.ContainerRegistry/registries/importImage/action", "import kars' images"},
		{"Microsoft.KeyVault/vaults/write", "make the key vault for sandboxes' secrets"},
		{"Microsoft.ManagedIdentity/userAssignedIdentities/write", "make the identities of control plane, kubelet and controller"},
		{"Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/write", "federate the controller's service account; Contributor has it, User Access Administrator has not"},
		{"Microsoft.OperationalInsights/workspaces/write", "make the Log Analytics workspace"},
		{assignmentWrite, "give the cluster's identities their roles, as the kubelet's at the registry"},
		{"Microsoft.Network/virtualNetworks/write", "make the cluster's network"},
		{"Microsoft.CognitiveServices/accounts/write", "make the Azure AI Foundry account"},
		{"Microsoft.Features/providers/features/register/action", "register EncryptionAtHost"},
		{"Microsoft.Network/loadBalancers/write", "the gateway's public load balancer"},
	}
}

func split(b *page) {
	b.f("\n## The privileged part by itself\n")
	b.f("`kars permissions --split` writes two scripts. `%s` is for an owner of the subscription: it makes the group, the\nregistrations and the foundation, gives the cluster's identities their roles, and the deployer Contributor at the group.\n`%s` is `kars up`, for the deployer, who needs nothing else: what is there already is left as it is.", OwnerScript, DeployerScript)
	b.f("\nThe foundation is in the owner's half because a role can be given only at what is there, and only to who is there; the\nalternative, giving roles at the group, would not be the narrowest. An owner who has kars can run\n`kars up --until grants` instead of the script, and give the deployer Contributor at the group.")
}

// changes lists what each variant needs more or less.
func changes(b *page, all []variant) {
	b.f("\n## What options change")
	titles := []string{"", "With the gateway", "With `--foundry-endpoint`", "With `--mesh-trust anonymous`"}
	for i, v := range all {
		if i == 0 {
			continue
		}
		d := Compare(all[0].page, v.page)
		b.f("\n### %s\n", titles[i])
		lines := append(marked("more", d.Added), marked("not needed", d.Removed)...)
		if len(lines) == 0 {
			lines = []string{"- nothing"}
		}
		b.f("%s", strings.Join(lines, "\n"))
	}
}

func marked(what string, rights []Permission) []string {
	var out []string
	for _, r := range rights {
		line := "- " + what + ": `" + r.Action + "`, " + r.Why
		if !slices.Contains(out, line) {
			out = append(out, line)
		}
	}
	return out
}
