package journal

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kars-dev/kars/internal/event"
)

// ticking is a clock that is a second later each time it is asked.
func ticking() func() time.Time {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	return func() time.Time {
		now = now.Add(time.Second)
		return now
	}
}

func open(t *testing.T, dir string, now func() time.Time) *Journal {
	t.Helper()
	j, err := Open(Options{Dir: dir, Context: "kars@local", Command: "up", Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func TestLastTellsWhatARunDid(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "runs")
	if _, found, err := Last(dir, "kars@local"); found || err != nil {
		t.Fatalf("before any run: found %t, %v", found, err)
	}
	j := open(t, dir, ticking())
	must(t,
		j.Begin("group"), j.End("group", event.Created, "kars-eastus2"),
		j.Begin("foundation"), j.Operation("foundation", "t1"), j.Operation("foundation", ""), j.End("foundation", event.Created, ""),
		j.Begin("cluster"), j.Operation("cluster", "t2"), j.End("cluster", event.Failed, "interrupted"),
		j.Close(),
	)
	run, found, err := Last(dir, "kars@local")
	if err != nil || !found {
		t.Fatalf("found %t, %v", found, err)
	}
	for i := range run.Steps {
		if run.Steps[i].Started.IsZero() {
			t.Errorf("%s has no start", run.Steps[i].ID)
		}
		run.Steps[i].Started = time.Time{}
	}
	want := []Step{
		{ID: "group", Status: event.Created, Detail: "kars-eastus2"},
		{ID: "foundation", Status: event.Created},
		{ID: "cluster", Status: event.Failed, Detail: "interrupted", Token: "t2"},
	}
	if diff := cmp.Diff(want, run.Steps); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
	if run.ID != j.ID() || run.Command != "up" || run.PID != os.Getpid() || !run.Ended {
		t.Errorf("run %+v", run)
	}
	if _, found, _ := Last(dir, "other"); found {
		t.Error("another context's run is found")
	}
}

func TestAnOperationIsPendingUntilAStepEndsWell(t *testing.T) {
	dir, now := t.TempDir(), ticking()
	first := open(t, dir, now)
	must(t, first.Begin("cluster"), first.Operation("cluster", "token"), first.Close())
	// A run that does not come as far as the step loses nothing.
	second := open(t, dir, now)
	must(t, second.Begin("group"), second.End("group", event.Failed, "offline"), second.Close())
	third := open(t, dir, now)
	if got := third.Pending("cluster"); got != "token" {
		t.Errorf("pending %q, want the token of the first run", got)
	}
	must(t, third.Begin("cluster"), third.End("cluster", event.Created, ""), third.Close())
	fourth := open(t, dir, now)
	if got := fourth.Pending("cluster"); got != "" {
		t.Errorf("pending %q after the step ended well", got)
	}
	must(t, fourth.Close())
}

func TestALastLineTornByACrashIsLeftOut(t *testing.T) {
	dir, now := t.TempDir(), ticking()
	j := open(t, dir, now)
	must(t, j.Begin("group"), j.End("group", event.Created, ""), j.Operation("cluster", "token"), j.Close())
	path := filepath.Join(dir, j.ID()+extension)
	raw, err := os.ReadFile(path)
	must(t, err)
	lines := bytes.SplitAfter(raw, []byte("\n"))
	for cut := range len(raw) {
		got := parse(raw[:cut])
		// Every whole line before the cut counts. A line that lacks nothing
		// but its end counts too.
		whole := bytes.Count(raw[:cut], []byte("\n"))
		if cut > 0 && bytes.HasSuffix(raw[:cut], []byte("}")) && cut == len(bytes.Join(lines[:whole+1], nil))-1 {
			whole++
		}
		if want := parse(bytes.Join(lines[:whole], nil)); cmp.Diff(want, got) != "" {
			t.Fatalf("cut at %d:\n%s", cut, cmp.Diff(want, got))
		}
	}
	must(t, os.WriteFile(path, raw[:len(raw)-20], 0o600))
	again := open(t, dir, now)
	if got := again.Pending("cluster"); got != "token" {
		t.Errorf("pending %q", got)
	}
	must(t, again.Close())
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"event":"run","context":"c"}` + "\n" + `{"event":"step","step":"group"}` + "\n" + `{"event":"operation","step":"x","tok`))
	f.Add([]byte("\n\n{}\nnull\n[]\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		seen := map[string]bool{}
		for _, s := range parse(raw).Steps {
			if seen[s.ID] {
				t.Errorf("step %q is there twice", s.ID)
			}
			seen[s.ID] = true
		}
	})
}

func TestASecondRunIsToldWhoHasTheContext(t *testing.T) {
	dir, now := t.TempDir(), ticking()
	j := open(t, dir, now)
	_, err := Open(Options{Dir: dir, Context: "kars@local", Now: now})
	var held *HeldError
	if !errors.As(err, &held) || held.PID != os.Getpid() || held.Since.IsZero() {
		t.Fatalf("got %v, want a HeldError with this process", err)
	}
	if !strings.Contains(err.Error(), fmt.Sprintf("process %d", os.Getpid())) {
		t.Errorf("error %q", err)
	}
	other, err := Open(Options{Dir: dir, Context: "kars", Now: now})
	if err != nil {
		t.Fatalf("another context: %v", err)
	}
	must(t, other.Close(), j.Close())
	must(t, open(t, dir, now).Close())
}

// TestMain lets the test binary be the process that is killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv("JOURNAL_TEST_HOLD"); dir != "" {
		j, err := Open(Options{Dir: dir, Context: "kars@local", Command: "up", Now: time.Now})
		if err == nil {
			err = errors.Join(j.Begin("cluster"), j.Operation("cluster", "left behind"))
		}
		fmt.Println(err == nil)
		select {}
	}
	os.Exit(m.Run())
}

func TestAKilledRunGivesItsContextBackAndLeavesItsOperation(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "JOURNAL_TEST_HOLD="+dir)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	answer := make([]byte, 5)
	if n, err := out.Read(answer); err != nil || string(answer[:n]) != "true\n" {
		t.Fatalf("the other process says %q, %v", answer[:n], err)
	}
	var held *HeldError
	if _, err := Open(Options{Dir: dir, Context: "kars@local", Now: time.Now}); !errors.As(err, &held) || held.PID != cmd.Process.Pid {
		t.Errorf("got %v, want a HeldError with process %d", err, cmd.Process.Pid)
	}
	must(t, cmd.Process.Kill())
	_ = cmd.Wait()
	j := open(t, dir, time.Now)
	if got := j.Pending("cluster"); got != "left behind" {
		t.Errorf("pending %q", got)
	}
	must(t, j.Close())
}

func TestOldRunsGo(t *testing.T) {
	dir, now := t.TempDir(), ticking()
	for range kept + 5 {
		must(t, open(t, dir, now).Close())
	}
	ids, err := runs(dir)
	if err != nil || len(ids) != kept {
		t.Errorf("%d runs are kept, %v; want %d", len(ids), err, kept)
	}
}

func TestTheJournalIsItsOwnersAloneAndHoldsNoSecret(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, ticking())
	const jwt = "eyJhbGciOiJSUzI1NiJ9.eyJvaWQiOiJvIn0.c2lnbmF0dXJl"
	must(t,
		j.End("a", event.Failed, "401 with Authorization: Bearer "+jwt),
		j.End("b", event.Failed, `body {"password": "hunter2", "x":1}`),
		j.End("c", event.Failed, "POST client_secret=hunter2&scope=x"),
		j.Operation("d", `{"token":{"asyncURL":"https://management.azure.com/o?t=1&c=MII&s=abc&h=def"}}`),
		j.Operation("e", "https://store.example/c?sv=1&sig=hunter2"),
		j.Close(),
	)
	path := filepath.Join(dir, j.ID()+extension)
	raw, err := os.ReadFile(path)
	must(t, err)
	for _, secret := range []string{"hunter2", jwt, "eyJ"} {
		if bytes.Contains(raw, []byte(secret)) {
			t.Errorf("%q is in the journal:\n%s", secret, raw)
		}
	}
	run, _, err := Last(dir, "kars@local")
	must(t, err)
	if got := run.step("d").Token; !strings.Contains(got, "s=abc&h=def") {
		t.Errorf("a polling URL no longer works: %s", got)
	}
	info, err := os.Stat(path)
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %s", info.Mode())
	}
}
