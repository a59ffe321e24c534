package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/uuid"

	"github.com/kars-dev/kars/localazure/store"
)

// uploads are blobs on their way in: one file each, whose length is how far
// the upload has come, so that it can go on after a restart.
type uploads struct {
	dir string

	mu   sync.Mutex
	busy map[string]bool
}

func (u *uploads) path(id string) string { return filepath.Join(u.dir, id) }

// hold gives one request at a time the use of an upload.
func (u *uploads) hold(id string) (release func(), ok bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.busy[id] {
		return nil, false
	}
	if u.busy == nil {
		u.busy = map[string]bool{}
	}
	u.busy[id] = true
	return func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		delete(u.busy, id)
	}, true
}

// uploadLifetime is how long an upload may lie unfinished.
const uploadLifetime = 24 * time.Hour

// maxBlob bounds a blob, in bytes.
const maxBlob = 10 << 30

// expireUploads removes uploads that nobody will finish.
func (s *Service) expireUploads() error {
	known := map[string]bool{}
	err := s.store.Update(func(tx *store.Tx) error {
		var old []string
		err := tx.Each(uploadBucket, "", func(id string, raw json.RawMessage) error {
			var up session
			if err := json.Unmarshal(raw, &up); err != nil {
				return err
			}
			if s.now().Sub(up.Started) > uploadLifetime {
				old = append(old, id)
			} else {
				known[id] = true
			}
			return nil
		})
		for _, id := range old {
			if err := tx.Delete(uploadBucket, id); err != nil {
				return err
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(s.uploads.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !known[e.Name()] {
			if err := os.Remove(s.uploads.path(e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// startUpload is POST …/blobs/uploads/: it mounts a blob that another
// repository of the registry has, takes one whole (digest=…), or begins an
// upload.
func (s *Service) startUpload(w http.ResponseWriter, r *http.Request, reg Registry, t target, caller access) error {
	q := r.URL.Query()
	if mount, from := q.Get("mount"), q.Get("from"); mount != "" && caller.has("repository", from, pull) {
		done, err := s.mount(reg, t.repository, from, mount)
		if err != nil {
			return err
		}
		if done {
			created(w, t.repository, "blobs", mount)
			return nil
		}
	}
	id := uuid.NewString()
	f, err := os.OpenFile(s.uploads.path(id), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	err = s.store.Update(func(tx *store.Tx) error {
		return tx.Put(uploadBucket, id, session{Login: reg.LoginServer, Repository: t.repository, Started: s.now()})
	})
	if err != nil {
		return err
	}
	t.reference = id
	if q.Get("digest") != "" {
		return s.continueUpload(w, r, reg, t)
	}
	accepted(w, t, 0)
	return nil
}

// mount links a blob of another repository, and says whether it is there.
func (s *Service) mount(reg Registry, into, from, digest string) (bool, error) {
	found := false
	err := s.store.Update(func(tx *store.Tx) error {
		var link blobLink
		ok, err := tx.Get(blobBucket, at(reg.LoginServer, from).digestKey(digest), &link)
		if err != nil || !ok {
			return err
		}
		found = true
		return tx.Put(blobBucket, at(reg.LoginServer, into).digestKey(digest), link)
	})
	return found, err
}

// session checks that an upload is one of this repository.
func (s *Service) session(reg Registry, t target) error {
	var up session
	return s.store.View(func(tx *store.Tx) error {
		ok, err := tx.Get(uploadBucket, t.reference, &up)
		if err != nil || !ok || up.Login != reg.LoginServer || up.Repository != t.repository {
			return orElse(err, uploadUnknown())
		}
		return nil
	})
}

// uploadStatus is GET of an upload: how far it has come.
func (s *Service) uploadStatus(w http.ResponseWriter, reg Registry, t target) error {
	if err := s.session(reg, t); err != nil {
		return err
	}
	info, err := os.Stat(s.uploads.path(t.reference))
	if err != nil {
		return uploadUnknown()
	}
	progress(w, t, info.Size())
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// continueUpload is PATCH and PUT of an upload: it appends the body, and a PUT
// then closes the upload and checks its digest.
func (s *Service) continueUpload(w http.ResponseWriter, r *http.Request, reg Registry, t target) error {
	if err := s.session(reg, t); err != nil {
		return err
	}
	release, ok := s.uploads.hold(t.reference)
	if !ok {
		return uploadInvalid("another request is writing to this upload")
	}
	defer release()
	size, err := s.appendBody(w, r, t)
	if err != nil {
		return err
	}
	if r.Method == http.MethodPatch {
		accepted(w, t, size)
		return nil
	}
	digest, err := v1.NewHash(r.URL.Query().Get("digest"))
	if err != nil {
		return digestInvalid(r.URL.Query().Get("digest"))
	}
	if err := s.finishUpload(reg, t, digest, size); err != nil {
		return err
	}
	created(w, t.repository, "blobs", digest.String())
	return nil
}

// appendBody returns the upload's length after the body was appended.
func (s *Service) appendBody(w http.ResponseWriter, r *http.Request, t target) (int64, error) {
	f, err := os.OpenFile(s.uploads.path(t.reference), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return 0, uploadUnknown()
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	size := info.Size()
	if begin, ok := rangeStart(r.Header.Get("Content-Range")); ok && begin != size {
		progress(w, t, size)
		return 0, &Error{http.StatusRequestedRangeNotSatisfiable, "BLOB_UPLOAD_INVALID", "the chunk does not follow the last one", nil}
	}
	n, err := io.Copy(f, http.MaxBytesReader(w, r.Body, maxBlob-size))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return 0, &Error{http.StatusRequestEntityTooLarge, "SIZE_INVALID", "the blob is too large", nil}
	case err != nil:
		// What arrived is kept; the client asks how far it came and goes on.
		return 0, uploadInvalid("the body broke off: " + err.Error())
	}
	return size + n, f.Sync()
}

// finishUpload checks the content and lets the repository have the blob.
func (s *Service) finishUpload(reg Registry, t target, digest v1.Hash, size int64) error {
	path := s.uploads.path(t.reference)
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	got, _, err := v1.SHA256(f)
	_ = f.Close()
	if err != nil {
		return fmt.Errorf("hashing an upload: %w", err)
	}
	if got != digest {
		return digestInvalid(digest.String())
	}
	s.blobs.sweep.RLock()
	defer s.blobs.sweep.RUnlock()
	if err := s.blobs.adopt(path, digest); err != nil {
		return err
	}
	return s.store.Update(func(tx *store.Tx) error {
		if err := tx.Delete(uploadBucket, t.reference); err != nil {
			return err
		}
		return tx.Put(blobBucket, at(reg.LoginServer, t.repository).digestKey(digest.String()), blobLink{Size: size})
	})
}

// cancelUpload is DELETE of an upload.
func (s *Service) cancelUpload(w http.ResponseWriter, reg Registry, t target) error {
	if err := s.session(reg, t); err != nil {
		return err
	}
	err := s.store.Update(func(tx *store.Tx) error { return tx.Delete(uploadBucket, t.reference) })
	if err != nil {
		return err
	}
	_ = os.Remove(s.uploads.path(t.reference)) // else the next start removes it
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// rangeStart reads where a Content-Range, as "0-1023" or "bytes 0-1023/*",
// begins.
func rangeStart(header string) (int64, bool) {
	begin, _, ok := strings.Cut(strings.TrimPrefix(header, "bytes "), "-")
	n, err := strconv.ParseInt(strings.TrimSpace(begin), 10, 64)
	return n, ok && err == nil && n >= 0
}

func progress(w http.ResponseWriter, t target, size int64) {
	h := w.Header()
	h.Set("Location", "/v2/"+t.repository+"/blobs/uploads/"+t.reference)
	h.Set("Docker-Upload-Uuid", t.reference)
	h.Set("Range", "0-"+strconv.FormatInt(max(size-1, 0), 10))
}

func accepted(w http.ResponseWriter, t target, size int64) {
	progress(w, t, size)
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(http.StatusAccepted)
}

func created(w http.ResponseWriter, repository, kind, digest string) {
	h := w.Header()
	h.Set("Location", "/v2/"+repository+"/"+kind+"/"+digest)
	h.Set("Docker-Content-Digest", digest)
	h.Set("Content-Length", "0")
	w.WriteHeader(http.StatusCreated)
}
