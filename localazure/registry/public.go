package registry

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/kars-dev/kars/images"
)

// isPublic says whether a host is a registry that everybody may pull from.
func isPublic(host string) bool { return host == "mcr.microsoft.com" || host == "ghcr.io" }

func (s *Service) servePublic(w http.ResponseWriter, r *http.Request, host string) {
	t := parsePath(r.URL.Path)
	if t.kind == noKind {
		http.NotFound(w, r)
		return
	}
	err := error(unsupported())
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		err = s.read(w, r, layoutSource{s.images, host}, t)
	}
	if err != nil {
		s.writeError(w, r, err)
	}
}

// layoutSource reads the images of a layout whose references start with host.
type layoutSource struct {
	layout *images.Layout
	host   string
}

// maxManifest bounds a manifest, in bytes; the distribution specification asks
// registries to take at least 4 MiB.
const maxManifest = 4 << 20

func (s layoutSource) manifest(name, reference string) (manifest, v1.Hash, error) {
	i := image{repository: name, tag: reference}
	if isDigest(reference) {
		i = image{repository: name, digest: reference}
	}
	if s.layout == nil {
		return manifest{}, v1.Hash{}, manifestUnknown(reference)
	}
	desc, err := s.layout.Resolve(i.on(s.host))
	if errors.Is(err, images.ErrNotFound) {
		return manifest{}, v1.Hash{}, manifestUnknown(reference)
	}
	if err != nil {
		return manifest{}, v1.Hash{}, err
	}
	content, err := s.layout.Blob(desc.Digest)
	if err != nil {
		return manifest{}, v1.Hash{}, err
	}
	defer func() { _ = content.Close() }()
	raw, err := io.ReadAll(io.LimitReader(content, maxManifest))
	if err != nil {
		return manifest{}, v1.Hash{}, err
	}
	m, err := parseManifest(string(desc.MediaType), raw)
	return m, desc.Digest, err
}

func (s layoutSource) blob(name string, digest v1.Hash) (io.ReadSeekCloser, error) {
	if _, err := s.tags(name); err != nil {
		return nil, err
	}
	f, err := s.layout.Blob(digest)
	if errors.Is(err, images.ErrNotFound) {
		return nil, blobUnknown(digest.String())
	}
	return f, err
}

func (s layoutSource) tags(name string) ([]string, error) {
	tags := []string{}
	err := s.each(func(repository, tag string) {
		if repository == name {
			tags = append(tags, tag)
		}
	})
	if err == nil && len(tags) == 0 {
		return nil, nameUnknown(name)
	}
	return tags, err
}

func (s layoutSource) repositories() ([]string, error) {
	names := []string{}
	err := s.each(func(repository, _ string) { names = append(names, repository) })
	return slices.Compact(names), err
}

// each visits the host's images, sorted.
func (s layoutSource) each(visit func(repository, tag string)) error {
	if s.layout == nil {
		return nil
	}
	refs, err := s.layout.Refs()
	if err != nil {
		return err
	}
	for _, ref := range refs {
		full := images.Repository(ref)
		if repository, ok := strings.CutPrefix(full, s.host+"/"); ok {
			visit(repository, strings.TrimPrefix(ref, full+":"))
		}
	}
	return nil
}

func (s layoutSource) referrers(string, string) ([]v1.Descriptor, error) { return nil, nil }
