package report

import (
	"fmt"
	"strings"

	"github.com/kars-dev/kars/internal/event"
)

// Widths of the columns of a step's line.
const (
	stepWidth   = 12
	detailWidth = 68
)

// Sink shows events as they come: one line for each step that ends and, on a
// terminal, one moving line for the step that runs.
func (p *Printer) Sink() event.Sink {
	line := &moving{printer: p}
	return func(e event.Event) {
		switch e := e.(type) {
		case event.StepStarted:
			line.start(e.ID)
		case event.StepProgress:
			line.say(e.Detail)
		case event.StepEnded:
			line.end()
			p.step(e)
		case event.Warning:
			p.Warn(e.Text, e.Fix)
		}
	}
}

func (p *Printer) step(e event.StepEnded) {
	if p.quiet && e.Status != event.Failed {
		return
	}
	status := string(e.Status)
	switch e.Status {
	case event.Created, event.Updated, event.Deleted:
		status = p.paint(green, status)
	case event.Failed:
		status = p.paint(red, status)
	case event.Skipped:
		status = p.paint(yellow, status)
	}
	p.line(fmt.Sprintf("%-*s %-*s %s", stepWidth, title(e.ID), detailWidth, cut(e.Detail, detailWidth), status))
}

// title is what stands for a step in the first column: sandbox/<name> is
// named by its detail.
func title(id string) string {
	name, _, _ := strings.Cut(id, "/")
	return name
}

// cut makes a detail one line of no more than width characters.
func cut(s string, width int) string {
	s = strings.Join(strings.FieldsFunc(s, func(c rune) bool { return c == '\n' || c == '\r' }), "; ")
	r := []rune(s)
	if len(r) <= width {
		return s
	}
	return string(r[:width-1]) + "…"
}
