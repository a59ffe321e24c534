package registry

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// source is where what is read comes from. Its errors are of type [Error]
// where the client is to know.
type source interface {
	manifest(repository, reference string) (manifest, v1.Hash, error)
	// blob returns a blob that the repository has.
	blob(repository string, digest v1.Hash) (io.ReadSeekCloser, error)
	tags(repository string) ([]string, error)
	repositories() ([]string, error)
	// referrers lists the manifests whose subject is digest.
	referrers(repository, digest string) ([]v1.Descriptor, error)
}

func (s *Service) read(w http.ResponseWriter, r *http.Request, from source, t target) error {
	switch t.kind {
	case baseKind:
		writeJSON(w, http.StatusOK, struct{}{})
		return nil
	case manifestKind:
		return readManifest(w, r, from, t)
	case blobKind:
		return readBlob(w, r, from, t)
	case tagsKind:
		tags, err := from.tags(t.repository)
		if err != nil {
			return err
		}
		page := paginate(w, r, tags)
		writeJSON(w, http.StatusOK, map[string]any{"name": t.repository, "tags": page})
		return nil
	case catalogKind:
		names, err := from.repositories()
		if err != nil {
			return err
		}
		writeJSON(w, http.StatusOK, map[string]any{"repositories": paginate(w, r, names)})
		return nil
	case referrerKind:
		return readReferrers(w, r, from, t)
	default:
		return unsupported()
	}
}

func readManifest(w http.ResponseWriter, r *http.Request, from source, t target) error {
	m, digest, err := from.manifest(t.repository, t.reference)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", m.MediaType)
	h.Set("Docker-Content-Digest", digest.String())
	h.Set("Etag", `"`+digest.String()+`"`)
	h.Set("Content-Length", strconv.Itoa(len(m.Content)))
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodGet {
		_, _ = w.Write(m.Content) // the client has gone away
	}
	return nil
}

func readBlob(w http.ResponseWriter, r *http.Request, from source, t target) error {
	digest, err := v1.NewHash(t.reference)
	if err != nil {
		return digestInvalid(t.reference)
	}
	content, err := from.blob(t.repository, digest)
	if err != nil {
		return err
	}
	defer func() { _ = content.Close() }()
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Docker-Content-Digest", digest.String())
	h.Set("Etag", `"`+digest.String()+`"`)
	http.ServeContent(w, r, "", time.Time{}, content) // ranges and If-None-Match
	return nil
}

func readReferrers(w http.ResponseWriter, r *http.Request, from source, t target) error {
	if !isDigest(t.reference) {
		return digestInvalid(t.reference)
	}
	found, err := from.referrers(t.repository, t.reference)
	if err != nil {
		return err
	}
	if want := r.URL.Query().Get("artifactType"); want != "" {
		found = slices.DeleteFunc(found, func(d v1.Descriptor) bool { return d.ArtifactType != want })
		w.Header().Set("Oci-Filters-Applied", "artifactType")
	}
	index := v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: found}
	if index.Manifests == nil {
		index.Manifests = []v1.Descriptor{}
	}
	w.Header().Set("Content-Type", string(types.OCIImageIndex))
	return json.NewEncoder(w).Encode(index)
}

// defaultPage is how many names Azure lists at once when not asked otherwise.
const defaultPage = 100

// paginate returns the page of sorted names that the query's n and last ask
// for, and links to the next one.
func paginate(w http.ResponseWriter, r *http.Request, names []string) []string {
	q := r.URL.Query()
	if last := q.Get("last"); last != "" {
		i, found := slices.BinarySearchFunc(names, last, cmp.Compare[string])
		if found {
			i++
		}
		names = names[i:]
	}
	n, err := strconv.Atoi(q.Get("n"))
	if err != nil || n < 0 {
		n = defaultPage
	}
	if n >= len(names) {
		return names
	}
	names = names[:n]
	if n > 0 {
		next := url.Values{"n": {strconv.Itoa(n)}, "last": {names[n-1]}}
		w.Header().Set("Link", fmt.Sprintf("<%s?%s>; rel=\"next\"", r.URL.Path, next.Encode()))
	}
	return names
}
