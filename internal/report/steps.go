package report

import (
	"fmt"
	"strings"
	"time"

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
	started := map[string]time.Time{}
	return func(e event.Event) {
		switch e := e.(type) {
		case event.StepStarted:
			p.mu.Lock()
			started[e.ID] = time.Now()
			p.mu.Unlock()
			p.move(e.ID, "", 0)
		case event.StepProgress:
			p.mu.Lock()
			elapsed := time.Since(started[e.ID])
			p.mu.Unlock()
			p.move(e.ID, e.Detail, elapsed)
		case event.StepEnded:
			p.step(e)
		case event.Warning:
			p.Warn(e.Text, e.Fix)
		}
	}
}

// move writes the moving line, on a terminal.
func (p *Printer) move(id, detail string, elapsed time.Duration) {
	if !p.live {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	text := fmt.Sprintf("%-*s %s …", stepWidth, title(id), detail)
	if elapsed >= time.Second {
		text += fmt.Sprintf(" %d s", int(elapsed.Seconds()))
	}
	fmt.Fprint(p.err, p.paint(faint, cut(text, 100)))
	p.moving = true
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
