package registry

import "strings"

// kind is what a path of the distribution protocol is about.
type kind int

const (
	noKind       kind = iota
	baseKind          // /v2/
	catalogKind       // /v2/_catalog
	tagsKind          // /v2/<repository>/tags/list
	manifestKind      // /v2/<repository>/manifests/<tag or digest>
	blobKind          // /v2/<repository>/blobs/<digest>
	uploadsKind       // /v2/<repository>/blobs/uploads/
	uploadKind        // /v2/<repository>/blobs/uploads/<session>
	referrerKind      // /v2/<repository>/referrers/<digest>
)

// target is a parsed path of the distribution protocol.
type target struct {
	kind       kind
	repository string
	reference  string // a tag, a digest or an upload session
}

// parsePath takes a path apart. A repository's name may hold any number of
// slashes and any of the protocol's own words, so the end of the path decides.
func parsePath(path string) target {
	rest, ok := strings.CutPrefix(path, "/v2")
	if !ok {
		return target{}
	}
	switch rest {
	case "", "/":
		return target{kind: baseKind}
	case "/_catalog":
		return target{kind: catalogKind}
	}
	rest, ok = strings.CutPrefix(rest, "/")
	if !ok {
		return target{}
	}
	if name, ok := strings.CutSuffix(rest, "/tags/list"); ok {
		return target{kind: tagsKind, repository: name}
	}
	head, last := cutLast(rest)
	if name, ok := strings.CutSuffix(head, "/blobs/uploads"); ok {
		if last == "" {
			return target{kind: uploadsKind, repository: name}
		}
		return target{kind: uploadKind, repository: name, reference: last}
	}
	name, word := cutLast(head)
	kinds := map[string]kind{"manifests": manifestKind, "blobs": blobKind, "referrers": referrerKind}
	switch {
	case word == "blobs" && last == "uploads":
		return target{kind: uploadsKind, repository: name}
	case kinds[word] == noKind || last == "" || name == "":
		return target{}
	}
	return target{kind: kinds[word], repository: name, reference: last}
}

// cutLast splits at the last slash.
func cutLast(s string) (head, last string) {
	i := strings.LastIndexByte(s, '/')
	if i < 0 {
		return "", s
	}
	return s[:i], s[i+1:]
}
