package main

import (
	"bytes"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kars-dev/kars/images"
)

// module makes a module with one component and pause, and goes there.
func module(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	const program = "package main\n\nvar version = \"dev\"\n\nfunc main() { println(version) }\n"
	for path, content := range map[string]string{
		"go.mod":                 "module example.com/m\n\ngo 1.26\n",
		"cmd/kars-agent/main.go": program,
		"images/pause/main.go":   program,
	} {
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
}

func build(t *testing.T, cache string) string {
	t.Helper()
	var out bytes.Buffer
	if err := run(t.Context(), []string{"-cache", cache, "-version", "1.2.3"}, &out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestTheSameSourcesGiveTheSameImagesEverywhere(t *testing.T) {
	module(t)
	if diff := cmp.Diff(build(t, t.TempDir()), build(t, t.TempDir())); diff != "" {
		t.Errorf("two caches differ:\n%s", diff)
	}
}

func TestImagesAreMadeOfWhatIsThere(t *testing.T) {
	module(t)
	cache := t.TempDir()
	dns := filepath.Join(cache, "bin", "coredns-v1.2.3")
	if err := os.MkdirAll(dns, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dns, "coredns"), []byte("binary"), 0o600); err != nil {
		t.Fatal(err)
	}
	build(t, cache)
	got, err := images.Open(filepath.Join(cache, "images")).Refs()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"ghcr.io/kars-dev/kars-agent:1.2.3", images.Pause, images.CoreDNS("v1.2.3")}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("images (-want +got):\n%s", diff)
	}
}

func TestABuildWithNothingToDoWritesNothing(t *testing.T) {
	module(t)
	cache := t.TempDir()
	build(t, cache)
	before := inodes(t, cache)
	build(t, cache)
	if diff := cmp.Diff(before, inodes(t, cache)); diff != "" {
		t.Errorf("files were written again:\n%s", diff)
	}
}

// inodes tell a file from one that was put in its place. The go command sets
// the time of a binary that it finds up to date, so times would not do.
func inodes(t *testing.T, cache string) map[string]uint64 {
	t.Helper()
	found := map[string]uint64{}
	err := filepath.Walk(cache, func(path string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() {
			found[path] = info.Sys().(*syscall.Stat_t).Ino
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestSourcesThatDoNotCompileLeaveTheImagesAlone(t *testing.T) {
	module(t)
	cache := t.TempDir()
	build(t, cache)
	before := inodes(t, cache)
	if err := os.WriteFile("cmd/kars-agent/main.go", []byte("package main\n\nfunc main() { x }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run(t.Context(), []string{"-cache", cache, "-version", "1.2.3"}, &bytes.Buffer{}); err == nil {
		t.Fatal("built what does not compile")
	}
	if diff := cmp.Diff(before, inodes(t, cache)); diff != "" {
		t.Errorf("a failed build wrote:\n%s", diff)
	}
}
