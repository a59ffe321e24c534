package pipeline

import (
	"fmt"
	"html"
	"io"
	"strings"
	"unicode"

	"github.com/kars-dev/kars/internal/preflight"
)

// Markdown writes a page that reads well as a comment on a pull request: how it
// went, a table of what stops the run, the commands that would change it, and
// folded away what is only to be known.
func Markdown(w io.Writer, r preflight.Report, o Options) error {
	var b strings.Builder
	var stops, others []preflight.Finding
	for _, f := range r.Findings {
		switch {
		case o.Gate.Stops(f):
			stops = append(stops, f)
		case f.Verdict != preflight.Pass && f.Accepted == nil:
			others = append(others, f)
		}
	}
	verdict := "the run may start"
	if len(stops) > 0 {
		verdict = fmt.Sprintf("%d %s in the way", len(stops), plural(len(stops), "finding stands", "findings stand"))
	}
	fmt.Fprintf(&b, "## kars preflight: %s\n\n%s, as %s.\n", verdict, prose(r.Summary()), prose(r.Caller.DisplayName))
	table(&b, "", stops)
	markdownCommands(&b, stops)
	table(&b, "To be known", others)
	if accepted := r.Accepted(); len(accepted) > 0 {
		b.WriteString("\n### Accepted\n\n| | at | reason |\n|---|---|---|\n")
		for _, f := range accepted {
			fmt.Fprintf(&b, "| %s | %s | %s |\n", link(f), code(place(f.Scope)), prose(acceptance(*f.Accepted)))
		}
	}
	for _, s := range r.Stale {
		fmt.Fprintf(&b, "\nThe baseline's entry %s at %s accepts nothing: %s.\n", code(s.ID), code(s.Scope), prose(s.Why))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// table lists findings, below a title that folds them away.
func table(b *strings.Builder, title string, found []preflight.Finding) {
	if len(found) == 0 {
		return
	}
	if title != "" {
		fmt.Fprintf(b, "\n<details><summary>%s: %d</summary>\n", title, len(found))
	}
	b.WriteString("\n| verdict | what | at | why |\n|---|---|---|---|\n")
	for _, f := range found {
		why := prose(f.Why)
		if len(f.Evidence) > 0 {
			why += "<br>" + prose(strings.Join(f.Evidence, "; "))
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s |\n", f.Verdict, link(f), code(place(f.Scope)), why)
	}
	if title != "" {
		b.WriteString("\n</details>\n")
	}
}

// markdownCommands lists the fixes, each once: one role is the fix of many
// findings.
func markdownCommands(b *strings.Builder, found []preflight.Finding) {
	seen := map[preflight.Fix]bool{}
	for _, f := range found {
		for _, fix := range f.Fix {
			if seen[fix] {
				continue
			}
			if len(seen) == 0 {
				b.WriteString("\n### What changes it\n\n")
			}
			seen[fix] = true
			fmt.Fprintf(b, "- %s\n", prose(fix.Text))
			if fix.Command != "" {
				fence := strings.Repeat("`", 3+longest(fix.Command, '`'))
				fmt.Fprintf(b, "\n  %ssh\n  %s\n  %s\n\n", fence, strings.ReplaceAll(fix.Command, "\n", "\n  "), fence)
			}
		}
	}
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// link is a finding's subject, as a link to where it is explained.
func link(f preflight.Finding) string {
	return "[" + code(f.Subject) + "](" + preflight.HelpURL(f.ID) + ")"
}

// code is a text as it is, in a table too: its own backticks and bars would
// end it.
func code(s string) string {
	s = oneLine(s)
	return "`" + strings.NewReplacer("`", "'", "|", `\|`).Replace(s) + "`"
}

// oneLine is a text without what would end its line or paragraph.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
}

// prose is a text that stays a text, on one line: what Azure says may hold what Markdown,
// HTML or GitHub (which notifies whoever stands behind an @) takes for its own.
func prose(s string) string {
	var b strings.Builder
	before := ' '
	for _, r := range html.EscapeString(oneLine(s)) {
		if strings.ContainsRune("\\`*_{}[]|~", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
		if r == '@' && !unicode.IsLetter(before) && !unicode.IsDigit(before) {
			b.WriteString("<!-- -->")
		}
		before = r
	}
	return b.String()
}

// longest is the length of the longest row of one character.
func longest(s string, c rune) int {
	best, n := 0, 0
	for _, r := range s {
		if n++; r != c {
			n = 0
		}
		best = max(best, n)
	}
	return best
}
