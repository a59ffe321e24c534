package provision

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/kars-dev/kars/internal/azure/arm"
	"github.com/kars-dev/kars/internal/event"
	"github.com/kars-dev/kars/internal/plan"
)

// applyImages imports, server side, the images that the registry does not hold.
func applyImages(ctx context.Context, r *Run) (event.Status, string, error) {
	missing, err := r.missingImages(ctx)
	if err != nil {
		return "", "", err
	}
	if len(missing) == 0 {
		return event.Unchanged, fmt.Sprintf("%d in the registry", len(r.Plan.Images)), nil
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, image := range missing {
		g.Go(func() error {
			host, source := r.Plan.Source(image)
			if err := r.importImage(ctx, host, source, image.Repository()+":"+image.Tag); err != nil {
				return fmt.Errorf("importing %s/%s: %w", host, source, err)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return "", "", err
	}
	status := event.Created
	if len(missing) < len(r.Plan.Images) {
		status = event.Updated
	}
	return status, fmt.Sprintf("%d imported", len(missing)), nil
}

func (r *Run) missingImages(ctx context.Context) ([]plan.Image, error) {
	has := make([]bool, len(r.Plan.Images))
	g, ctx := errgroup.WithContext(ctx)
	for i, image := range r.Plan.Images {
		g.Go(func() error {
			var err error
			has[i], err = r.Registry.Has(ctx, r.Plan.RegistryLoginServer(), image.Repository(), image.Digest)
			if err != nil {
				return fmt.Errorf("looking for %s in the registry: %w", image.Repository(), err)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	var missing []plan.Image
	for i, image := range r.Plan.Images {
		if !has[i] {
			missing = append(missing, image)
		}
	}
	return missing, nil
}

func (r *Run) importImage(ctx context.Context, host, source, tag string) error {
	o, err := r.ARM.ImportImage(ctx, r.Plan.RegistryID(), arm.Import{Registry: host, Image: source, Tags: []string{tag}, Force: true})
	if err != nil {
		return err
	}
	_, err = o.Wait(ctx)
	return err
}
