package registry

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/kars-dev/kars/localazure/store"
)

// Buckets of the store. A key starts with the registry's login server and the
// repository: "contoso.azurecr.io/team/app@sha256:…".
const (
	manifestBucket = "registry.manifests"
	tagBucket      = "registry.tags"
	blobBucket     = "registry.blobs"
	uploadBucket   = "registry.uploads"
	keyBucket      = "registry.keys"
)

// manifest is a manifest as it is kept.
type manifest struct {
	MediaType    string            `json:"mediaType"`
	Content      []byte            `json:"content"`
	ArtifactType string            `json:"artifactType,omitempty"`
	Annotations  map[string]string `json:"annotations,omitempty"`
	Subject      string            `json:"subject,omitempty"` // digest
	// Config, Layers and Manifests are the digests it refers to.
	Blobs     []string `json:"blobs,omitempty"`
	Manifests []string `json:"manifests,omitempty"`
}

// tag is a name of a manifest. The store folds keys, tags differ by case, so
// the key has them escaped and the value as they are.
type tag struct {
	Tag    string `json:"tag"`
	Digest string `json:"digest"`
}

// blobLink says that a repository has a blob.
type blobLink struct {
	Size int64 `json:"size"`
}

// session is an upload that has begun.
type session struct {
	Login      string    `json:"login"`
	Repository string    `json:"repository"`
	Started    time.Time `json:"started"`
}

// repository is one repository of one registry: "<login server>/<name>".
type repository string

func at(login, name string) repository { return repository(login + "/" + name) }

func (r repository) digestKey(digest string) string { return string(r) + "@" + digest }

func (r repository) tagKey(tag string) string {
	var key strings.Builder
	key.WriteString(string(r) + ":")
	for _, c := range tag {
		if c >= 'A' && c <= 'Z' {
			key.WriteByte('^') // stands in no tag
		}
		key.WriteRune(c)
	}
	return key.String()
}

// find returns the manifest that a tag or a digest names.
func (r repository) find(tx *store.Tx, reference string) (manifest, v1.Hash, error) {
	digest := reference
	if !isDigest(reference) {
		var t tag
		if ok, err := tx.Get(tagBucket, r.tagKey(reference), &t); err != nil || !ok {
			return manifest{}, v1.Hash{}, orElse(err, manifestUnknown(reference))
		}
		digest = t.Digest
	}
	hash, err := v1.NewHash(digest)
	if err != nil {
		return manifest{}, v1.Hash{}, err
	}
	var m manifest
	if ok, err := tx.Get(manifestBucket, r.digestKey(digest), &m); err != nil || !ok {
		return manifest{}, v1.Hash{}, orElse(err, manifestUnknown(reference))
	}
	return m, hash, nil
}

// orElse is err, or what it means that there was none.
func orElse(err error, missing *Error) error {
	if err != nil {
		return err
	}
	return missing
}

// tags lists the repository's tags in lexical order. A repository without any
// manifest is not known.
func (r repository) tags(tx *store.Tx) ([]string, error) {
	tags := []string{}
	err := tx.Each(tagBucket, string(r)+":", func(_ string, raw json.RawMessage) error {
		var t tag
		if err := json.Unmarshal(raw, &t); err != nil {
			return err
		}
		tags = append(tags, t.Tag)
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.Sort(tags)
	return tags, nil
}

// known says whether the repository has a manifest.
func (r repository) known(tx *store.Tx) (bool, error) {
	found := false
	err := tx.Each(manifestBucket, string(r)+"@", func(string, json.RawMessage) error {
		found = true
		return nil
	})
	return found, err
}

// repositories lists a registry's repositories in lexical order.
func repositories(tx *store.Tx, login string) ([]string, error) {
	names := []string{}
	err := tx.Each(manifestBucket, login+"/", func(key string, _ json.RawMessage) error {
		name, _, _ := strings.Cut(strings.TrimPrefix(key, strings.ToLower(login)+"/"), "@")
		if len(names) == 0 || names[len(names)-1] != name {
			names = append(names, name)
		}
		return nil
	})
	slices.Sort(names)
	return slices.Compact(names), err
}

// remove forgets everything that a registry holds.
func remove(tx *store.Tx, login string) error {
	for _, bucket := range []string{manifestBucket, tagBucket, blobBucket} {
		var keys []string
		err := tx.Each(bucket, login+"/", func(key string, _ json.RawMessage) error {
			keys = append(keys, key)
			return nil
		})
		if err != nil {
			return err
		}
		for _, key := range keys {
			if err := tx.Delete(bucket, key); err != nil {
				return err
			}
		}
	}
	return nil
}
