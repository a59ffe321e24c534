package registry

import (
	"fmt"
	"regexp"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// The grammar of names and tags is that of the OCI distribution specification
// 1.1, section "Pulling manifests".
var (
	repositoryName = regexp.MustCompile(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$`)
	tagName        = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$`)
)

// maxRepository bounds a repository's name, in bytes; many clients allow 255
// for host and name together.
const maxRepository = 255

func isRepository(name string) bool {
	return len(name) <= maxRepository && repositoryName.MatchString(name)
}

func isTag(tag string) bool { return tagName.MatchString(tag) }

func isDigest(s string) bool {
	_, err := v1.NewHash(s)
	return err == nil
}

// image is a parsed "repository:tag" or "repository@digest".
type image struct {
	repository string
	tag        string // one of tag and digest is set
	digest     string
}

// parseImage reads an image without its registry, as importImage takes them.
// An image that names neither tag nor digest means the tag "latest".
func parseImage(s string) (image, error) {
	if name, digest, ok := strings.Cut(s, "@"); ok {
		// In "repository:tag@digest" the digest decides.
		name, _, _ = strings.Cut(name, ":")
		if !isRepository(name) || !isDigest(digest) {
			return image{}, fmt.Errorf("%q is not of the form repository@sha256:…", s)
		}
		return image{repository: name, digest: digest}, nil
	}
	name, tag, ok := strings.Cut(s, ":")
	if !ok {
		tag = "latest"
	}
	if !isRepository(name) || !isTag(tag) {
		return image{}, fmt.Errorf("%q is not of the form repository:tag", s)
	}
	return image{repository: name, tag: tag}, nil
}

// reference is the last part of the image's name, a tag or a digest.
func (i image) reference() string {
	if i.digest != "" {
		return i.digest
	}
	return i.tag
}

// on is the image's full reference on a host.
func (i image) on(host string) string {
	if i.digest != "" {
		return host + "/" + i.repository + "@" + i.digest
	}
	return host + "/" + i.repository + ":" + i.tag
}
