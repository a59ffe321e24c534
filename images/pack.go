package images

import (
	"archive/tar"
	"bytes"
	"fmt"
	"os"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Spec says how a static binary becomes an image.
type Spec struct {
	Binary string // path of the file on this machine
	Path   string // where it is in the image, and the entrypoint, as "/kars-router"
	User   int    // numeric user and group the image runs as
	// Architecture is Go's name for it, as "amd64".
	Architecture string
}

// epoch stands for every time in an image, so that the same binary always
// gives the same digest.
var epoch = time.Unix(0, 0).UTC()

// Pack makes an image with one layer that holds one file and nothing else: no
// shell, no libc, no certificates. The layer is left uncompressed, because
// whoever pulls it does so over loopback, where unpacking costs more than
// bytes.
func Pack(s Spec) (v1.Image, error) {
	layer, err := packLayer(s)
	if err != nil {
		return nil, fmt.Errorf("packing %s: %w", s.Binary, err)
	}
	base := mutate.MediaType(empty.Image, types.OCIManifestSchema1)
	base = mutate.ConfigMediaType(base, types.OCIConfigJSON)
	image, err := mutate.Append(base, mutate.Addendum{
		Layer:   layer,
		History: v1.History{Created: v1.Time{Time: epoch}, CreatedBy: "kars images/build"},
	})
	if err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", s.Architecture
	config.Created = v1.Time{Time: epoch}
	config.Config = v1.Config{
		User:       fmt.Sprintf("%d:%d", s.User, s.User),
		Entrypoint: []string{s.Path},
		WorkingDir: "/",
	}
	return mutate.ConfigFile(image, config)
}

func packLayer(s Spec) (v1.Layer, error) {
	content, err := os.ReadFile(s.Binary)
	if err != nil {
		return nil, err
	}
	var buf bytes.Buffer
	buf.Grow(len(content) + 4096)
	w := tar.NewWriter(&buf)
	header := &tar.Header{
		Typeflag: tar.TypeReg,
		Name:     s.Path[1:],
		Mode:     0o555,
		Size:     int64(len(content)),
		ModTime:  epoch,
		Format:   tar.FormatUSTAR,
	}
	if err := w.WriteHeader(header); err != nil {
		return nil, err
	}
	if _, err := w.Write(content); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return static.NewLayer(buf.Bytes(), types.OCIUncompressedLayer), nil
}
