package cli

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kars-dev/kars/internal/azure/credential"
	"github.com/kars-dev/kars/internal/permissions"
	"github.com/kars-dev/kars/internal/plan"
	"github.com/kars-dev/kars/internal/report"
)

// permissionsFlags are those of permissions alone.
type permissionsFlags struct {
	planFlags
	format     string
	out        string
	force      bool
	scope      string
	registered bool
	constrain  bool
	split      bool
	roleName   string
	assignee   string
	kind       string // of the assignee
	fromReport string
	diff       string
	exitOn     string
}

func (a *app) permissionsCommand() *cobra.Command {
	var flags permissionsFlags
	cmd := &cobra.Command{
		Use: "permissions", Short: "Print what kars up needs, to hand to the subscription's owner", Args: noArgs,
		Long: `Print every right that kars up needs, with its scope and its reason, and the
least custom role that brings them: as a page, a role, a script or a template.

With --subscription and --assignee nobody signs in; otherwise the rights are
those of the caller. With --from-report they are those that a report of preflight
found missing.

--split writes two scripts instead: what an owner of the subscription runs once,
and the rest, which takes Contributor at the resource group alone.`,
		Example: `  kars permissions --format markdown --out permissions.md
  kars permissions --out kars-deployer.json
  kars permissions --subscription <id> --assignee <object id> --assignee-type ServicePrincipal --format az --constrain
  kars preflight -o json > report.json; kars permissions --from-report report.json
  kars permissions --split --out scripts
  kars permissions -o json > kars-permissions.json
  kars permissions --diff kars-permissions.json --fail-on new`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := flags.check(a); err != nil {
				return err
			}
			ctx, cancel := flags.bounded(cmd.Context())
			defer cancel()
			return a.permissions(ctx, &flags)
		},
	}
	flags.register(cmd.Flags(), a.getenv)
	return cmd
}

func (p *permissionsFlags) register(f *pflag.FlagSet, getenv func(string) string) {
	f.StringVar(&p.format, "format", "", strings.Join(formatNames(), ", ")+" (default table, or what --out ends in)")
	f.StringVar(&p.out, "out", "", "write to this file, or with --split into this folder")
	f.BoolVar(&p.force, "force", false, "let --out replace a file of other content")
	f.StringVar(&p.scope, "scope", "subscription", "subscription, or group where the resource group is there already: where the role is held")
	f.BoolVar(&p.registered, "registered", false, "the owner has registered the providers and features: leave out the rights to")
	f.BoolVar(&p.constrain, "constrain", false, "limit by a condition which roles may be given, and to whom, to those of the plan")
	f.BoolVar(&p.split, "split", false, "write the owner's part and the deployer's part as scripts")
	f.StringVar(&p.roleName, "role-name", "", "name of the custom role; a tenant has one of a name (default "+permissions.RoleName+")")
	f.StringVar(&p.assignee, "assignee", "", "object id of who gets the rights (default the caller)")
	f.StringVar(&p.kind, "assignee-type", "User", "User, Group or ServicePrincipal")
	f.StringVar(&p.fromReport, "from-report", "", "ask only for what this report of kars preflight -o json found missing")
	f.StringVar(&p.diff, "diff", "", "compare with an earlier kars permissions -o json")
	f.StringVar(&p.exitOn, "fail-on", "", "new: exit 3 where --diff finds a new permission")
	p.registerPlan(f, getenv)
}

// format is a form that the page is rendered in.
type format struct {
	name   string
	ending string // of the files that are of this form
	render func(*permissions.Page) string
	role   bool // it is nothing without a custom role
}

func formats() []format {
	return []format{
		{"table", ".txt", permissionsTable, false},
		{"markdown", ".md", (*permissions.Page).Markdown, false},
		{"role-json", ".json", func(p *permissions.Page) string { return p.Definition().JSON() }, true},
		{"az", ".sh", (*permissions.Page).Az, true},
		{"bicep", ".bicep", (*permissions.Page).Bicep, true},
		{"terraform", ".tf", (*permissions.Page).Terraform, true},
	}
}

func formatNames() []string {
	var out []string
	for _, f := range formats() {
		out = append(out, f.name)
	}
	return out
}

// chosen is the format that was asked for, or that the file's name tells.
func (p *permissionsFlags) chosenFormat() format {
	all := formats()
	i := slices.IndexFunc(all, func(f format) bool {
		return f.name == p.format || p.format == "" && p.out != "" && f.ending == filepath.Ext(p.out)
	})
	return all[max(i, 0)]
}

// check refuses what does not go together, before anybody signs in.
func (p *permissionsFlags) check(a *app) error {
	for _, choice := range []struct {
		flag, value string
		of          []string
	}{
		{"format", p.format, append(formatNames(), "")},
		{"scope", p.scope, []string{"subscription", "group"}},
		{"assignee-type", p.kind, []string{"User", "Group", "ServicePrincipal"}},
		{"fail-on", p.exitOn, []string{"new", ""}},
	} {
		if !slices.Contains(choice.of, choice.value) {
			return usagef("for example: --"+choice.flag+" "+choice.of[0], "--%s %q is not one of %s", choice.flag, choice.value, strings.TrimSuffix(strings.Join(choice.of, ", "), ", "))
		}
	}
	document := a.printer.Format() != report.Text
	for _, no := range []struct {
		wrong bool
		says  string
		hint  string
	}{
		{document && (p.format != "" || p.out != ""), "-o has a form of its own, and writes to stdout", "leave out --format and --out, or -o"},
		{p.split && (document || p.format != "" || p.fromReport != "" || p.diff != ""), "--split writes scripts of a whole plan, and goes with no other form", "for example: --split --out scripts"},
		{p.diff != "" && (p.format != "" || p.out != "" || p.fromReport != ""), "--diff prints a difference, and goes with no other form", "for example: --diff kars-permissions.json -o json"},
		{p.exitOn != "" && p.diff == "", "--fail-on goes with --diff", "for example: --diff kars-permissions.json --fail-on new"},
		{p.assignee != "" && !isGUID(p.assignee), fmt.Sprintf("--assignee %q is not an object id", p.assignee), "az ad signed-in-user show --query id, or az ad sp show --id <application id> --query id"},
	} {
		if no.wrong {
			return usagef(no.hint, "%s", no.says)
		}
	}
	return p.checkPlan(a)
}

func (a *app) permissions(ctx context.Context, flags *permissionsFlags) error {
	// What is read from files is read first: it may be wrong, and costs nothing.
	var older *permissions.Page
	var found *preflightReport
	var err error
	if flags.diff != "" {
		if older, err = readPage(flags.diff); err != nil {
			return err
		}
	}
	if flags.fromReport != "" {
		if found, err = readReport(flags.fromReport); err != nil {
			return err
		}
	}
	o, err := a.permissionsOptions(ctx, flags, found)
	if err != nil {
		return err
	}
	if flags.split {
		return a.splitPermissions(o, flags)
	}
	page := permissions.New(o)
	if found != nil {
		page = permissions.Missing(o, found.missing(o.Plan))
	}
	if page.TenantID == unknownTenant {
		page.TenantID = ""
	}
	if older != nil {
		return a.diffPermissions(older, page, flags)
	}
	return a.printPermissions(page, flags)
}

// unknownTenant stands for the tenant in plans of which only the needs are
// wanted.
const unknownTenant = "00000000-0000-0000-0000-000000000000"

// permissionsOptions says what is planned, and for whom. Nobody signs in where
// flags or a report tell.
func (a *app) permissionsOptions(ctx context.Context, flags *permissionsFlags, found *preflightReport) (permissions.Options, error) {
	o := permissions.Options{
		RoleName: flags.roleName, Group: flags.scope == "group", Registered: flags.registered, Constrain: flags.constrain, Local: a.flags.local,
	}
	if flags.assignee != "" {
		o.Principal = permissions.Principal{ObjectID: flags.assignee, Type: flags.kind}
	} else if found != nil {
		o.Principal = found.principal()
	}
	chosen := flags.chosen()
	chosen.SubscriptionID, chosen.TenantID = a.flags.subscription, a.flags.tenant
	if chosen.SubscriptionID == "" && !a.flags.local {
		chosen.SubscriptionID = a.getenv("AZURE_SUBSCRIPTION_ID")
	}
	if found != nil && chosen.SubscriptionID == "" {
		chosen.SubscriptionID = found.subscription()
	}
	if chosen.TenantID == "" && !flags.split {
		chosen.TenantID = unknownTenant
	}
	var err error
	if chosen.SubscriptionID != "" && chosen.TenantID != "" && o.Principal.ObjectID != "" {
		o.Plan, err = plan.New(chosen)
		return o, err
	}
	s, p, err := a.planned(ctx, &flags.planFlags)
	if err != nil {
		return o, err
	}
	o.Plan = p
	if o.Principal.ObjectID == "" {
		o.Principal = permissions.Principal{ObjectID: s.caller.ObjectID, Type: principalType(s.caller.Type), DisplayName: s.caller.DisplayName}
	}
	return o, nil
}

// principalType is a caller's type as role assignments have it.
func principalType(of string) string {
	if of == credential.ServicePrincipal {
		return "ServicePrincipal"
	}
	return "User"
}

func (a *app) printPermissions(page *permissions.Page, flags *permissionsFlags) error {
	f := flags.chosenFormat()
	if f.role && len(page.Definition().Actions)+len(page.Definition().DataActions) == 0 && a.printer.Format() == report.Text {
		return &codeError{code: exitFailed, text: "no right is missing that a role could bring", hints: []string{"--format table shows what else is"}}
	}
	text := f.render(page)
	if flags.out != "" {
		return a.writeOut(flags.out, text, flags.force)
	}
	return a.printer.Document(page, func(w io.Writer) { _, _ = io.WriteString(w, text) })
}

func (a *app) splitPermissions(o permissions.Options, flags *permissionsFlags) error {
	dir := flags.out
	if dir == "" {
		dir = "."
	}
	halves := permissions.Split(o)
	for _, script := range []struct{ name, text string }{
		{permissions.OwnerScript, halves.Owner},
		{permissions.DeployerScript, halves.Deployer},
	} {
		if err := a.writeOut(filepath.Join(dir, script.name), script.text, flags.force); err != nil {
			return err
		}
	}
	a.printer.Say("an owner of the subscription reviews and runs the first; the second takes Contributor at the group alone")
	return nil
}

func (a *app) diffPermissions(older, newer *permissions.Page, flags *permissionsFlags) error {
	d := permissions.Compare(older, newer)
	if err := a.printer.Document(d, func(w io.Writer) { writeDifference(w, d) }); err != nil {
		return err
	}
	if flags.exitOn == "new" && !d.Empty() {
		return &codeError{code: exitBlocked}
	}
	return nil
}
