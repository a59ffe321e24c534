package preflight

import (
	"fmt"
	"strings"
)

// FindingsPage is docs/findings.md: a section for each entry of the catalogue.
func FindingsPage() string {
	var b strings.Builder
	b.WriteString(`<!-- Generated from internal/preflight; do not edit. -->

# Findings of preflight

What ` + "`kars preflight`" + ` and ` + "`kars up`" + ` look at before the first write. A finding's key is its id and its scope; ids are stable, and
pipelines and baselines may name them. What varies is in angle brackets.

| verdict | meaning | ends the command |
|---|---|---|
| pass | it is as the plan needs it | no |
| warn | the run works, and you should know | with 3 at ` + "`--fail-on warning`" + ` |
| unknown | a fact could not be read; the finding names it | with 4 at ` + "`--fail-on unknown`" + ` and ` + "`--fail-on warning`" + ` |
| fail | the run would end halfway; it does not start | with 3 |

A finding that a baseline (` + "`--baseline FILE`" + `) accepts stays in the report, marked, and neither blocks nor counts, unless it is worse than the verdict that the baseline names.

| id | |
|---|---|
`)
	for _, e := range Catalogue() {
		fmt.Fprintf(&b, "| [`%s`](#%s) | %s |\n", e.ID, e.anchor(), e.Title)
	}
	for _, e := range Catalogue() {
		fmt.Fprintf(&b, "\n## `%s`\n\n%s.\n\n%s\n\n", e.ID, capital(e.Title), e.Checks)
		for _, v := range []Verdict{Pass, Warn, Unknown, Fail} {
			if says := e.Verdicts[v]; says != "" {
				fmt.Fprintf(&b, "- **%s**: %s\n", v, says)
			}
		}
		fmt.Fprintf(&b, "\n%s\n\nSince %s.", e.Do, e.Since)
		if e.See != "" {
			fmt.Fprintf(&b, " See <%s>.", e.See)
		}
		b.WriteString("\n")
	}
	return b.String()
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
