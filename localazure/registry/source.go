package registry

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/kars-dev/kars/localazure/store"
)

// registrySource reads one registry's own content.
type registrySource struct {
	*Service
	login string
}

func (s registrySource) manifest(name, reference string) (m manifest, digest v1.Hash, err error) {
	err = s.store.View(func(tx *store.Tx) error {
		m, digest, err = at(s.login, name).find(tx, reference)
		return err
	})
	return m, digest, err
}

func (s registrySource) blob(name string, digest v1.Hash) (io.ReadSeekCloser, error) {
	err := s.store.View(func(tx *store.Tx) error {
		return at(s.login, name).requireBlob(tx, digest.String())
	})
	if err != nil {
		return nil, err
	}
	f, err := s.blobs.open(digest)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, blobUnknown(digest.String())
	}
	return f, err
}

func (r repository) requireBlob(tx *store.Tx, digest string) error {
	var link blobLink
	if ok, err := tx.Get(blobBucket, r.digestKey(digest), &link); err != nil || !ok {
		return orElse(err, blobUnknown(digest))
	}
	return nil
}

func (s registrySource) tags(name string) (tags []string, err error) {
	err = s.store.View(func(tx *store.Tx) error {
		repo := at(s.login, name)
		if ok, err := repo.known(tx); err != nil || !ok {
			return orElse(err, nameUnknown(name))
		}
		tags, err = repo.tags(tx)
		return err
	})
	return tags, err
}

func (s registrySource) repositories() (names []string, err error) {
	err = s.store.View(func(tx *store.Tx) error {
		names, err = repositories(tx, s.login)
		return err
	})
	return names, err
}

func (s registrySource) referrers(name, digest string) (found []v1.Descriptor, err error) {
	err = s.store.View(func(tx *store.Tx) error {
		prefix := at(s.login, name).digestKey("")
		return tx.Each(manifestBucket, prefix, func(key string, raw json.RawMessage) error {
			var m manifest
			if err := json.Unmarshal(raw, &m); err != nil || m.Subject != digest {
				return err
			}
			hash, err := v1.NewHash(strings.TrimPrefix(key, prefix))
			if err != nil {
				return err
			}
			found = append(found, v1.Descriptor{
				MediaType: types.MediaType(m.MediaType), Digest: hash, Size: int64(len(m.Content)),
				ArtifactType: m.ArtifactType, Annotations: m.Annotations,
			})
			return nil
		})
	})
	return found, err
}
