package images

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

func packed(t *testing.T, content string) v1.Image {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(binary, []byte(content), 0o700); err != nil {
		t.Fatal(err)
	}
	image, err := Pack(Spec{Binary: binary, Path: "/program", User: 1001, Architecture: "amd64"})
	if err != nil {
		t.Fatal(err)
	}
	return image
}

func digest(t *testing.T, image v1.Image) v1.Hash {
	t.Helper()
	d, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// whole checks an image against its own digests. validate reads content only
// of compressed layers.
func whole(t *testing.T, image v1.Image) {
	t.Helper()
	if err := validate.Image(image, validate.Fast); err != nil {
		t.Error(err)
	}
	layers, err := image.Layers()
	if err != nil {
		t.Fatal(err)
	}
	for _, layer := range layers {
		want, err := layer.Digest()
		if err != nil {
			t.Fatal(err)
		}
		content, err := layer.Compressed()
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := v1.SHA256(content)
		if err != nil || got != want {
			t.Errorf("layer %s contains %s, %v", want, got, err)
		}
	}
}

func TestPackedImageRunsOneFileAsItsUser(t *testing.T) {
	image := packed(t, "hello")
	whole(t, image)
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	want := v1.Config{User: "1001:1001", Entrypoint: []string{"/program"}, WorkingDir: "/"}
	if diff := cmp.Diff(want, config.Config); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
}

func TestTheSameFileGivesTheSameDigest(t *testing.T) {
	if a, b := digest(t, packed(t, "same")), digest(t, packed(t, "same")); a != b {
		t.Errorf("got %s and %s", a, b)
	}
	if a, b := digest(t, packed(t, "one")), digest(t, packed(t, "other")); a == b {
		t.Errorf("different files share %s", a)
	}
}

func TestAnotherReaderOfLayoutsFindsThePutImageWhole(t *testing.T) {
	dir := t.TempDir()
	image := packed(t, "hello")
	if err := Open(dir).Put(t.Context(), "ghcr.io/kars-dev/program:1", image); err != nil {
		t.Fatal(err)
	}
	path, err := layout.FromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	read, err := path.Image(digest(t, image))
	if err != nil {
		t.Fatal(err)
	}
	whole(t, read)
}

func TestResolve(t *testing.T) {
	l := Open(filepath.Join(t.TempDir(), "images"))
	first, second := packed(t, "first"), packed(t, "second")
	for ref, image := range map[string]v1.Image{
		"ghcr.io/kars-dev/program:1":        first,
		"ghcr.io/kars-dev/program:2":        second,
		"mcr.microsoft.com/other/program:1": second,
	} {
		if err := l.Put(t.Context(), ref, image); err != nil {
			t.Fatal(err)
		}
	}
	for name, tt := range map[string]struct {
		ref  string
		want v1.Hash
	}{
		"a tag names its manifest":                      {"ghcr.io/kars-dev/program:1", digest(t, first)},
		"the same tag elsewhere names another":          {"mcr.microsoft.com/other/program:1", digest(t, second)},
		"a digest is found in its repository":           {"ghcr.io/kars-dev/program@" + digest(t, second).String(), digest(t, second)},
		"a digest is not found in another repository":   {"mcr.microsoft.com/other/program@" + digest(t, first).String(), v1.Hash{}},
		"a tag that nobody put is not found":            {"ghcr.io/kars-dev/program:3", v1.Hash{}},
		"a repository without tag or digest names none": {"ghcr.io/kars-dev/program", v1.Hash{}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := l.Resolve(tt.ref)
			if got.Digest != tt.want {
				t.Errorf("Resolve(%q) = %v, want %v", tt.ref, got.Digest, tt.want)
			}
			if missing := tt.want == (v1.Hash{}); errors.Is(err, ErrNotFound) != missing {
				t.Errorf("Resolve(%q) error = %v", tt.ref, err)
			}
		})
	}
}

func TestPutAgainMovesTheNameAndKeepsNoOther(t *testing.T) {
	l := Open(t.TempDir())
	for _, content := range []string{"old", "new"} {
		if err := l.Put(t.Context(), "host/a:1", packed(t, content)); err != nil {
			t.Fatal(err)
		}
	}
	refs, err := l.Refs()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"host/a:1"}, refs); diff != "" {
		t.Errorf("references (-want +got):\n%s", diff)
	}
	got, err := l.Resolve("host/a:1")
	if err != nil || got.Digest != digest(t, packed(t, "new")) {
		t.Errorf("the name points at %v, %v", got.Digest, err)
	}
}

func TestWritersAtOnceLoseNoName(t *testing.T) {
	dir := t.TempDir()
	want := []string{"host/a:1", "host/b:1", "host/c:1", "host/d:1"}
	var group sync.WaitGroup
	for _, ref := range want {
		group.Go(func() {
			image, err := random.Image(256, 2)
			if err != nil {
				t.Error(err)
				return
			}
			if err := Open(dir).Put(t.Context(), ref, image); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	got, err := Open(dir).Refs()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("references (-want +got):\n%s", diff)
	}
}

// A writer that is killed leaves at most a temporary file and no name.
func TestAWriteThatBreaksOffLeavesNoBlob(t *testing.T) {
	l := Open(t.TempDir())
	image := packed(t, "whole")
	layers, err := image.Layers()
	if err != nil {
		t.Fatal(err)
	}
	d, err := layers[0].Digest()
	if err != nil {
		t.Fatal(err)
	}
	broken := io.MultiReader(&io.LimitedReader{R: zeros{}, N: 10}, failing{})
	if err := l.writeBlob(d, 4096, broken); !errors.Is(err, errBroken) {
		t.Fatalf("writing from a broken reader: %v", err)
	}
	if _, err := l.Blob(d); !errors.Is(err, ErrNotFound) {
		t.Errorf("after a broken write the blob is there: %v", err)
	}
}

func TestPutGivesUpWhenTheContextEnds(t *testing.T) {
	l := Open(t.TempDir())
	unlock, err := l.lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.Put(ctx, "host/a:1", packed(t, "x")); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

var errBroken = errors.New("broken")

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errBroken }

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
