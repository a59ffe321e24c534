package cli

import (
	"fmt"
	"io"

	"github.com/kars-dev/kars/internal/preflight"
	"github.com/kars-dev/kars/internal/report"
)

// writeMatrix writes a table for each principal, in the order of the rows.
func writeMatrix(w io.Writer, m preflight.Matrix) {
	for rest := m.Rows; len(rest) > 0; {
		who := rest[0].Principal
		rows := [][]string{}
		for len(rest) > 0 && rest[0].Principal == who {
			r := rest[0]
			rest = rest[1:]
			rows = append(rows, []string{"  " + string(r.Verdict), r.Action, place(r.Scope), r.Why})
			if r.Verdict != preflight.Pass {
				rows[len(rows)-1] = append(rows[len(rows)-1], r.By)
			}
		}
		_, _ = fmt.Fprintf(w, "%s:\n", who)
		report.Table(w, rows...)
	}
}
