package images

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
)

// Put writes an image and lets ref name it, in place of any image that ref
// named before. What is already there is not written again.
//
// pkg/v1/layout of go-containerregistry writes index.json, manifests and
// configurations in place, so a kill in the middle leaves half of one; that is
// why writing is our own.
func (l *Layout) Put(ctx context.Context, ref string, image v1.Image) error {
	if err := l.writeImage(image); err != nil {
		return fmt.Errorf("writing %s: %w", ref, err)
	}
	desc, err := partial.Descriptor(image)
	if err != nil {
		return fmt.Errorf("describing %s: %w", ref, err)
	}
	desc.ArtifactType = "" // partial copies the configuration's type here
	desc.Annotations = map[string]string{RefName: ref}
	unlock, err := l.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	return l.name(ref, *desc)
}

// lockRetry is how often a writer looks whether another one is done; it holds
// the lock for one small write.
const lockRetry = 5 * time.Millisecond

func (l *Layout) lock(ctx context.Context) (unlock func(), err error) {
	if err := os.MkdirAll(l.dir, 0o700); err != nil {
		return nil, err
	}
	held := flock.New(filepath.Join(l.dir, ".lock"))
	if _, err := held.TryLockContext(ctx, lockRetry); err != nil {
		return nil, fmt.Errorf("locking %s: %w", held.Path(), err)
	}
	return func() { _ = held.Close() }, nil
}

// name replaces the index entry of ref. The entries are sorted, so that the
// index does not depend on the order in which images were put.
func (l *Layout) name(ref string, desc v1.Descriptor) error {
	index, err := l.index()
	if err != nil {
		return err
	}
	index.Manifests = slices.DeleteFunc(index.Manifests, func(d v1.Descriptor) bool {
		return d.Annotations[RefName] == ref
	})
	index.Manifests = append(index.Manifests, desc)
	slices.SortFunc(index.Manifests, func(a, b v1.Descriptor) int {
		return strings.Compare(a.Annotations[RefName], b.Annotations[RefName])
	})
	raw, err := json.MarshalIndent(index, "", "  ")
	if err != nil {
		return err
	}
	marker := []byte(`{"imageLayoutVersion":"1.0.0"}` + "\n")
	if err := replace(filepath.Join(l.dir, "oci-layout"), marker); err != nil {
		return err
	}
	return replace(filepath.Join(l.dir, "index.json"), append(raw, '\n'))
}

func (l *Layout) writeImage(image v1.Image) error {
	layers, err := image.Layers()
	if err != nil {
		return err
	}
	for _, layer := range layers {
		if err := l.writeLayer(layer); err != nil {
			return err
		}
	}
	config, err := image.RawConfigFile()
	if err != nil {
		return err
	}
	if err := l.writeBytes(config); err != nil {
		return err
	}
	manifest, err := image.RawManifest()
	if err != nil {
		return err
	}
	return l.writeBytes(manifest)
}

func (l *Layout) writeLayer(layer v1.Layer) error {
	digest, err := layer.Digest()
	if err != nil {
		return err
	}
	size, err := layer.Size()
	if err != nil {
		return err
	}
	content, err := layer.Compressed()
	if err != nil {
		return err
	}
	defer func() { _ = content.Close() }()
	return l.writeBlob(digest, size, content)
}

func (l *Layout) writeBytes(b []byte) error {
	digest, size, err := v1.SHA256(bytes.NewReader(b))
	if err != nil {
		return err
	}
	return l.writeBlob(digest, size, bytes.NewReader(b))
}

func (l *Layout) writeBlob(digest v1.Hash, size int64, content io.Reader) error {
	path := l.BlobPath(digest)
	if info, err := os.Stat(path); err == nil && info.Size() == size {
		return nil
	}
	return replaceFrom(path, content)
}

func replace(path string, content []byte) error {
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, content) {
		return nil
	}
	return replaceFrom(path, bytes.NewReader(content))
}

// replaceFrom puts content at path in one rename, after it is on disk.
func replaceFrom(path string, content io.Reader) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(dir, ".tmp-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(tmp.Name()) }()
	_, err = io.Copy(tmp, content)
	if err == nil {
		err = tmp.Sync()
	}
	if closeErr := tmp.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return os.Rename(tmp.Name(), path)
}
