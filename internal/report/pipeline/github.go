package pipeline

import (
	"fmt"
	"io"
	"strings"

	"github.com/kars-dev/kars/internal/preflight"
)

// annotationsShown is how many annotations of one kind GitHub shows of a step.
// docs.github.com/rest/checks/runs (an annotation's limits), and the runner's
// own of ten errors and ten warnings for each step
const annotationsShown = 10

// Annotations writes GitHub's workflow commands: an error for each finding that
// stops the run, a warning for the others that did not pass. What is more than
// GitHub shows is counted in the last one.
// docs.github.com/actions/reference/workflow-commands-for-github-actions
func Annotations(w io.Writer, r preflight.Report, o Options) error {
	var errs, warnings []preflight.Finding
	for _, f := range r.Findings {
		switch {
		case o.Gate.Stops(f):
			errs = append(errs, f)
		case f.Verdict != preflight.Pass && f.Accepted == nil:
			warnings = append(warnings, f)
		}
	}
	if err := annotate(w, "error", errs); err != nil {
		return err
	}
	return annotate(w, "warning", warnings)
}

func annotate(w io.Writer, command string, found []preflight.Finding) error {
	for i, f := range found {
		title, message := f.ID, headline(f)+"\n"+details(f)+preflight.HelpURL(f.ID)
		if rest := len(found) - i; i == annotationsShown-1 && rest > 1 {
			title, message = fmt.Sprintf("%d more findings", rest), "see the step's summary, or the report"
		}
		if _, err := fmt.Fprintf(w, "::%s title=%s::%s\n", command, property(title), data(message)); err != nil {
			return err
		}
		if i == annotationsShown-1 {
			break
		}
	}
	return nil
}

// data escapes a command's message: it ends with its line.
func data(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(s)
}

// property escapes the value of a command's property.
func property(s string) string {
	return strings.NewReplacer(":", "%3A", ",", "%2C").Replace(data(s))
}
