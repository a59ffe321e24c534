package localazure_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/kars-dev/kars/localazure"
)

// machines is a [localazure.Clusters] whose nodes are ports of loopback: what
// would listen inside a node's namespace listens there.
type machines struct {
	mu      sync.Mutex
	specs   map[string]localazure.ClusterSpec
	ensured map[string]int
	at      map[string]string       // node and address: where it really is
	open    map[string]net.Listener // by the same
	stopped bool
	// hold, if set, keeps clusters from starting until their context ends.
	hold bool
}

func newMachines() *machines {
	return &machines{
		specs: map[string]localazure.ClusterSpec{}, ensured: map[string]int{},
		at: map[string]string{}, open: map[string]net.Listener{},
	}
}

func (m *machines) Ensure(ctx context.Context, spec localazure.ClusterSpec) (localazure.Cluster, error) {
	m.mu.Lock()
	m.ensured[spec.ID]++
	m.stopped = false
	m.mu.Unlock()
	if m.hold {
		<-ctx.Done()
		return localazure.Cluster{}, ctx.Err()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.specs[spec.ID] = spec
	c := localazure.Cluster{
		Server: "https://127.0.0.1:6443", CA: []byte("ca"), AdminCertificate: []byte("certificate"), AdminKey: []byte("key"),
		JWKS: []byte(`{"keys":[]}`), ResidentBytes: 42,
	}
	for _, p := range spec.Pools {
		node := "aks-" + p.Name + "-0"
		c.Nodes = append(c.Nodes, localazure.Node{Name: node, Pool: p.Name, Listen: func(_, address string) (net.Listener, error) {
			return m.listen(node + " " + address)
		}})
	}
	return c, nil
}

func (m *machines) listen(key string) (net.Listener, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.at[key], m.open[key] = ln.Addr().String(), ln
	return ln, nil
}

func (m *machines) address(key string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.at[key]
}

func (m *machines) count(id string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ensured[id]
}

func (m *machines) Delete(_ context.Context, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.specs, id)
	return nil
}

// Stop ends every cluster: the listeners at its nodes close.
func (m *machines) Stop(context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, ln := range m.open {
		_ = ln.Close()
	}
	m.stopped = true
	return nil
}

// site is what a cluster needs around it.
type site struct {
	group, cluster, control, kubelet, subnet string
}

func (w *world) site() site {
	w.Helper()
	s := site{group: w.group("g")}
	s.cluster = s.group + "/providers/Microsoft.ContainerService/managedClusters/kars-aks"
	s.control = s.group + "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/controlplane"
	s.kubelet = s.group + "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/kubelet"
	network := s.group + "/providers/Microsoft.Network/virtualNetworks/net"
	s.subnet = network + "/subnets/nodes"
	w.must("PUT", s.control, object{"location": "eastus2"})
	w.must("PUT", s.kubelet, object{"location": "eastus2"})
	w.must("PUT", network, object{"location": "eastus2", "properties": object{
		"addressSpace": object{"addressPrefixes": []any{"10.224.0.0/16"}},
		"subnets":      []any{object{"name": "nodes", "properties": object{"addressPrefix": "10.224.0.0/20"}}},
	}})
	return s
}

func (s site) body() object {
	pool := func(name, mode string) object {
		return object{"name": name, "mode": mode, "count": 1, "vmSize": "Standard_D4as_v5", "vnetSubnetID": s.subnet, "nodeTaints": []any{"a=b:NoSchedule"}}
	}
	return object{
		"location": "eastus2", "identity": object{"type": "UserAssigned", "userAssignedIdentities": object{s.control: object{}}},
		"properties": object{
			"kubernetesVersion": "1.36", "dnsPrefix": "kars", "somethingNew": "kept",
			"identityProfile":   object{"kubeletidentity": object{"resourceId": s.kubelet}},
			"oidcIssuerProfile": object{"enabled": true},
			"agentPoolProfiles": []any{pool("system", "System"), pool("clawpool", "User")},
		},
	}
}

func (w *world) assign(scope, identity, role string) {
	w.Helper()
	principal := w.must("GET", identity, nil)["properties"].(object)["principalId"].(string)
	name := fmt.Sprintf("%08x-0000-4000-8000-000000000000", len(scope)+len(role)*7919)
	w.must("PUT", scope+"/providers/Microsoft.Authorization/roleAssignments/"+name, object{
		"properties": object{"principalId": principal, "roleDefinitionId": w.role(role), "principalType": "ServicePrincipal"},
	})
}

const (
	identityOperator   = "f1a07417-d97a-45cb-824c-7a7467783830"
	networkContributor = "4d97b98b-1d4f-4787-a291-c67834d212e7"
)

func (w *world) grant(s site) {
	w.Helper()
	w.assign(s.kubelet, s.control, identityOperator)
	w.assign(s.subnet, s.control, networkContributor)
}

func TestAClusterIsMadeOnlyWhenItsIdentityMayWhatItMust(t *testing.T) {
	m := newMachines()
	w := openWorld(t, localazure.Options{Dir: t.TempDir(), Clusters: m})
	s := w.site()
	create := func() object {
		_, header, tree := w.exchange(w.owner, "PUT", s.cluster, s.body())
		poll := header.Get("Azure-AsyncOperation")
		if poll == "" {
			t.Fatalf("not accepted: %v", tree)
		}
		return w.await(poll)
	}
	if end := create(); code(end) != "CustomKubeletIdentityMissingPermissionError" {
		t.Errorf("without Managed Identity Operator: %v", end)
	}
	w.assign(s.kubelet, s.control, identityOperator)
	if end := create(); code(end) != "LinkedAuthorizationFailed" || !strings.Contains(message(end), "subnets/join/action") {
		t.Errorf("without rights on the subnet: %v", end)
	}
	if n := m.count(s.cluster); n != 0 {
		t.Errorf("the cluster was started %d times, want 0", n)
	}
	w.assign(s.subnet, s.control, networkContributor)
	if end := create(); end["status"] != "Succeeded" {
		t.Errorf("with both: %v", end)
	}
	pools := w.must("GET", s.cluster+"/agentPools", nil)["value"].([]any)
	if len(pools) != 2 || pools[0].(object)["properties"].(object)["provisioningState"] != "Succeeded" {
		t.Errorf("agent pools %v", pools)
	}
}

func TestAClusterHasAnIssuerANodeGroupAndCredentials(t *testing.T) {
	m := newMachines()
	w := openWorld(t, localazure.Options{Dir: t.TempDir(), Clusters: m})
	s := w.site()
	w.grant(s)
	w.must("PUT", s.cluster, s.body())
	properties := w.must("GET", s.cluster, nil)["properties"].(object)
	if properties["somethingNew"] != "kept" || properties["provisioningState"] != "Succeeded" || properties["currentKubernetesVersion"] != "1.36.3" {
		t.Errorf("properties %v", properties)
	}
	issuer := properties["oidcIssuerProfile"].(object)["issuerURL"].(string)
	if !strings.HasPrefix(issuer, "https://eastus2.oic.prod-aks.azure.com/"+w.server.TenantID()+"/") || !strings.HasSuffix(issuer, "/") {
		t.Errorf("issuer %s", issuer)
	}
	if spec := m.specs[s.cluster]; spec.Issuer != issuer || spec.FQDN != properties["fqdn"] || len(spec.Pools) != 2 || len(spec.CABundle) == 0 {
		t.Errorf("the cluster was started as %+v", spec)
	}
	document := decode[object](t, w.get(issuer+".well-known/openid-configuration"))
	if document["issuer"] != issuer || w.get(document["jwks_uri"].(string)) != `{"keys":[]}` {
		t.Errorf("discovery document %v", document)
	}
	w.must("GET", w.subscription()+"/resourceGroups/MC_g_kars-aks_eastus2", nil)
	for _, operation := range []string{"listClusterUserCredential", "listClusterAdminCredential"} {
		list := w.must("POST", s.cluster+"/"+operation, nil)["kubeconfigs"].([]any)
		raw, err := base64.StdEncoding.DecodeString(list[0].(object)["value"].(string))
		if err != nil {
			t.Fatal(err)
		}
		var config struct {
			Clusters []struct{ Cluster struct{ Server string } }
		}
		if err := yaml.Unmarshal(raw, &config); err != nil || config.Clusters[0].Cluster.Server != "https://127.0.0.1:6443" {
			t.Errorf("%s: %s, %v", operation, raw, err)
		}
	}
	w.must("PUT", s.cluster, s.body())
	again := w.must("GET", s.cluster, nil)["properties"].(object)
	if again["fqdn"] != properties["fqdn"] || again["oidcIssuerProfile"].(object)["issuerURL"] != issuer {
		t.Errorf("written again, the cluster has other names: %v", again)
	}
}

func (w *world) get(address string) string {
	w.Helper()
	resp, err := w.client.Get(address)
	if err != nil {
		w.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		w.Fatal(err)
	}
	return string(raw)
}

func TestANodeHasAzureAndTheMetadataOfItsOwnIdentity(t *testing.T) {
	m := newMachines()
	w := openWorld(t, localazure.Options{Dir: t.TempDir(), Clusters: m})
	s := w.site()
	w.grant(s)
	w.must("PUT", s.cluster, s.body())
	azure := clientOf(w.server, m.address("aks-clawpool-0 203.0.113.10:443"))
	resp, err := azure.Get("https://management.azure.com/subscriptions?api-version=2022-12-01")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("the Resource Manager at the node: %d, want 401", resp.StatusCode)
	}
	kubelet := w.must("GET", s.kubelet, nil)["properties"].(object)
	control := w.must("GET", s.control, nil)["properties"].(object)
	for client, want := range map[any]int{kubelet["clientId"]: 200, control["clientId"]: 400} {
		address := fmt.Sprintf("http://%s/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://management.azure.com/&client_id=%v", m.address("aks-clawpool-0 169.254.169.254:80"), client)
		req, err := http.NewRequest(http.MethodGet, address, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Metadata", "true")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("a token for client %v: %d, want %d", client, resp.StatusCode, want)
		}
	}
	if records := w.admin(context.Background(), "GET", "/requests?plane=imds", ""); !strings.Contains(records, "/metadata/identity/oauth2/token") {
		t.Errorf("records of the metadata service: %s", records)
	}
}

func TestAClusterRunsAgainAfterAnEndThatNobodyAskedFor(t *testing.T) {
	m := newMachines()
	o := localazure.Options{Dir: t.TempDir(), Clusters: m}
	w := openWorld(t, o)
	s := w.site()
	w.grant(s)
	w.must("PUT", s.cluster, s.body())
	was := m.address("aks-system-0 203.0.113.10:443")
	m.mu.Lock()
	for _, ln := range m.open {
		ln.Close()
	}
	m.mu.Unlock()
	eventually(t, "the node is listened on again", func() bool { return m.address("aks-system-0 203.0.113.10:443") != was })
	w.stop()
	before := m.count(s.cluster)
	w = openWorld(t, o)
	eventually(t, "the cluster is ensured after a reopen", func() bool { return m.count(s.cluster) > before })
	eventually(t, "the cluster is reported as running", func() bool {
		status := decode[localazure.Status](t, w.admin(context.Background(), "GET", "/status", ""))
		return len(status.Clusters) == 1 && status.Clusters[0].State == "Running" && status.Clusters[0].ResidentBytes == 42
	})
}

func TestShutdownEndsClustersAndDoesNotStartThemAgain(t *testing.T) {
	m := newMachines()
	w := openWorld(t, localazure.Options{Dir: t.TempDir(), Clusters: m})
	s := w.site()
	w.grant(s)
	w.must("PUT", s.cluster, s.body())
	before := m.count(s.cluster)
	w.end = func() error { return w.server.Shutdown(t.Context()) }
	w.stop()
	if !m.stopped || m.count(s.cluster) != before {
		t.Errorf("stopped: %v; ensured %d times more", m.stopped, m.count(s.cluster)-before)
	}
}

func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		if condition() {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatalf("not within ten seconds: %s", what)
}

func TestAClusterGoesWithItsGroup(t *testing.T) {
	m := newMachines()
	w := openWorld(t, localazure.Options{Dir: t.TempDir(), Clusters: m})
	s := w.site()
	w.grant(s)
	w.must("PUT", s.cluster, s.body())
	if status, tree := w.do(w.owner, "DELETE", s.group, nil); status != http.StatusAccepted {
		t.Fatalf("deleting the group: %d %v", status, tree)
	}
	for _, group := range []string{s.group, w.subscription() + "/resourceGroups/MC_g_kars-aks_eastus2"} {
		eventually(t, group+" is gone", func() bool {
			status, _ := w.do(w.owner, "GET", group, nil)
			return status == http.StatusNotFound
		})
	}
	if len(m.specs) != 0 {
		t.Error("the cluster still runs")
	}
}

func TestAClusterThatCannotBeMadeIsRefused(t *testing.T) {
	m := newMachines()
	w := openWorld(t, localazure.Options{Dir: t.TempDir(), Clusters: m})
	s := w.site()
	for name, c := range map[string]struct {
		change func(properties object)
		code   string
	}{
		"a version that is not offered": {func(p object) { p["kubernetesVersion"] = "1.20" }, "K8sVersionNotSupported"},
		"no system pool":                {func(p object) { p["agentPoolProfiles"] = p["agentPoolProfiles"].([]any)[1:] }, "InvalidParameter"},
		"a pool without a count":        {func(p object) { delete(p["agentPoolProfiles"].([]any)[0].(object), "count") }, "InvalidParameter"},
		"a pool with a bad name":        {func(p object) { p["agentPoolProfiles"].([]any)[0].(object)["name"] = "Claw-Pool" }, "InvalidParameter"},
		"Entra":                         {func(p object) { p["aadProfile"] = object{"managed": true} }, "AADProfileNotSupported"},
		"a Kata pool":                   {func(p object) { p["agentPoolProfiles"].([]any)[1].(object)["workloadRuntime"] = "KataVmIsolation" }, "InvalidParameter"},
	} {
		t.Run(name, func(t *testing.T) {
			raw, err := json.Marshal(s.body())
			if err != nil {
				t.Fatal(err)
			}
			body := decode[object](t, string(raw))
			c.change(body["properties"].(object))
			if status, tree := w.do(w.owner, "PUT", s.cluster, body); status != http.StatusBadRequest || code(tree) != c.code {
				t.Errorf("%d %v, want 400 %s", status, tree, c.code)
			}
		})
	}
	without := newWorld(t)
	if status, tree := without.do(without.owner, "PUT", without.site().cluster, without.site().body()); code(tree) != "ClustersUnavailable" {
		t.Errorf("without anything that runs clusters: %d %v", status, tree)
	}
}
