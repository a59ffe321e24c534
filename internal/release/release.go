// Package release says what this build of kars is: its version and the
// digests of the container images that belong to it. Both are set by the
// linker; see the Makefile.
package release

import (
	"fmt"
	"strings"

	"github.com/kars-dev/kars/internal/plan"
)

var (
	version = "0.1.0-dev"
	images  string // "kars-agent=sha256:…,kars-broker=sha256:…"
)

// Version is the version of this build, as "0.1.0".
func Version() string { return version }

// Images are the images of this build, by digest, in the order of
// [plan.ImageNames]. A build without them cannot deploy.
func Images() ([]plan.Image, error) {
	digests := map[string]string{}
	for _, pair := range strings.Split(images, ",") {
		if name, digest, ok := strings.Cut(pair, "="); ok {
			digests[name] = digest
		}
	}
	out := make([]plan.Image, 0, len(plan.ImageNames))
	for _, name := range plan.ImageNames {
		if digests[name] == "" {
			return nil, fmt.Errorf("this kars was built without the digest of %s; run `make build`", name)
		}
		out = append(out, plan.Image{Name: name, Digest: digests[name], Tag: version})
	}
	return out, nil
}
