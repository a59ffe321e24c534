package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/kars-dev/kars/internal/permissions"
	"github.com/kars-dev/kars/internal/plan"
	"github.com/kars-dev/kars/internal/report"
)

// permissionsTable is the page as a table.
func permissionsTable(p *permissions.Page) string {
	var b strings.Builder
	who := p.Principal.DisplayName
	if who == "" {
		who = p.Principal.ObjectID
	}
	head := [][]string{{"principal", strings.TrimSpace(who + "  " + p.Principal.Type)}}
	for _, s := range p.Scopes {
		head = append(head, []string{"scope", s})
	}
	report.Table(&b, head...)
	if len(p.Permissions) == 0 {
		b.WriteString("\nno permission is missing\n")
		return b.String()
	}
	b.WriteString("\n")
	rows := [][]string{{"PERMISSION", "SCOPE", "STEP", "WHY"}}
	for _, r := range p.Permissions {
		rows = append(rows, []string{r.Action, place(r.Scope), string(r.Step), reasonOf(r)})
	}
	report.Table(&b, rows...)
	writeRoles(&b, p)
	if p.Condition != "" {
		fmt.Fprintf(&b, "\ncondition of the custom role's assignment:\n%s\n", p.Condition)
	}
	return b.String()
}

func reasonOf(r permissions.Permission) string {
	switch {
	case r.Kind == plan.NeedAccount:
		return r.Why + "; say --foundry-id to have it in the role"
	case r.Role == "":
		return r.Why + "; not in the role: the subscription's owner does it"
	case r.Optional:
		return r.Why + "; the run goes on without it"
	}
	return r.Why
}

func writeRoles(w io.Writer, p *permissions.Page) {
	if len(p.Roles) == 0 {
		return
	}
	rows := [][]string{{"ROLE", "SCOPE", "WHY"}}
	for _, r := range p.Roles {
		rows = append(rows, []string{r.Name, place(r.Scope), r.Why})
	}
	_, _ = fmt.Fprintln(w)
	report.Table(w, rows...)
}

// writeDifference shows what is new, then what is no longer needed.
func writeDifference(w io.Writer, d permissions.Difference) {
	_, _ = fmt.Fprintln(w, d.Summary())
	var rows [][]string
	for _, side := range []struct {
		mark string
		of   []permissions.Permission
	}{{"+", d.Added}, {"-", d.Removed}} {
		for _, r := range side.of {
			rows = append(rows, []string{side.mark + " " + r.Action, place(r.Scope), r.Why})
		}
	}
	for _, g := range d.Gives {
		rows = append(rows, []string{"+ gives " + g.Role, place(g.Scope), "to the " + g.Principal + ": " + g.Why})
	}
	if len(rows) > 0 {
		_, _ = fmt.Fprintln(w)
		report.Table(w, rows...)
	}
}
