package provision

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/kars-dev/kars/internal/azure/arm"
	"github.com/kars-dev/kars/internal/event"
	"github.com/kars-dev/kars/internal/plan"
)

func applyCluster(ctx context.Context, r *Run) (event.Status, string, error) {
	all, err := r.standings(ctx, plan.StepCluster)
	if err != nil {
		return "", "", err
	}
	if all, err = r.clusterAtRest(ctx, all); err != nil {
		return "", "", err
	}
	status := statusOf(all)
	if status == event.Unchanged {
		// What is there may look as wanted and yet be unfinished or broken.
		switch provisioningState(all[0].have) {
		case "Succeeded":
		case "Creating":
			status = event.Created
		default:
			status = event.Updated
		}
	}
	if status != event.Unchanged {
		if err := r.deployCluster(ctx); err != nil {
			return "", "", err
		}
		if all, err = r.standings(ctx, plan.StepCluster); err != nil {
			return "", "", err
		}
		if err := settled(all); err != nil {
			return "", "", err
		}
	}
	if err := r.connect(ctx, all[0].have); err != nil {
		return "", "", err
	}
	return status, describeCluster(r.Plan, all[0].have), nil
}

// clusterAtRest waits for an operation on the cluster that another run, or
// somebody else, began: AKS takes one at a time.
func (r *Run) clusterAtRest(ctx context.Context, all []standing) ([]standing, error) {
	if r.Journal.Pending(string(plan.StepCluster)) != "" {
		return all, nil
	}
	err := r.wait(ctx, plan.StepCluster, "the cluster to come to rest", func(ctx context.Context) (bool, string, error) {
		state := provisioningState(all[0].have)
		if !all[0].found || state == "Succeeded" || state == "Failed" || state == "Canceled" {
			return true, "", nil
		}
		var err error
		all, err = r.standings(ctx, plan.StepCluster)
		return false, "the cluster is " + strings.ToLower(state), err
	})
	return all, err
}

// deployCluster deploys the cluster. A grant to its identities that has not
// reached every replica yet makes AKS refuse; only such refusals are tried again.
func (r *Run) deployCluster(ctx context.Context) error {
	refreshed := false
	var refused error // for what no waiting changes: it stands for itself
	late := r.wait(ctx, plan.StepCluster, "role assignments to reach AKS", func(ctx context.Context) (bool, string, error) {
		err := r.deploy(ctx, plan.StepCluster, r.Plan.Deployment(plan.StepCluster))
		if code, soon := propagating(err); soon {
			return false, "waiting for role assignments to take effect (" + code + ")", nil
		}
		// A run that was killed between the feature's registration and its
		// provider's has left AKS without knowledge of it.
		if !refreshed && arm.HasCode(err, "SubscriptionNotEnabledEncryptionAtHost", "FeatureNotRegistered") {
			refreshed = true
			return false, "waiting for AKS to learn of the preview features", r.refreshProviders(ctx, r.Plan.Features)
		}
		if err != nil && !arm.IsTransient(err) {
			refused = err
			return true, "", nil
		}
		return err == nil, "", err
	})
	return errors.Join(refused, late)
}

// propagationCodes are how AKS says that the control-plane identity lacks a
// right which the plan has granted.
// learn.microsoft.com/troubleshoot/azure/azure-kubernetes/error-codes
var propagationCodes = []string{
	"CustomKubeletIdentityMissingPermissionError",
	"MissingPermissionOnSubnet",
	"ControlPlaneAddOnIdentityMissingPermission",
}

func propagating(err error) (code string, late bool) {
	for _, code := range propagationCodes {
		if arm.HasCode(err, code) {
			return code, true
		}
	}
	return "", false
}

func provisioningState(cluster Tree) string {
	properties, _ := cluster["properties"].(Tree)
	state, _ := properties["provisioningState"].(string)
	return state
}

// connect reads the kubeconfig, keeps it in its file when it is new, and opens
// the cluster.
func (r *Run) connect(ctx context.Context, cluster Tree) error {
	properties, _ := cluster["properties"].(Tree)
	profile, _ := properties["oidcIssuerProfile"].(Tree)
	r.facts.issuer, _ = profile["issuerURL"].(string)
	if r.facts.issuer == "" {
		return errors.New("the cluster has no OIDC issuer")
	}
	kubeconfig, err := r.ARM.UserCredential(ctx, r.Plan.ClusterID())
	if err != nil {
		return fmt.Errorf("reading the cluster's credential: %w", err)
	}
	if err := keepKubeconfig(r.Kubeconfig, kubeconfig); err != nil {
		return err
	}
	r.facts.kube, err = r.Connect(kubeconfig)
	if err != nil {
		return fmt.Errorf("connecting to the cluster: %w", err)
	}
	return nil
}

func keepKubeconfig(path string, content []byte) error {
	if have, err := os.ReadFile(path); err == nil && string(have) == string(content) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("keeping the kubeconfig: %w", err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return fmt.Errorf("keeping the kubeconfig: %w", err)
	}
	return nil
}

func describeCluster(p *plan.Plan, cluster Tree) string {
	properties, _ := cluster["properties"].(Tree)
	pools, _ := properties["agentPoolProfiles"].([]any)
	nodes := 0
	for _, pool := range pools {
		t, _ := pool.(Tree)
		count, _ := t["count"].(float64)
		nodes += int(count)
	}
	return fmt.Sprintf("%s: kubernetes %s, %d nodes", p.Names.Cluster, plan.KubernetesVersion, nodes)
}
