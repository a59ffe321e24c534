package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/kars-dev/kars/localazure/store"
)

// Modes of an import; learn.microsoft.com/rest/api/containerregistry/registries/import-image#importmode.
const (
	NoForce = "NoForce" // an existing tag fails the import before anything is copied
	Force   = "Force"   // an existing tag is moved
)

// ImportRequest is the body of importImage.
type ImportRequest struct {
	SourceRegistry string   // host, as "ghcr.io"
	SourceImage    string   // "repository:tag" or "repository@sha256:…"
	TargetTags     []string // "repository[:tag]"; empty: the source's own
	Mode           string   // NoForce (the default) or Force
}

// ImportError refuses an import, as the control plane answers it.
type ImportError struct {
	Status  int // of HTTP
	Code    string
	Message string
}

func (e *ImportError) Error() string { return e.Code + ": " + e.Message }

// Import copies an image, or an index with all its images, into a registry.
// The sources are mcr.microsoft.com and ghcr.io. What Azure would refuse comes
// back as *[ImportError]. An import that is repeated, or was broken off,
// copies only what is missing; the tags appear together, last.
func (s *Service) Import(ctx context.Context, loginServer string, req ImportRequest) error {
	source, targets, err := req.parse()
	if err != nil {
		return err
	}
	if err := s.checkTags(loginServer, targets, req.Mode); err != nil {
		return err
	}
	from := layoutSource{s.images, req.SourceRegistry}
	root, digest, err := from.manifest(source.repository, source.reference())
	if err != nil {
		return sourceError(err)
	}
	s.blobs.sweep.RLock()
	defer s.blobs.sweep.RUnlock()
	copied := map[string]manifest{}
	if err := s.copyImage(ctx, from, source.repository, root, digest.String(), copied); err != nil {
		return err
	}
	return s.store.Update(func(tx *store.Tx) error {
		for _, t := range targets {
			repo := at(loginServer, t.repository)
			if err := repo.record(tx, s, copied); err != nil {
				return err
			}
			if err := repo.put(tx, root, digest.String(), t.reference()); err != nil {
				return err
			}
		}
		return nil
	})
}

// parse checks a request and finds its targets.
func (req ImportRequest) parse() (image, []image, error) {
	invalid := func(err error) *ImportError {
		return &ImportError{http.StatusBadRequest, "InvalidParameters", err.Error()}
	}
	if !isPublic(req.SourceRegistry) {
		return image{}, nil, invalid(fmt.Errorf("the source registry %q cannot be reached", req.SourceRegistry))
	}
	if req.Mode != "" && req.Mode != Force && req.Mode != NoForce {
		return image{}, nil, invalid(fmt.Errorf("the mode %q is neither Force nor NoForce", req.Mode))
	}
	source, err := parseImage(req.SourceImage)
	if err != nil {
		return image{}, nil, invalid(err)
	}
	if len(req.TargetTags) == 0 {
		return source, []image{source}, nil
	}
	var targets []image
	for _, t := range req.TargetTags {
		target, err := parseImage(t)
		if err != nil {
			return image{}, nil, invalid(err)
		}
		targets = append(targets, target)
	}
	return source, targets, nil
}

func (s *Service) checkTags(loginServer string, targets []image, mode string) error {
	if mode == Force {
		return nil
	}
	return s.store.View(func(tx *store.Tx) error {
		for _, t := range targets {
			var existing tag
			ok, err := tx.Get(tagBucket, at(loginServer, t.repository).tagKey(t.reference()), &existing)
			if err != nil {
				return err
			}
			if ok {
				name := t.repository + ":" + t.tag
				return &ImportError{
					http.StatusConflict, "Conflict",
					"Tag " + name + " already exists in target registry.",
				}
			}
		}
		return nil
	})
}

// copyImage brings the content of an image and of all it refers to onto the
// registry's disk, and notes its manifests.
func (s *Service) copyImage(
	ctx context.Context, from layoutSource, name string, m manifest, digest string, copied map[string]manifest,
) error {
	for _, b := range m.Blobs {
		if err := ctx.Err(); err != nil {
			return err
		}
		hash, err := v1.NewHash(b)
		if err != nil {
			return err
		}
		if err := s.blobs.link(from.layout.BlobPath(hash), hash); err != nil {
			return err
		}
	}
	for _, child := range m.Manifests {
		sub, hash, err := from.manifest(name, child)
		if err != nil {
			return sourceError(err)
		}
		if err := s.copyImage(ctx, from, name, sub, hash.String(), copied); err != nil {
			return err
		}
	}
	copied[digest] = m
	return nil
}

// record lets a repository have manifests and their blobs.
func (r repository) record(tx *store.Tx, s *Service, manifests map[string]manifest) error {
	for digest, m := range manifests {
		for _, b := range m.Blobs {
			hash, err := v1.NewHash(b)
			if err != nil {
				return err
			}
			f, err := s.blobs.open(hash)
			if err != nil {
				return err
			}
			info, err := f.Stat()
			_ = f.Close()
			if err != nil {
				return err
			}
			if err := tx.Put(blobBucket, r.digestKey(b), blobLink{Size: info.Size()}); err != nil {
				return err
			}
		}
		if err := r.put(tx, m, digest, digest); err != nil {
			return err
		}
	}
	return nil
}

// sourceError is how Azure passes on what the source registry answered; see
// github.com/MicrosoftDocs/azure-docs/issues/90060.
func sourceError(err error) error {
	var refusal *Error
	if !errors.As(err, &refusal) {
		return err
	}
	answer, marshalErr := json.Marshal(map[string]any{"errors": []any{map[string]any{
		"code": refusal.Code, "message": refusal.Message, "detail": refusal.Detail,
	}}})
	if marshalErr != nil {
		return marshalErr
	}
	text := http.StatusText(refusal.Status)
	return &ImportError{
		http.StatusBadRequest, "InvalidParameters",
		fmt.Sprintf("Invalid message %s %s %s", text, text, answer),
	}
}
