package report

import (
	"io"
	"strings"
	"text/tabwriter"
)

// Table writes rows in aligned columns; the first row is the head.
func Table(w io.Writer, rows ...[]string) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, r := range rows {
		_, _ = io.WriteString(t, strings.Join(r, "\t")+"\n")
	}
	_ = t.Flush()
}
