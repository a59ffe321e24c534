package report

import (
	"io"
	"strings"
	"text/tabwriter"
)

// Table writes rows in aligned columns; the first row is the head.
func Table(w io.Writer, rows ...[]string) {
	var aligned strings.Builder
	t := tabwriter.NewWriter(&aligned, 0, 0, 2, ' ', 0)
	for _, r := range rows {
		_, _ = io.WriteString(t, strings.Join(r, "\t")+"\n")
	}
	_ = t.Flush()
	for line := range strings.Lines(aligned.String()) {
		_, _ = io.WriteString(w, strings.TrimRight(line, " \n")+"\n")
	}
}
