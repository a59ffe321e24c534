// Package images keeps the container images that kars and a node's own pods
// are made of, as one OCI image layout: a content-addressed store whose
// index.json names each image by its full reference.
//
// [Open] it, [Layout.Resolve] a reference to a manifest, [Layout.Blob] reads
// what that points at. images/build fills it, without Docker; the local Azure
// serves it as ghcr.io and mcr.microsoft.com.
//
// Any number of processes may read and write one layout. A blob appears whole
// or not at all, and index.json is replaced whole, so a process that is killed
// leaves nothing that a reader could mistake for an image.
package images

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// RefName is the annotation of an index entry that holds an image's reference,
// as "ghcr.io/kars-dev/kars-router:0.1.0"; see the OCI image layout
// specification, section "index.json file".
const RefName = "org.opencontainers.image.ref.name"

// ErrNotFound says that the layout has no such image or blob.
var ErrNotFound = errors.New("not in the image layout")

// Layout is an OCI image layout on disk.
type Layout struct {
	dir string
}

// Open returns the layout in dir. A folder that does not exist is an empty
// layout; the first [Layout.Put] makes it.
func Open(dir string) *Layout { return &Layout{dir: dir} }

// Dir is the folder the layout lives in.
func (l *Layout) Dir() string { return l.dir }

// Resolve returns the manifest that ref names: "host/repository:tag" as it
// stands in the index, or "host/repository@sha256:…" for a manifest that one
// of the repository's tags names. It returns an error wrapping [ErrNotFound]
// when there is none.
func (l *Layout) Resolve(ref string) (v1.Descriptor, error) {
	index, err := l.index()
	if err != nil {
		return v1.Descriptor{}, err
	}
	repository, digest, byDigest := strings.Cut(ref, "@")
	for _, d := range index.Manifests {
		name := d.Annotations[RefName]
		switch {
		case byDigest && d.Digest.String() == digest && Repository(name) == repository:
			return d, nil
		case !byDigest && name == ref:
			return d, nil
		}
	}
	return v1.Descriptor{}, fmt.Errorf("%s: %w", ref, ErrNotFound)
}

// Refs lists the references in the index, sorted.
func (l *Layout) Refs() ([]string, error) {
	index, err := l.index()
	if err != nil {
		return nil, err
	}
	var refs []string
	for _, d := range index.Manifests {
		if name := d.Annotations[RefName]; name != "" {
			refs = append(refs, name)
		}
	}
	slices.Sort(refs)
	return refs, nil
}

// Repository is a reference without its tag or digest:
// "ghcr.io/kars-dev/kars-router" of "ghcr.io/kars-dev/kars-router:0.1.0".
func Repository(ref string) string {
	ref, _, _ = strings.Cut(ref, "@")
	if colon := strings.LastIndexByte(ref, ':'); colon > strings.LastIndexByte(ref, '/') {
		return ref[:colon]
	}
	return ref
}

// Blob opens a blob: a manifest, a configuration or a layer. It returns an
// error wrapping [ErrNotFound] when the layout does not have it.
func (l *Layout) Blob(digest v1.Hash) (*os.File, error) {
	f, err := os.Open(l.BlobPath(digest))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", digest, ErrNotFound)
	}
	return f, err
}

// BlobPath is where a blob with this digest is kept, whether it is there or
// not. A blob is never changed, so others may hard-link it.
func (l *Layout) BlobPath(digest v1.Hash) string {
	return filepath.Join(l.dir, "blobs", digest.Algorithm, digest.Hex)
}

func (l *Layout) index() (v1.IndexManifest, error) {
	empty := v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex}
	path := filepath.Join(l.dir, "index.json")
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return empty, nil
	}
	if err != nil {
		return empty, err
	}
	var index v1.IndexManifest
	if err := json.Unmarshal(raw, &index); err != nil {
		return empty, fmt.Errorf("reading %s: %w", path, err)
	}
	return index, nil
}
