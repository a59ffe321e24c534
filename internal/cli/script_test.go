package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/kars-dev/kars/internal/home"
	"github.com/kars-dev/kars/internal/journal"
	"github.com/kars-dev/kars/internal/plan"
)

// TestMain makes the test binary kars where it is called by that name: by
// scripts, and by kars itself when it starts the local Azure.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"kars": func() {
			a := newApp(Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}, os.Getenv)
			a.images = testImages
			os.Exit(a.main(context.Background(), os.Args[1:]))
		},
	})
}

// testImages are those of a built kars, by digests of no image: no script
// goes as far as the images.
func testImages() ([]plan.Image, error) {
	var out []plan.Image
	for _, name := range plan.ImageNames {
		out = append(out, plan.Image{Name: name, Digest: "sha256:" + strings.Repeat("0", 64), Tag: "0.1.0"})
	}
	return out, nil
}

// Each script has a KARS_HOME of its own, and its local Azure ends with it.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			env.Setenv("KARS_HOME", filepath.Join(env.WorkDir, "home"))
			env.Setenv("KARS_CACHE", filepath.Join(env.WorkDir, "cache"))
			env.Defer(func() {
				if err := endAll(env.WorkDir); err != nil {
					t.Errorf("ending the local Azure: %v", err)
				}
			})
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"json":    jsonCommand,
			"busy":    busyCommand,
			"exits":   exitsCommand,
			"running": runningCommand,
		},
		Condition: func(cond string) (bool, error) {
			if cond != "root" {
				return false, fmt.Errorf("unknown condition %q", cond)
			}
			return os.Geteuid() == 0, nil
		},
		RequireUniqueNames: true,
	})
}

// endAll ends every local Azure below a folder, by the process id that each
// has written down.
func endAll(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() != "azure.json" {
			return nil //nolint:nilerr // a file that is gone is what is wanted
		}
		raw, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		var azure home.Azure
		if err := errors.Join(err, json.Unmarshal(raw, &azure)); err != nil {
			return err
		}
		if err := syscall.Kill(azure.PID, syscall.SIGTERM); err != nil {
			return nil //nolint:nilerr // it is gone
		}
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		return waitGone(ctx, azure.PID)
	})
}

// exitsCommand runs a command that must end with an exit code: exits CODE
// COMMAND.
func exitsCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND [ARG]…")
	}
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("running %s: %v", args[1], err)
		}
		got = exit.ExitCode()
	}
	if strconv.Itoa(got) != args[0] {
		ts.Fatalf("exit code %d, want %s", got, args[0])
	}
}

// busyCommand listens on a port of loopback until the script ends: busy VAR
// sets VAR to the port.
func busyCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: busy VAR")
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { _ = ln.Close() })
	ts.Setenv(args[0], strconv.Itoa(ln.Addr().(*net.TCPAddr).Port))
}

// runningCommand is another run of kars that holds a context until the script
// ends: running CONTEXT sets PID to its process.
func runningCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: running CONTEXT")
	}
	h := home.Home{Dir: ts.Getenv("KARS_HOME")}
	ts.Check(h.Make())
	j, err := journal.Open(journal.Options{Dir: h.Runs(), Context: args[0], Command: "up", Now: time.Now})
	ts.Check(err)
	ts.Defer(func() { _ = j.Close() })
	ts.Setenv("PID", strconv.Itoa(os.Getpid()))
}

// jsonCommand looks into the one document that the last command wrote to
// stdout: json PATH REGEXP. A path is keys and indexes joined by full stops;
// "*" stands for all of them, KEY=VALUE for those elements that have it. The
// values found, joined by spaces, must match as a whole.
func jsonCommand(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: [!] json PATH REGEXP")
	}
	d := json.NewDecoder(strings.NewReader(ts.ReadFile("stdout")))
	var doc any
	if err := d.Decode(&doc); err != nil {
		ts.Fatalf("stdout is no JSON: %v", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		ts.Fatalf("stdout is more than one document")
	}
	var found []string
	for _, v := range at(doc, splitPath(args[0])) {
		found = append(found, show(v))
	}
	got := strings.Join(found, " ")
	re, err := regexp.Compile("^(?:" + args[1] + ")$")
	ts.Check(err)
	if re.MatchString(got) == neg {
		ts.Fatalf("%s is %q", args[0], got)
	}
}

// splitPath splits at full stops, but not at those within quotes.
func splitPath(path string) []string {
	var out []string
	var b strings.Builder
	quoted := false
	for _, c := range path {
		switch {
		case c == '"':
			quoted = !quoted
		case c == '.' && !quoted:
			out = append(out, b.String())
			b.Reset()
		default:
			b.WriteRune(c)
		}
	}
	return append(out, b.String())
}

func at(v any, path []string) []any {
	if len(path) == 0 {
		return []any{v}
	}
	var out []any
	for _, child := range children(v, path[0]) {
		out = append(out, at(child, path[1:])...)
	}
	return out
}

func children(v any, step string) []any {
	key, value, filters := strings.Cut(step, "=")
	var out []any
	switch v := v.(type) {
	case map[string]any:
		if step != "*" {
			if child, ok := v[step]; ok {
				out = append(out, child)
			}
			return out
		}
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		sort.Strings(keys)
		for _, k := range keys {
			out = append(out, v[k])
		}
	case []any:
		for i, child := range v {
			m, _ := child.(map[string]any)
			if step == "*" || step == strconv.Itoa(i) || filters && m != nil && show(m[key]) == value {
				out = append(out, child)
			}
		}
	}
	return out
}

func show(v any) string {
	switch v.(type) {
	case map[string]any, []any:
		raw, _ := json.Marshal(v)
		return string(raw)
	}
	return fmt.Sprint(v)
}
