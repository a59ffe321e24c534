package report

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kars-dev/kars/internal/event"
)

// printed is what a printer writes to both streams while f runs.
func printed(o Options, f func(*Printer)) (out, err string) {
	var stdout, stderr strings.Builder
	o.Out, o.Err = &stdout, &stderr
	f(New(o))
	return stdout.String(), stderr.String()
}

func TestStepsAreOneLineEach(t *testing.T) {
	long := strings.Repeat("ü", detailWidth+1)
	for says, test := range map[string]struct {
		options Options
		event   event.Event
		want    string
	}{
		"a step that made something": {
			event: event.StepEnded{ID: "group", Status: event.Created, Detail: "kars-eastus2", Duration: time.Second},
			want:  "group        kars-eastus2" + strings.Repeat(" ", 57) + "created\n",
		},
		"a sandbox is named by its detail": {
			event: event.StepEnded{ID: "sandbox/my-assistant", Status: event.Unchanged, Detail: "my-assistant is running"},
			want:  "sandbox      my-assistant is running" + strings.Repeat(" ", 46) + "unchanged\n",
		},
		"what is too long is cut by characters": {
			event: event.StepEnded{ID: "group", Status: event.Created, Detail: long},
			want:  "group        " + strings.Repeat("ü", detailWidth-1) + "… created\n",
		},
		"what has more lines becomes one": {
			event: event.StepEnded{ID: "group", Status: event.Failed, Detail: "one\ntwo"},
			want:  "group        one; two" + strings.Repeat(" ", 61) + "failed\n",
		},
		"started and progress are no lines where there is no terminal": {
			event: event.StepProgress{ID: "cluster", Detail: "deploying"},
			want:  "",
		},
		"a warning comes with what to do about it": {
			event: event.Warning{ID: "trust", Text: "Entra Agent ID setup skipped", Fix: "kars mesh setup-trust"},
			want:  "warning: Entra Agent ID setup skipped\n         kars mesh setup-trust\n",
		},
		"asked to be quiet, a step that went well is not shown": {
			options: Options{Quiet: true},
			event:   event.StepEnded{ID: "group", Status: event.Created, Detail: "g"},
			want:    "",
		},
		"asked to be quiet, a failure is shown": {
			options: Options{Quiet: true},
			event:   event.StepEnded{ID: "group", Status: event.Failed, Detail: "no"},
			want:    "group        no" + strings.Repeat(" ", 67) + "failed\n",
		},
		"on a terminal the status has a colour": {
			options: Options{Terminal: true},
			event:   event.StepEnded{ID: "group", Status: event.Failed, Detail: "no"},
			want:    "group        no" + strings.Repeat(" ", 67) + "\x1b[31mfailed\x1b[m\n",
		},
		"NO_COLOR takes the colour away": {
			options: Options{Terminal: true, NoColour: true},
			event:   event.StepEnded{ID: "group", Status: event.Failed, Detail: "no"},
			want:    "group        no" + strings.Repeat(" ", 67) + "failed\n",
		},
	} {
		out, got := printed(test.options, func(p *Printer) { p.Sink()(test.event) })
		if diff := cmp.Diff(test.want, got); diff != "" || out != "" {
			t.Errorf("%s: stdout %q, stderr (-want +got):\n%s", says, out, diff)
		}
	}
}

func TestAMovingLineIsGoneBeforeAnythingElseIsWritten(t *testing.T) {
	_, got := printed(Options{Terminal: true, NoColour: true}, func(p *Printer) {
		sink := p.Sink()
		sink(event.StepStarted{ID: "cluster"})
		sink(event.StepProgress{ID: "cluster", Detail: "deploying"})
		sink(event.StepEnded{ID: "cluster", Status: event.Created, Detail: "kars-aks"})
	})
	const clear = "\r\x1b[K"
	want := "cluster       …" + clear + "cluster      deploying …" + clear + "cluster      kars-aks" + strings.Repeat(" ", 61) + "created\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("stderr (-want +got):\n%s", diff)
	}
}

func FuzzCut(f *testing.F) {
	f.Add("a detail", 68)
	f.Add("größer\nals die Spalte", 5)
	f.Fuzz(func(t *testing.T, s string, width int) {
		if width < 1 || width > 200 {
			t.Skip()
		}
		got := cut(s, width)
		if n := len([]rune(got)); n > width {
			t.Errorf("%q has %d characters, more than %d", got, n, width)
		}
		if strings.ContainsAny(got, "\r\n") {
			t.Errorf("%q has more than one line", got)
		}
	})
}
