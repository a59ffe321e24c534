package containerservice

import (
	"context"
	"net/http"
	"regexp"
	"strings"

	"github.com/kars-dev/kars/localazure/arm"
	"github.com/kars-dev/kars/localazure/resource"
	"github.com/kars-dev/kars/localazure/store"
)

// maxNodes bounds what one machine is asked to run.
const maxNodes = 10

// preparePools completes a cluster's agent pools;
// learn.microsoft.com/azure/aks/use-system-pools.
func preparePools(w *arm.Write, properties store.Tree, version string) error {
	list, _ := properties["agentPoolProfiles"].([]any)
	system, nodes := false, 0
	for _, raw := range list {
		pool, _ := raw.(store.Tree)
		if err := checkPool(pool); err != nil {
			return err
		}
		system = system || resource.Text(pool, "mode") == "System"
		nodes += int(pool["count"].(float64))
		completePool(pool, version)
		pool["provisioningState"] = "Creating"
		if w.Old != nil {
			pool["provisioningState"] = "Updating"
		}
	}
	if !system {
		return arm.Errorf(http.StatusBadRequest, "InvalidParameter",
			"The value of parameter agentPoolProfile.mode is invalid. Error details: Must define at least one system agent pool.")
	}
	if nodes > maxNodes {
		return arm.Errorf(http.StatusBadRequest, "TooManyNodes", "The local Azure runs at most %d nodes, the cluster asks for %d.", maxNodes, nodes)
	}
	return nil
}

func checkPool(pool store.Tree) error {
	invalid := func(parameter, details string) error {
		return arm.Errorf(http.StatusBadRequest, "InvalidParameter", "The value of parameter agentPoolProfile.%s is invalid. Error details: %s.", parameter, details)
	}
	if name := resource.Text(pool, "name"); !regexp.MustCompile(`^[a-z][a-z0-9]{0,11}$`).MatchString(name) {
		return invalid("name", "Agent pool name '"+name+"' must begin with a lower-case letter and hold 1 to 12 lower-case letters and digits")
	}
	if mode := resource.Text(pool, "mode"); mode != "System" && mode != "User" {
		return invalid("mode", "'"+mode+"' is neither System nor User")
	}
	if count, ok := pool["count"].(float64); !ok || count < 1 || count != float64(int(count)) {
		return invalid("count", "it must be a whole number, at least 1")
	}
	if resource.Text(pool, "vmSize") == "" {
		return invalid("vmSize", "it is required")
	}
	if runtime := resource.Text(pool, "workloadRuntime"); strings.HasPrefix(runtime, "Kata") {
		return invalid("workloadRuntime", "the local Azure's nodes have no nested virtualisation for "+runtime)
	}
	return nil
}

func completePool(pool store.Tree, version string) {
	resource.Default(pool, "type", "VirtualMachineScaleSets")
	resource.Default(pool, "osType", "Linux")
	resource.Default(pool, "osSKU", "Ubuntu")
	resource.Default(pool, "maxPods", float64(110))
	resource.Default(pool, "osDiskSizeGB", float64(128))
	resource.Default(pool, "osDiskType", "Managed")
	resource.Default(pool, "enableAutoScaling", false)
	resource.Default(pool, "enableNodePublicIP", false)
	resource.Default(pool, "orchestratorVersion", version)
	pool["currentOrchestratorVersion"] = version
	pool["powerState"] = store.Tree{"code": "Running"}
}

// pools returns the agent pools of a cluster's tree.
func pools(tree store.Tree) []Pool {
	var out []Pool
	list, _ := resource.Value(tree, "properties", "agentPoolProfiles").([]any)
	for _, raw := range list {
		t, _ := raw.(store.Tree)
		count, _ := t["count"].(float64)
		pool := Pool{Name: resource.Text(t, "name"), Mode: resource.Text(t, "mode"), Count: int(count), Labels: map[string]string{}}
		labels, _ := t["nodeLabels"].(store.Tree)
		for key, value := range labels {
			pool.Labels[key], _ = value.(string)
		}
		taints, _ := t["nodeTaints"].([]any)
		for _, taint := range taints {
			if s, ok := taint.(string); ok {
				pool.Taints = append(pool.Taints, s)
			}
		}
		out = append(out, pool)
	}
	return out
}

// poolTrees returns agent pools as the resources that they also are.
func (p *Provider) poolTrees(r *arm.Request) ([]store.Tree, error) {
	id := r.ID
	id.Rest = ""
	for id.IsChild() {
		id = id.Parent()
	}
	cluster, err := p.service.Stored(id)
	if err != nil {
		return nil, err
	}
	var trees []store.Tree
	list, _ := resource.Value(cluster, "properties", "agentPoolProfiles").([]any)
	for _, raw := range list {
		pool, _ := raw.(store.Tree)
		name := resource.Text(pool, "name")
		trees = append(trees, store.Tree{
			"id": id.String() + "/agentPools/" + name, "name": name, "type": Type + "/agentPools", "properties": pool,
		})
	}
	return trees, nil
}

func (p *Provider) listPools(_ context.Context, r *arm.Request) (*arm.Response, error) {
	trees, err := p.poolTrees(r)
	if err != nil {
		return nil, err
	}
	page, err := arm.Paged(r, trees)
	if err != nil {
		return nil, err
	}
	return arm.OK(page), nil
}

func (p *Provider) getPool(_ context.Context, r *arm.Request) (*arm.Response, error) {
	trees, err := p.poolTrees(r)
	if err != nil {
		return nil, err
	}
	for _, tree := range trees {
		if strings.EqualFold(resource.Text(tree, "name"), r.Params["pool"]) {
			return arm.OK(tree), nil
		}
	}
	return nil, arm.Errorf(http.StatusNotFound, "NotFound", "The agent pool '%s' could not be found.", r.Params["pool"])
}
