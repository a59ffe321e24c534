package registry

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/kars-dev/kars/localazure/store"
)

func (s *Service) write(w http.ResponseWriter, r *http.Request, reg Registry, t target, caller access) error {
	switch {
	case t.kind == uploadsKind && r.Method == http.MethodPost:
		return s.startUpload(w, r, reg, t, caller)
	case t.kind == uploadKind && (r.Method == http.MethodPatch || r.Method == http.MethodPut):
		return s.continueUpload(w, r, reg, t)
	case t.kind == uploadKind && r.Method == http.MethodDelete:
		return s.cancelUpload(w, reg, t)
	case t.kind == manifestKind && r.Method == http.MethodPut:
		return s.putManifest(w, r, reg, t)
	case t.kind == manifestKind && r.Method == http.MethodDelete:
		return s.deleteManifest(w, reg, t)
	case t.kind == blobKind && r.Method == http.MethodDelete:
		return s.deleteBlob(w, reg, t)
	default:
		return unsupported()
	}
}

// putManifest takes a manifest when the repository has all it refers to.
func (s *Service) putManifest(w http.ResponseWriter, r *http.Request, reg Registry, t target) error {
	content, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxManifest))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return &Error{http.StatusRequestEntityTooLarge, "SIZE_INVALID", "the manifest is larger than 4 MiB", nil}
	case err != nil:
		return manifestInvalid("the body broke off")
	}
	m, err := parseManifest(r.Header.Get("Content-Type"), content)
	if err != nil {
		return err
	}
	digest, _, err := v1.SHA256(strings.NewReader(string(content)))
	if err != nil {
		return err
	}
	switch {
	case isDigest(t.reference) && t.reference != digest.String():
		return digestInvalid(t.reference)
	case !isDigest(t.reference) && !isTag(t.reference):
		return manifestInvalid("the tag is invalid: " + t.reference)
	}
	repo := at(reg.LoginServer, t.repository)
	err = s.store.Update(func(tx *store.Tx) error {
		if err := repo.requireAll(tx, m); err != nil {
			return err
		}
		return repo.put(tx, m, digest.String(), t.reference)
	})
	if err != nil {
		return err
	}
	if m.Subject != "" {
		w.Header().Set("Oci-Subject", m.Subject)
	}
	created(w, t.repository, "manifests", digest.String())
	return nil
}

// requireAll checks that the repository has what a manifest refers to. A
// subject may come later.
func (r repository) requireAll(tx *store.Tx, m manifest) error {
	for _, digest := range m.Blobs {
		if err := r.requireBlob(tx, digest); err != nil {
			var missing *Error
			if errors.As(err, &missing) {
				return &Error{http.StatusNotFound, "MANIFEST_BLOB_UNKNOWN", "blob unknown to registry", missing.Detail}
			}
			return err
		}
	}
	for _, digest := range m.Manifests {
		if _, _, err := r.find(tx, digest); err != nil {
			return err
		}
	}
	return nil
}

// put stores a manifest, and a tag for it unless reference is its digest.
func (r repository) put(tx *store.Tx, m manifest, digest, reference string) error {
	if err := tx.Put(manifestBucket, r.digestKey(digest), m); err != nil || reference == digest {
		return err
	}
	return tx.Put(tagBucket, r.tagKey(reference), tag{Tag: reference, Digest: digest})
}

// deleteManifest removes a tag, or a manifest with every tag it has.
func (s *Service) deleteManifest(w http.ResponseWriter, reg Registry, t target) error {
	repo := at(reg.LoginServer, t.repository)
	err := s.store.Update(func(tx *store.Tx) error {
		if _, _, err := repo.find(tx, t.reference); err != nil {
			return err
		}
		if !isDigest(t.reference) {
			return tx.Delete(tagBucket, repo.tagKey(t.reference))
		}
		if err := repo.untag(tx, t.reference); err != nil {
			return err
		}
		return tx.Delete(manifestBucket, repo.digestKey(t.reference))
	})
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusAccepted)
	return nil
}

func (r repository) untag(tx *store.Tx, digest string) error {
	var keys []string
	err := tx.Each(tagBucket, string(r)+":", func(key string, raw json.RawMessage) error {
		var t tag
		if err := json.Unmarshal(raw, &t); err != nil {
			return err
		}
		if t.Digest == digest {
			keys = append(keys, key)
		}
		return nil
	})
	for _, key := range keys {
		if err := tx.Delete(tagBucket, key); err != nil {
			return err
		}
	}
	return err
}

// deleteBlob takes a blob from the repository; its content goes with the next
// sweep if no other repository has it.
func (s *Service) deleteBlob(w http.ResponseWriter, reg Registry, t target) error {
	repo := at(reg.LoginServer, t.repository)
	err := s.store.Update(func(tx *store.Tx) error {
		if err := repo.requireBlob(tx, t.reference); err != nil {
			return err
		}
		return tx.Delete(blobBucket, repo.digestKey(t.reference))
	})
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusAccepted)
	return nil
}
