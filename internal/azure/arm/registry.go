package arm

import "context"

const registryVersion = "2023-07-01"

// Import is an image to copy into a registry without passing this machine.
// learn.microsoft.com/azure/container-registry/container-registry-import-images
type Import struct {
	Registry string   // host of the source, as ghcr.io
	Image    string   // repository with a tag or digest, as kars-dev/kars-agent:0.1.0
	Tags     []string // in the target, as kars/agent:0.1.0
	Force    bool     // replaces a tag that is there; else it is a conflict
}

// ImportImage copies an image into the registry with this ARM id.
func (c *Client) ImportImage(ctx context.Context, registryID string, i Import) (*Operation, error) {
	mode := "NoForce"
	if i.Force {
		mode = "Force"
	}
	return c.Post(ctx, registryID+"/importImage", registryVersion, map[string]any{
		"source":     map[string]any{"registryUri": i.Registry, "sourceImage": i.Image},
		"targetTags": i.Tags,
		"mode":       mode,
	})
}
