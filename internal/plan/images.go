package plan

import "strings"

// Image is one of kars' container images, by digest.
type Image struct {
	Name   string `json:"name"`   // as kars-controller
	Digest string `json:"digest"` // "sha256:…"
	Tag    string `json:"tag"`    // the version that the digest was built as
}

// ImageNames are the images that a run imports.
var ImageNames = []string{"kars-agent", "kars-broker", "kars-controller", "kars-guard", "kars-router"}

// Repository is the image's repository in the cluster's registry.
func (i Image) Repository() string { return "kars/" + i.Name }

// Reference is how the cluster's pods name the image.
func (p *Plan) Reference(i Image) string {
	return p.RegistryLoginServer() + "/" + i.Repository() + "@" + i.Digest
}

// Source is where the image is imported from: the registry's host and the
// repository with the digest.
func (p *Plan) Source(i Image) (host, image string) {
	host, path, _ := strings.Cut(p.Options.ImageSource, "/")
	if path != "" {
		path += "/"
	}
	return host, path + i.Name + "@" + i.Digest
}
