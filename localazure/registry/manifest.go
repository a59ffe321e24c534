package registry

import (
	"encoding/json"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// manifestTypes are the media types a manifest may have.
func manifestTypes() []types.MediaType {
	return []types.MediaType{
		types.OCIManifestSchema1, types.OCIImageIndex, types.DockerManifestSchema2, types.DockerManifestList,
	}
}

// parseManifest reads an image manifest or an index. Its errors are of type
// [Error].
func parseManifest(mediaType string, content []byte) (manifest, error) {
	if !slices.Contains(manifestTypes(), types.MediaType(mediaType)) {
		return manifest{}, manifestInvalid("media type " + mediaType + " is not that of a manifest")
	}
	var parsed struct {
		SchemaVersion int               `json:"schemaVersion"`
		MediaType     string            `json:"mediaType"`
		ArtifactType  string            `json:"artifactType"`
		Annotations   map[string]string `json:"annotations"`
		Config        *v1.Descriptor    `json:"config"`
		Layers        []v1.Descriptor   `json:"layers"`
		Manifests     []v1.Descriptor   `json:"manifests"`
		Subject       *v1.Descriptor    `json:"subject"`
	}
	if err := json.Unmarshal(content, &parsed); err != nil {
		return manifest{}, manifestInvalid("manifest invalid: " + err.Error())
	}
	switch {
	case parsed.SchemaVersion != 2:
		return manifest{}, manifestInvalid("schema version is not 2")
	case parsed.MediaType != "" && parsed.MediaType != mediaType:
		return manifest{}, manifestInvalid("mediaType in the manifest is " + parsed.MediaType + ", not " + mediaType)
	}
	m := manifest{
		MediaType: mediaType, Content: content,
		ArtifactType: parsed.ArtifactType, Annotations: parsed.Annotations,
	}
	if types.MediaType(mediaType).IsIndex() {
		m.Manifests = digests(parsed.Manifests)
	} else {
		if parsed.Config == nil {
			return manifest{}, manifestInvalid("the manifest has no config")
		}
		m.Blobs = digests(append([]v1.Descriptor{*parsed.Config}, parsed.Layers...))
		if m.ArtifactType == "" {
			m.ArtifactType = string(parsed.Config.MediaType)
		}
	}
	if parsed.Subject != nil {
		m.Subject = parsed.Subject.Digest.String()
	}
	return m, nil
}

// digests lists what descriptors point at, save layers that are kept
// elsewhere for their licence's sake.
func digests(descriptors []v1.Descriptor) []string {
	var list []string
	for _, d := range descriptors {
		if d.MediaType.IsDistributable() {
			list = append(list, d.Digest.String())
		}
	}
	return list
}
