package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/kars-dev/kars/images"
)

// starts takes the time of commands that do nothing, in turns with a program
// that does nothing at all.
func (f *figures) starts(ctx context.Context, o options) error {
	home, err := os.MkdirTemp("", "kars-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(home) //nolint:errcheck // it is empty
	env := []string{"KARS_HOME=" + home}
	for range o.starts {
		for _, c := range []struct {
			name string
			args []string
		}{
			{"/bin/true", nil},
			{o.kars, []string{"version"}},
			{o.kars, []string{"--help"}},
		} {
			r, err := execute(ctx, env, c.name, c.args...)
			if err != nil {
				return err
			}
			name := filepath.Base(c.name)
			if len(c.args) > 0 {
				name += " " + c.args[0]
			}
			f.took(name, r.took)
		}
	}
	return nil
}

// sizes are those of the binaries and of the images, as they are pulled.
func (f *figures) sizes(o options) error {
	dir := filepath.Dir(o.kars)
	for _, name := range []string{"kars", "kars-acr-credential"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			return fmt.Errorf("%w; run make build", err)
		}
		f.bytes("size of "+name, info.Size())
	}
	cache := os.Getenv("KARS_CACHE")
	if cache == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return err
		}
		cache = filepath.Join(user, "kars")
	}
	layout := images.Open(filepath.Join(cache, "images"))
	refs, err := layout.Refs()
	if err != nil {
		return err
	}
	for _, ref := range refs {
		size, err := imageSize(layout, ref)
		if err != nil {
			return err
		}
		f.bytes("size of the image "+filepath.Base(ref), size)
	}
	return nil
}

func imageSize(layout *images.Layout, ref string) (int64, error) {
	d, err := layout.Resolve(ref)
	if err != nil {
		return 0, err
	}
	blob, err := layout.Blob(d.Digest)
	if err != nil {
		return 0, err
	}
	defer blob.Close() //nolint:errcheck // only read
	var manifest v1.Manifest
	if err := json.NewDecoder(blob).Decode(&manifest); err != nil {
		return 0, fmt.Errorf("reading the manifest of %s: %w", ref, err)
	}
	size := d.Size + manifest.Config.Size
	for _, l := range manifest.Layers {
		size += l.Size
	}
	return size, nil
}
