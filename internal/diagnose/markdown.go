package diagnose

import (
	"fmt"
	"strings"
)

// Markdown is docs/errors.md: every known error under its id.
func Markdown() string {
	var b strings.Builder
	b.WriteString("<!-- Generated from internal/diagnose; do not edit. -->\n\n# Errors\n\n")
	b.WriteString("What kars knows about the errors of Azure, Entra, Microsoft Graph and Kubernetes. ")
	b.WriteString("Names in angle brackets are filled in by kars where the error says them.\n")
	seen := map[string]bool{}
	all := table()
	names := strings.NewReplacer("{", "<", "}", ">")
	words := replacer(Error{}).cause
	for i, r := range all {
		if seen[r.id] {
			continue
		}
		seen[r.id] = true
		fmt.Fprintf(&b, "\n## %s\n\n", r.id)
		if codes := codesOf(all[i:], r.id); len(codes) > 0 {
			fmt.Fprintf(&b, "`%s`\n\n", strings.Join(codes, "`, `"))
		}
		fmt.Fprintf(&b, "%s.\n\n", capital(words.Replace(r.cause)))
		for _, f := range r.fix {
			fmt.Fprintf(&b, "- %s", words.Replace(f.Text))
			if f.Command != "" {
				fmt.Fprintf(&b, ":\n\n  ```\n  %s\n  ```\n", names.Replace(f.Command))
				continue
			}
			b.WriteString("\n")
		}
		if r.doc != "" {
			fmt.Fprintf(&b, "\n<%s>\n", r.doc)
		}
	}
	return b.String()
}

// codesOf are the codes of all rows with this id.
func codesOf(rows []row, id string) []string {
	var codes []string
	seen := map[string]bool{}
	for _, r := range rows {
		for _, c := range r.codes {
			if r.id == id && !seen[c] {
				seen[c] = true
				codes = append(codes, c)
			}
		}
	}
	return codes
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
