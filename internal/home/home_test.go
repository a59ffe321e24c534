package home

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func testHome(t *testing.T) Home {
	t.Helper()
	h := Home{Dir: filepath.Join(t.TempDir(), "home")}
	if err := h.Make(); err != nil {
		t.Fatal(err)
	}
	return h
}

func TestLastUsedContextIsCurrent(t *testing.T) {
	h := testHome(t)
	first, second := Context{Name: "a", Cluster: "a"}, Context{Name: "b@local", Cluster: "b", Local: true}
	for _, x := range []Context{first, second, first} {
		if err := h.KeepContext(x); err != nil {
			t.Fatal(err)
		}
	}
	c, err := h.ReadContexts()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Contexts{Current: "a", Contexts: []Context{second, first}}, c); diff != "" {
		t.Errorf("contexts (-want +got):\n%s", diff)
	}
}

func TestForgettingTheCurrentContextLeavesTheOneBefore(t *testing.T) {
	h := testHome(t)
	for _, n := range []string{"a", "b"} {
		if err := h.KeepContext(Context{Name: n}); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.ForgetContext("b"); err != nil {
		t.Fatal(err)
	}
	c, _ := h.ReadContexts()
	if c.Current != "a" {
		t.Errorf("current is %q, want a", c.Current)
	}
}

func TestCredentialsAreReadableByTheirOwnerAlone(t *testing.T) {
	h := testHome(t)
	if err := h.WritePrincipal("owner", map[string]string{"password": "p"}); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]os.FileMode{h.PrincipalFile("owner"): 0o600, h.Principals(): 0o700, h.Dir: 0o700} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s has mode %o, want %o", filepath.Base(path), info.Mode().Perm(), want)
		}
	}
}

func TestSocketPathFitsIntoASocketAddress(t *testing.T) {
	for says, dir := range map[string]string{
		"a short home": "/root/.kars",
		"a long home":  "/" + strings.Repeat("long/", 40),
	} {
		if p := (Home{Dir: dir}).AdminSocket(); len(p) > maxSocketPath {
			t.Errorf("%s: %q has %d bytes", says, p, len(p))
		}
	}
}

func TestHomesDoNotMeet(t *testing.T) {
	a, b := Home{Dir: "/a"}, Home{Dir: "/b"}
	if a.Hash() == b.Hash() || a.Port() == b.Port() {
		t.Errorf("homes share %s %d", a.Hash(), a.Port())
	}
}
