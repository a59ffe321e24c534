package report

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kars-dev/kars/internal/event"
)

func TestDocumentsGoToStdoutInTheFormAskedFor(t *testing.T) {
	doc := struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
		URL        string `json:"url"`
	}{APIVersion, "Thing", "https://a?b&c=<d>"}
	for format, want := range map[Format]string{
		"":   "a thing\n",
		Text: "a thing\n",
		JSON: "{\n  \"apiVersion\": \"kars.azure.com/v1alpha1\",\n  \"kind\": \"Thing\",\n  \"url\": \"https://a?b&c=<d>\"\n}\n",
		YAML: "apiVersion: kars.azure.com/v1alpha1\nkind: Thing\nurl: https://a?b&c=<d>\n",
	} {
		out, err := printed(Options{Format: format, Quiet: true}, func(p *Printer) {
			if err := p.Document(doc, func(w io.Writer) { _, _ = fmt.Fprintln(w, "a thing") }); err != nil {
				t.Error(err)
			}
		})
		if diff := cmp.Diff(want, out); diff != "" || err != "" {
			t.Errorf("-o %s: stderr %q, stdout (-want +got):\n%s", format, err, diff)
		}
	}
}

func TestADocumentThatCannotBeWrittenIsAnError(t *testing.T) {
	full := New(Options{Out: fullDisk{}, Err: io.Discard, Format: JSON})
	if err := full.Document(map[string]string{}, nil); err == nil {
		t.Error("writing to a full disk succeeded")
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func TestMessagesGoToStderr(t *testing.T) {
	for says, test := range map[string]struct {
		options Options
		print   func(*Printer)
		want    string
	}{
		"a message":                        {print: func(p *Printer) { p.Say("%d things", 2) }, want: "2 things\n"},
		"quiet leaves messages out":        {options: Options{Quiet: true}, print: func(p *Printer) { p.Say("hello") }, want: ""},
		"quiet keeps warnings":             {options: Options{Quiet: true}, print: func(p *Printer) { p.Warn("careful", "") }, want: "warning: careful\n"},
		"quiet keeps errors":               {options: Options{Quiet: true}, print: func(p *Printer) { p.Error("no") }, want: "error: no\n"},
		"an error with its hints":          {print: func(p *Printer) { p.Error("no", "do this", "or that") }, want: "error: no\n       do this\n       or that\n"},
		"an error of more lines":           {print: func(p *Printer) { p.Error("one\ntwo", "do") }, want: "error: one\n       two\n       do\n"},
		"a message is not a format's text": {print: func(p *Printer) { p.Error("100%s") }, want: "error: 100%s\n"},
		"on a terminal the word is red": {
			options: Options{Terminal: true},
			print:   func(p *Printer) { p.Error("no") }, want: "\x1b[31merror: \x1b[mno\n",
		},
	} {
		out, got := printed(test.options, test.print)
		if diff := cmp.Diff(test.want, got); diff != "" || out != "" {
			t.Errorf("%s: stdout %q, stderr (-want +got):\n%s", says, out, diff)
		}
	}
}

func TestLinesOfConcurrentStepsStayWhole(t *testing.T) {
	_, got := printed(Options{Terminal: true, NoColour: true}, func(p *Printer) {
		sink := p.Sink()
		var wait sync.WaitGroup
		for range 20 {
			wait.Go(func() {
				sink(event.StepStarted{ID: "images"})
				sink(event.StepProgress{ID: "images", Detail: "importing"})
				sink(event.StepEnded{ID: "images", Status: event.Created, Detail: "done"})
			})
		}
		wait.Wait()
	})
	whole := "images       done" + strings.Repeat(" ", 65) + "created\n"
	if n := strings.Count(got, whole); n != 20 {
		t.Errorf("%d of 20 lines are whole:\n%q", n, got)
	}
}

func TestTableAlignsItsColumns(t *testing.T) {
	var b strings.Builder
	Table(&b, []string{"NAME", "PHASE"}, []string{"my-assistant", "Running"}, []string{"b", ""})
	want := "NAME          PHASE\nmy-assistant  Running\nb\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
}
