package provision

import (
	"context"
	"fmt"
	"strings"

	"github.com/kars-dev/kars/internal/azure/arm"
	"github.com/kars-dev/kars/internal/plan"
)

// recoverDeleted marks in the template what is only soft-deleted: a key vault
// with purge protection keeps its name for ninety days, and a Cognitive
// Services account for forty-eight hours, and a plain create is refused.
// learn.microsoft.com/azure/key-vault/general/soft-delete-overview
// learn.microsoft.com/azure/ai-services/recover-purge-resources
func (r *Run) recoverDeleted(ctx context.Context, before []standing, d plan.Deployment) error {
	for _, s := range before {
		deleted, ok := r.Plan.DeletedID(s.Resource)
		if s.found || !ok {
			continue
		}
		_, found, err := r.get(ctx, deleted, s.APIVersion)
		if arm.IsForbidden(err) {
			continue // the owner of a group cannot look; a name that is held shows in the deployment
		}
		if err != nil {
			return fmt.Errorf("reading whether the %s %s is soft-deleted: %w", s.Label, s.Name, err)
		}
		if found {
			markRecovered(d, s.Resource)
		}
	}
	return nil
}

func markRecovered(d plan.Deployment, r plan.Resource) {
	resources, _ := d.Template["resources"].([]any)
	for _, item := range resources {
		t, _ := item.(Tree)
		if name, _ := t["name"].(string); t["type"] != r.Type || !strings.EqualFold(name, r.Name) {
			continue
		}
		properties := Tree{}
		if old, ok := t["properties"].(Tree); ok {
			for k, v := range old {
				properties[k] = v
			}
		}
		for k, v := range plan.Recovery(r) {
			properties[k] = v
		}
		t["properties"] = properties
	}
}
