package provision

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kars-dev/kars/api/v1alpha1"
	"github.com/kars-dev/kars/internal/azure/arm"
	"github.com/kars-dev/kars/internal/event"
	"github.com/kars-dev/kars/internal/plan"
)

// DownResult is what one run of `kars down` came to.
type DownResult struct {
	Steps    []StepResult `json:"steps"`
	Requests Requests     `json:"requests"`
	Kept     []Kept       `json:"kept"`
	Error    *Failure     `json:"error,omitempty"`
}

// Kept is something that is still there after `kars down`, and why.
type Kept struct {
	ID  string `json:"id"`
	Why string `json:"why"`
}

// Down takes away what a plan brought about: the sandboxes first, so that the
// controller removes their identities and role assignments, then the trust,
// then the resource group. It verifies that each is gone.
func Down(ctx context.Context, r *Run) (DownResult, error) {
	r.begin()
	result := DownResult{Steps: []StepResult{}, Kept: []Kept{}}
	var failed error
	for _, s := range []step{
		{"sandboxes", plan.StepSandbox, removeSandboxes},
		{"trust", plan.StepTrust, removeTrust},
		{"group", plan.StepGroup, removeGroup},
	} {
		done, err := r.runStep(ctx, s)
		result.Steps = append(result.Steps, done)
		if err != nil {
			failed = err
			break
		}
	}
	if failed == nil {
		var err error
		if result.Kept, err = r.kept(ctx); err != nil {
			failed = err
		}
	}
	result.Requests = r.requests()
	return result, failed
}

// removeSandboxes deletes every sandbox and waits until each is gone.
func removeSandboxes(ctx context.Context, r *Run) (event.Status, string, error) {
	cluster, found, err := r.get(ctx, r.Plan.ClusterID(), r.Plan.Of(plan.StepCluster)[0].APIVersion)
	if err != nil {
		return "", "", fmt.Errorf("reading the cluster: %w", err)
	}
	if !found {
		return event.Unchanged, "no cluster", nil
	}
	if err := r.connect(ctx, cluster); err != nil {
		return event.Skipped, "the cluster does not answer: " + err.Error(), nil //nolint:nilerr // identities are removed with the trust
	}
	var all v1alpha1.KarsSandboxList
	if err := r.facts.kube.Client().List(ctx, &all); noKind(err) {
		return event.Unchanged, "none", nil
	} else if err != nil {
		return "", "", fmt.Errorf("listing sandboxes: %w", err)
	}
	if len(all.Items) == 0 {
		return event.Unchanged, "none", nil
	}
	for i := range all.Items {
		if err := client.IgnoreNotFound(r.facts.kube.Client().Delete(ctx, &all.Items[i])); err != nil {
			return "", "", fmt.Errorf("deleting the sandbox %s: %w", all.Items[i].Name, err)
		}
	}
	for i := range all.Items {
		see := func(seen string) { r.progress("sandboxes", "%s", seen) }
		if err := WaitGone(ctx, r.facts.kube, &all.Items[i], see); err != nil {
			return "", "", err
		}
	}
	return event.Deleted, fmt.Sprintf("%d, with their identities and role assignments", len(all.Items)), nil
}

// noKind says that the API server does not know the resource: no definition
// was applied yet.
func noKind(err error) bool {
	return err != nil && (strings.Contains(err.Error(), "no matches for kind") || strings.Contains(err.Error(), "could not find the requested resource"))
}

// removeGroup deletes the resource group, or, when somebody else made it, what
// kars made in it.
func removeGroup(ctx context.Context, r *Run) (event.Status, string, error) {
	g := r.Plan.Group
	have, found, err := r.get(ctx, g.ID, g.APIVersion)
	if err != nil {
		return "", "", fmt.Errorf("reading the resource group: %w", err)
	}
	if !found {
		return event.Unchanged, g.Name, nil
	}
	if err := r.removeGrantsElsewhere(ctx); err != nil {
		return "", "", err
	}
	if !r.ours(have) {
		return r.removeResources(ctx, "was not made by kars for this cluster")
	}
	shared, err := r.shared(ctx)
	if err != nil {
		return "", "", err
	}
	if shared {
		return r.removeResources(ctx, "holds another cluster too")
	}
	if err := r.delete(ctx, g.ID, g.APIVersion); err != nil {
		return "", "", fmt.Errorf("deleting the resource group: %w", err)
	}
	if _, found, err := r.get(ctx, g.ID, g.APIVersion); err != nil || found {
		return "", "", fmt.Errorf("the resource group %s is still there after its deletion (%w)", g.Name, err)
	}
	return event.Deleted, g.Name, nil
}

// ours says whether a resource carries the tags of this cluster.
func (r *Run) ours(have Tree) bool {
	tags, _ := have["tags"].(Tree)
	return tags["kars-managed"] == "true" && tags["kars-cluster"] == r.Plan.Options.ClusterName
}

// shared says whether the group holds what kars made for another cluster.
func (r *Run) shared(ctx context.Context) (bool, error) {
	all, err := r.ARM.Resources(ctx, r.Plan.SubscriptionID, r.Plan.Group.Name)
	if err != nil {
		return false, fmt.Errorf("listing what is in the resource group: %w", err)
	}
	return slices.ContainsFunc(all, func(other arm.Resource) bool {
		return other.Tags["kars-managed"] == "true" && other.Tags["kars-cluster"] != r.Plan.Options.ClusterName
	}), nil
}

// removeResources deletes the plan's resources, the last made first, and says
// why the group stays.
func (r *Run) removeResources(ctx context.Context, why string) (event.Status, string, error) {
	removed := 0
	for i := len(r.Plan.Resources) - 1; i >= 0; i-- {
		res := r.Plan.Resources[i]
		have, found, err := r.get(ctx, res.ID, res.APIVersion)
		if err != nil {
			return "", "", fmt.Errorf("reading the %s %s: %w", res.Label, res.Name, err)
		}
		if !found || !r.owned(res, have) {
			continue
		}
		if err := r.delete(ctx, res.ID, res.APIVersion); err != nil {
			return "", "", fmt.Errorf("deleting the %s %s: %w", res.Label, res.Name, err)
		}
		removed++
	}
	stays := fmt.Sprintf("%s stays: it %s", r.Plan.Group.Name, why)
	if removed == 0 {
		return event.Unchanged, stays, nil
	}
	return event.Deleted, fmt.Sprintf("%d resources; %s", removed, stays), nil
}

// owned says whether kars made a resource: by its tags, or, for a child that
// takes none, because kars made its parent.
func (r *Run) owned(res plan.Resource, have Tree) bool {
	_, tagged := res.Body["tags"]
	return !tagged || r.ours(have)
}

func (r *Run) delete(ctx context.Context, id, version string) error {
	o, err := r.ARM.Delete(ctx, id, version)
	if err != nil {
		return err
	}
	_, err = o.Wait(ctx)
	return err
}

// kept lists what Azure keeps of what was deleted.
func (r *Run) kept(ctx context.Context) ([]Kept, error) {
	out := []Kept{}
	for _, res := range r.Plan.Resources {
		id, ok := r.Plan.DeletedID(res)
		if !ok {
			continue
		}
		_, found, err := r.get(ctx, id, res.APIVersion)
		if err != nil {
			return out, fmt.Errorf("reading what Azure keeps of the %s: %w", res.Label, err)
		}
		if found {
			out = append(out, Kept{ID: id, Why: "soft-deleted: Azure keeps it for a while, and the next `kars up` takes it back"})
		}
	}
	return out, nil
}
