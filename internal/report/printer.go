// Package report is everything that a person or a pipeline sees.
//
// Data goes to stdout, everything else to stderr. Messages begin in lower case
// and end without a full stop. An error comes with what to do about it. There is
// no colour and no moving line where the stream is no terminal or NO_COLOR is set.
package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"

	"charm.land/lipgloss/v2"
	"sigs.k8s.io/yaml"
)

// APIVersion is that of every document.
const APIVersion = "kars.azure.com/v1alpha1"

// Format is a form of the data on stdout.
type Format string

// The forms of -o.
const (
	Text Format = "text"
	JSON Format = "json"
	YAML Format = "yaml"
)

// The forms of others, of preflight's report alone.
const (
	SARIF    Format = "sarif"
	JUnit    Format = "junit"
	Markdown Format = "markdown"
)

// Printer owns both streams.
type Printer struct {
	out, err io.Writer
	format   Format
	quiet    bool
	live     bool // stderr is a terminal: one line may move
	colour   bool
	width    int // of the terminal, in characters

	mu     sync.Mutex
	moving bool // an unfinished line stands on stderr
}

// Options are how to print.
type Options struct {
	Out, Err io.Writer
	Format   Format
	Quiet    bool
	Terminal bool // whether Err is a terminal
	NoColour bool
	Width    int // of the terminal; 100 if it is not known
}

// New returns a printer.
func New(o Options) *Printer {
	if o.Format == "" {
		o.Format = Text
	}
	if o.Width <= 0 {
		o.Width = 100
	}
	return &Printer{
		out: o.Out, err: o.Err, format: o.Format, quiet: o.Quiet,
		live: o.Terminal && !o.Quiet, colour: o.Terminal && !o.NoColour, width: o.Width,
	}
}

// Format is the form asked for.
func (p *Printer) Format() Format { return p.format }

// Document writes v to stdout in the form asked for; text renders it for a
// person and is used for the text form.
func (p *Printer) Document(v any, text func(io.Writer)) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	switch p.format {
	case JSON:
		e := json.NewEncoder(p.out)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		return e.Encode(v)
	case YAML:
		raw, err := yaml.Marshal(v)
		if err != nil {
			return fmt.Errorf("writing YAML: %w", err)
		}
		_, err = p.out.Write(raw)
		return err
	}
	text(p.out)
	return nil
}

// Foreign writes to stdout in a form of others.
func (p *Printer) Foreign(write func(io.Writer) error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	return write(p.out)
}

// Say writes one line to stderr, unless asked to be quiet.
func (p *Printer) Say(format string, args ...any) {
	if p.quiet {
		return
	}
	p.line(fmt.Sprintf(format, args...))
}

// Warn writes a warning and what to do about it to stderr.
func (p *Printer) Warn(text, fix string) {
	p.line(p.paint(yellow, "warning: ") + indent(text, "         "))
	if fix != "" {
		p.line("         " + fix)
	}
}

// Error writes an error and its hints to stderr.
func (p *Printer) Error(text string, hints ...string) {
	p.line(p.paint(red, "error: ") + indent(text, "       "))
	for _, h := range hints {
		p.line("       " + h)
	}
}

// indent keeps the lines of a text below its first.
func indent(text, by string) string { return strings.ReplaceAll(text, "\n", "\n"+by) }

func (p *Printer) line(s string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	fmt.Fprintln(p.err, s)
}

// clear removes the moving line; the lock is held.
func (p *Printer) clear() {
	if p.moving {
		fmt.Fprint(p.err, "\r\x1b[K")
		p.moving = false
	}
}

var (
	red    = lipgloss.NewStyle().Foreground(lipgloss.Red)
	yellow = lipgloss.NewStyle().Foreground(lipgloss.Yellow)
	green  = lipgloss.NewStyle().Foreground(lipgloss.Green)
	faint  = lipgloss.NewStyle().Faint(true)
)

func (p *Printer) paint(s lipgloss.Style, text string) string {
	if !p.colour {
		return text
	}
	return s.Render(text)
}

// Block writes several lines to stderr.
func (p *Printer) Block(write func(io.Writer)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	write(p.err)
}
