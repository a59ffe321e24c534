package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kars-dev/kars/internal/azure/graph"
	"github.com/kars-dev/kars/test/product"
)

func downLeavesNothing(t *testing.T, h *product.Home) {
	azure, sb, clusters := h.Azure(t), sandboxNamed(t, h, assistant), h.Clusters(t)
	held := h.Footprint(t, clusters[0].Key)
	if len(held.Networks) < 3 { // the control plane's and two nodes'
		t.Fatalf("the cluster runs in %d networks of its own: %+v", len(held.Networks), held)
	}
	doc := product.Decode[product.DownResult](t, h.Must(t, "down", "--local", "-o", "json"))
	if doc.Kind != "DownResult" || len(doc.Steps) != 3 {
		t.Errorf("kars down printed %+v", doc)
	}
	for _, s := range doc.Steps {
		if s.Status != "deleted" {
			t.Errorf("step %s is %s (%s), want it deleted", s.ID, s.Status, s.Detail)
		}
	}
	if len(doc.Kept) == 0 || !strings.Contains(doc.Kept[0].ID, "/deletedVaults/kars-kv-") || doc.Kept[0].Why == "" {
		t.Errorf("kept %+v, want the soft-deleted vault", doc.Kept)
	}
	subscriptions, err := azure.ARM.Subscriptions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	group := "/subscriptions/" + subscriptions[0].ID + "/resourceGroups/kars-eastus2"
	if _, found, err := azure.ARM.Get(t.Context(), group, "2024-03-01"); err != nil || found {
		t.Errorf("the resource group is there: %v, %v", found, err)
	}
	assignments, err := azure.ARM.RoleAssignments(t.Context(), "/subscriptions/"+subscriptions[0].ID, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range assignments {
		if strings.HasPrefix(strings.ToLower(a.Scope), strings.ToLower(group)) {
			t.Errorf("the role assignment %s is still there", a.ID)
		}
	}
	if err := azure.Graph.Do(t.Context(), http.MethodGet, "/v1.0/servicePrincipals/"+sb.AgentIdentity.ObjectID, nil, nil); !graph.IsNotFound(err) {
		t.Errorf("reading the agent identity: %v, want that there is none", err)
	}
	var apps struct {
		Value []struct {
			DisplayName string `json:"displayName"`
		} `json:"value"`
	}
	if err := azure.Graph.Do(t.Context(), http.MethodGet, "/v1.0/applications?$filter=displayName eq 'kars-blueprint-kars'", nil, &apps); err != nil || len(apps.Value) != 0 {
		t.Errorf("blueprints %+v, %v; want none", apps.Value, err)
	}
	if left := h.Clusters(t); len(left) != 0 {
		t.Errorf("clusters are left: %+v", left)
	}
	if left := product.InNetworks(t, held.Networks); len(left) != 0 {
		t.Errorf("processes of the cluster are left: %v", left)
	}
	if got := h.Run(t, "list", "--local"); got.Code != 1 || !strings.Contains(got.Stderr, "kars up --local") {
		t.Errorf("kars list after down: exit %d: %s", got.Code, got.Stderr)
	}
}

// stopLeavesNothing stops a cluster that works, then has everything forgotten.
func stopLeavesNothing(t *testing.T, h *product.Home) {
	clusters := h.Clusters(t)
	if len(clusters) != 1 {
		t.Fatalf("there are %d clusters, want 1", len(clusters))
	}
	held := h.Footprint(t, clusters[0].Key)
	if len(held.Processes) < 10 || len(held.Networks) < 3 || len(held.Cgroups) == 0 {
		t.Fatalf("a cluster that runs holds only %+v", held)
	}
	h.Must(t, "local", "stop")
	left := h.Footprint(t, clusters[0].Key)
	if len(left.Processes) != 0 || len(left.Mounts) != 0 || len(left.Cgroups) != 0 {
		t.Errorf("after stop the machine still holds %+v", left)
	}
	if in := product.InNetworks(t, held.Networks); len(in) != 0 {
		t.Errorf("processes of the cluster are left: %v", in)
	}
	if got := h.Must(t, "local", "status", "-o", "json"); product.Decode[product.LocalStatus](t, got).Running {
		t.Error("the local Azure still runs")
	}
	h.Must(t, "local", "reset", "--yes")
	entries, err := os.ReadDir(h.Local())
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for _, e := range entries {
		t.Errorf("after reset there is still %s", filepath.Join(h.Local(), e.Name()))
	}
}
