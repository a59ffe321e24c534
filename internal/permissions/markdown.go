package permissions

import (
	"fmt"
	"strings"

	"github.com/kars-dev/kars/internal/plan"
)

// Markdown is the page to hand over: who asks, for what, why, and every way to
// give it.
func (p *Page) Markdown() string {
	b := &page{}
	b.f("# Permissions for kars up\n")
	b.f("What it takes for %s to bring up the cluster `%s`.\n", p.who(), p.Cluster)
	b.f("- subscription: `%s`", p.SubscriptionID)
	if p.TenantID != "" {
		b.f("- tenant: `%s`", p.TenantID)
	}
	for _, s := range p.Scopes {
		b.f("- where: `%s`", s)
	}
	if p.partial {
		b.f("\nThis is what is missing; what is there already is not listed.")
	}
	p.ways(b)
	p.steps(b)
	p.registrations(b)
	p.inDirectory(b)
	p.gifts(b)
	return b.String()
}

// page is a Markdown page that is being written.
type page struct{ strings.Builder }

func (b *page) f(format string, args ...any) { fmt.Fprintf(b, format+"\n", args...) }

// fenced writes a block of code that its content cannot end.
func (b *page) fenced(language, code string) {
	fence := "```"
	for strings.Contains(code, fence) {
		fence += "`"
	}
	b.f("\n%s%s\n%s\n%s", fence, language, strings.TrimRight(code, "\n"), fence)
}

// row writes one row of a table.
func (b *page) row(cells ...string) {
	for i, c := range cells {
		cells[i] = strings.ReplaceAll(oneLine(c), "|", `\|`)
	}
	b.f("| %s |", strings.Join(cells, " | "))
}

func (p *Page) ways(b *page) {
	if p.roleName() == "" {
		return
	}
	first := p.Scopes[0]
	b.f("\n## Ways to give it, the least first\n")
	b.f("1. The custom role **%s**, below: exactly these rights.", p.roleName())
	if p.has(assignmentWrite) {
		b.f("2. **Contributor** and **User Access Administrator** together, at `%s`. Contributor makes every resource, but may\n   write and delete nothing below `Microsoft.Authorization`: it alone is not enough, because the nodes pull images with a\n   role that is given to the kubelet identity at the registry.", first)
		b.f("3. **Owner** at `%s` suffices alone, and is not least privilege: it may also give any role to anybody.", first)
		b.f("4. Nothing but **Contributor** at the group, where somebody else does the privileged part first: `kars permissions --split`\n   writes it as a script.")
	} else {
		b.f("2. **Contributor** at `%s`: more than is needed.", first)
	}
	b.fenced("json", p.Definition().JSON())
	b.f("\nAs `kars-deployer.json`, signed in as somebody who may define and assign roles there:")
	b.fenced("sh", p.commands())
	if p.Condition != "" {
		b.f("\nThe condition on the assignment lets its holder give only the roles listed below under\n\"Roles that the run gives\", and only to principals of their type:")
		b.fenced("", p.Condition)
	}
}

// commands create and assign the role, for a person who reads the page.
func (p *Page) commands() string {
	assignee, kind := p.Principal.ObjectID, p.Principal.Type
	if assignee == "" {
		assignee, kind = "<object id>", "<User, Group or ServicePrincipal>"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "az role definition create --subscription %s --role-definition @kars-deployer.json\n", p.SubscriptionID)
	for _, s := range p.Scopes {
		fmt.Fprintf(&b, "az role assignment create --assignee-object-id %s --assignee-principal-type %s \\\n  --role %s --scope %s",
			bare(assignee), bare(kind), quote(p.roleName()), bare(s))
		if p.Condition != "" {
			fmt.Fprintf(&b, " \\\n  --condition-version %s --condition %s", p.ConditionVersion, quote(p.Condition))
		}
		b.WriteString("\n")
	}
	return b.String()
}

// bare is a word for a shell, without quotes where it takes none.
func bare(s string) string {
	if s != "" && !strings.ContainsFunc(s, func(c rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./@:", c)
	}) {
		return s
	}
	return quote(s)
}

// steps lists the rights by the step of the run that uses them.
func (p *Page) steps(b *page) {
	var rights []Permission
	for _, r := range p.Permissions {
		if r.Kind != plan.NeedDirectory && r.Of == "" {
			rights = append(rights, r)
		}
	}
	if len(rights) == 0 {
		return
	}
	b.f("\n## Every right, and what it is for\n")
	b.row("Step", "Right", "Scope", "Why")
	b.row("---", "---", "---", "---")
	for _, r := range rights {
		why := r.Why
		if r.Optional {
			why += " (the run goes on without it)"
		}
		if r.Role == "" {
			why += " (not in the role: it is held elsewhere)"
		}
		b.row(string(r.Step), "`"+r.Action+"`", reach(r.Scope), why)
	}
	if p.has(credentialWrite) {
		b.f("\nFederating the controller's service account takes Contributor, or another role that writes identities: User Access\nAdministrator gives roles, and may not federate.")
	}
}

func (p *Page) registrations(b *page) {
	b.f("\n## Registrations\n")
	if p.registered {
		b.f("The providers and features are said to be registered, so that no right to register them is asked for.")
		return
	}
	var rows []Permission
	for _, r := range p.Permissions {
		if r.Of != "" {
			rows = append(rows, r)
		}
	}
	if len(rows) == 0 {
		b.f("None is missing.")
		return
	}
	b.f("What is not registered yet is registered by the run, with these rights; or an owner registers it, and the\nrights are not needed (`--registered`).\n")
	b.row("To be registered", "Right", "Why")
	b.row("---", "---", "---")
	var commands strings.Builder
	for _, r := range rows {
		b.row(r.Of, "`"+r.Action+"`", r.Why)
		if r.Kind == plan.NeedFeature {
			namespace, name, _ := strings.Cut(r.Of, "/")
			fmt.Fprintf(&commands, "az feature register --subscription %s --namespace %s --name %s\n", p.SubscriptionID, bare(namespace), bare(name))
			continue
		}
		fmt.Fprintf(&commands, "az provider register --subscription %s --namespace %s\n", p.SubscriptionID, bare(r.Of))
	}
	b.fenced("sh", commands.String())
}

func (p *Page) inDirectory(b *page) {
	if !p.directory() {
		return
	}
	b.f("\n## In the directory\n")
	b.f("Each agent has an Entra identity of its own, which derives from a blueprint. Making the blueprint takes one of:\n")
	for _, r := range plan.AgentIDRoles() {
		b.f("- **%s** (`%s`): %s", r.Name, r.ID, r.Suffice)
	}
	b.f("\nThe ways to it:\n")
	for _, way := range p.directoryWays() {
		b.f("- %s", way)
	}
}

func (p *Page) gifts(b *page) {
	if len(p.Gives) == 0 {
		return
	}
	b.f("\n## Roles that the run gives\n")
	b.row("Role", "To", "At", "Why")
	b.row("---", "---", "---", "---")
	conditioned := false
	for _, g := range p.Gives {
		why := g.Why
		if g.Condition != "" {
			why, conditioned = why+" (under a condition of its own)", true
		}
		b.row(g.Role+" (`"+g.RoleID+"`)", g.Principal+", "+typeWords(g.PrincipalType), reach(g.Scope), why)
	}
	if conditioned {
		b.f("\nAzure's conditions cannot ask for the condition of the assignment that is being made. Whoever may give a role that\nis listed as conditioned could therefore give it without its condition, to a principal of that type. Where that is too\nmuch, let an owner give these roles: `kars permissions --split`.")
	}
}
