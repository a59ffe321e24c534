package plan

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kars-dev/kars/internal/rbac"
	"github.com/kars-dev/kars/localazure/roledefinition"
)

// fifteen are the actions that kars says it requires, when each is needed, and
// which of Azure's built-in roles grant it.
var fifteen = []struct {
	action  string
	when    func(Options) bool
	roles   string // by the names of [short]
	purpose string // what the need says
}{
	{"Microsoft.Resources/subscriptions/resourceGroups/write", always, "Owner Contributor", "make the resource group"},
	{"Microsoft.Resources/deployments/write", always, "Owner Contributor Network AKS Identity IdentityOperator Logs Cognitive VM", "deploy the plan's resources"},
	{"Microsoft.ContainerService/managedClusters/write", always, "Owner Contributor AKS", "make the cluster"},
	{"Microsoft.ContainerService/managedClusters/listClusterUserCredential/action", always, "Owner Contributor AKS AKSUser", "connect to the cluster"},
	{"Microsoft.ContainerRegistry/registries/write", always, "Owner Contributor", "make the registry"},
	{"Microsoft.ContainerRegistry/registries/importImage/action", always, "Owner Contributor", "import kars' images"},
	{"Microsoft.KeyVault/vaults/write", always, "Owner Contributor", "make the key vault"},
	{"Microsoft.ManagedIdentity/userAssignedIdentities/write", always, "Owner Contributor Identity", "make the identity"},
	{"Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/write", withTrust, "Owner Contributor Identity", "federate the controller's service account"},
	{"Microsoft.OperationalInsights/workspaces/write", always, "Owner Contributor Logs", "make the workspace"},
	{"Microsoft.Authorization/roleAssignments/write", always, "Owner UserAccess RBACAdmin", "give the kubelet identity AcrPull: nodes pull images from the registry"},
	{"Microsoft.Network/virtualNetworks/write", always, "Owner Contributor Network", "make the virtual network"},
	{"Microsoft.CognitiveServices/accounts/write", withAccount, "Owner Contributor Cognitive", "make the Foundry account"},
	{"Microsoft.Features/providers/features/register/action", always, "Owner Contributor Cognitive", "the sandboxes' nodes encrypt their disks at the host"},
	{"Microsoft.Network/loadBalancers/write", withGateway, "Owner Contributor Network", "the gateway is reached through a public load balancer"},
}

func always(Options) bool        { return true }
func withGateway(o Options) bool { return o.Gateway }
func withAccount(o Options) bool { return o.FoundryEndpoint == "" }
func withTrust(o Options) bool   { return o.MeshTrust != TrustAnonymous }

// short are the built-in roles of the matrix by their names in it: those that
// are given to people who deploy.
var short = map[string]string{
	"Owner":                     "Owner",
	"Contributor":               "Contributor",
	"Reader":                    "Reader",
	"User Access Administrator": "UserAccess",
	"Role Based Access Control Administrator":    "RBACAdmin",
	"Network Contributor":                        "Network",
	"Azure Kubernetes Service Contributor Role":  "AKS",
	"Azure Kubernetes Service Cluster User Role": "AKSUser",
	"Managed Identity Contributor":               "Identity",
	"Managed Identity Operator":                  "IdentityOperator",
	"Log Analytics Contributor":                  "Logs",
	"Cognitive Services Contributor":             "Cognitive",
	"Virtual Machine Contributor":                "VM",
}

// registering are the needs of a plan as they are where nothing is registered:
// what must be registered is the right to register it.
func registering(p *Plan) []Need {
	var out []Need
	for _, n := range p.Needs {
		if action := n.RegisterAction(); action != "" {
			n.Kind, n.Action = NeedAction, action
		}
		out = append(out, n)
	}
	return out
}

func TestU13TheFifteenActionsUnderTheirConditions(t *testing.T) {
	account := "/subscriptions/33333333-3333-3333-3333-333333333333/resourceGroups/models/providers/Microsoft.CognitiveServices/accounts/ours"
	for says, change := range map[string]func(*Options){
		"by default":                                func(*Options) {},
		"with the gateway":                          func(o *Options) { o.Gateway = true },
		"with an account that is there":             func(o *Options) { o.FoundryEndpoint, o.FoundryID = "https://ours.openai.azure.com/", account },
		"with an account that nobody has looked up": func(o *Options) { o.FoundryEndpoint = "https://ours.openai.azure.com/" },
		"with the gateway and an account": func(o *Options) {
			o.Gateway, o.FoundryEndpoint, o.FoundryID = true, "https://ours.openai.azure.com/", account
		},
		"without trust: nothing is federated (U49)":   func(o *Options) { o.MeshTrust = TrustAnonymous },
		"with trust that must be set up or fail":      func(o *Options) { o.MeshTrust = TrustEntra },
		"with standard isolation, which is no matter": func(o *Options) { o.Isolation = Standard },
	} {
		t.Run(says, func(t *testing.T) {
			o := testOptions()
			change(&o)
			needs := registering(mustPlan(t, o))
			for _, row := range fifteen {
				i := slices.IndexFunc(needs, func(n Need) bool {
					return n.Kind == NeedAction && n.Action == row.action && strings.HasPrefix(n.Why, row.purpose)
				})
				if want := row.when(o); want != (i >= 0) {
					t.Errorf("needs %s, to %s: %t, want %t", row.action, row.purpose, i >= 0, want)
				}
				if i >= 0 && needs[i].Proof {
					t.Errorf("%s is said to be of use for proving only", row.action)
				}
			}
		})
	}
}

func TestU13BuiltInRolesByRequiredActionU08U09U11U12(t *testing.T) {
	for _, row := range fifteen {
		t.Run(row.action, func(t *testing.T) {
			want := strings.Fields(row.roles)
			var got []string
			for name, inMatrix := range short {
				role, ok := roledefinition.ByName(name)
				if !ok {
					t.Fatalf("there is no role %s", name)
				}
				if _, ok := rbac.Permitted(role.Permissions, row.action, false); ok {
					got = append(got, inMatrix)
				}
			}
			slices.Sort(want)
			slices.Sort(got)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("roles that grant it (-want +got):\n%s", diff)
			}
		})
	}
}

func TestU08ContributorAndUserAccessAdministratorSufficeU09U12(t *testing.T) {
	role := func(name string) []rbac.Permission {
		d, ok := roledefinition.ByName(name)
		if !ok {
			t.Fatalf("there is no role %s", name)
		}
		return d.Permissions
	}
	var assigning []string
	o := testOptions()
	o.Gateway = true
	for _, n := range registering(mustPlan(t, o)) {
		if n.Kind == NeedAction && n.Action == assignmentWrite && !slices.Contains(assigning, n.Action) {
			assigning = append(assigning, n.Action)
		}
	}
	for says, tt := range map[string]struct {
		sets    []rbac.Permission
		missing []string
	}{
		"the owner may do everything":                              {role("Owner"), nil},
		"contributor and user access administrator together may":   {append(role("Contributor"), role("User Access Administrator")...), nil},
		"contributor and RBAC administrator together may":          {append(role("Contributor"), role("Role Based Access Control Administrator")...), nil},
		"contributor alone may not give the kubelets the registry": {role("Contributor"), assigning},
	} {
		t.Run(says, func(t *testing.T) {
			if diff := cmp.Diff(tt.missing, missing(registering(mustPlan(t, o)), tt.sets)); diff != "" {
				t.Errorf("what is missing (-want +got):\n%s", diff)
			}
		})
	}
}

// What federates the controller's account writes at an identity, which is no
// role assignment.
func TestU48FederatedCredentialsTakeContributorAndNotUserAccessAdministrator(t *testing.T) {
	p := mustPlan(t, testOptions())
	federating := slices.DeleteFunc(slices.Clone(p.Needs), func(n Need) bool { return n.Scope != p.ControllerCredential().ID })
	if len(federating) == 0 {
		t.Fatal("the plan federates nothing")
	}
	for role, want := range map[string][]string{
		"Contributor":               nil,
		"User Access Administrator": {credentialType + "/write"},
	} {
		d, ok := roledefinition.ByName(role)
		if !ok {
			t.Fatalf("there is no role %s", role)
		}
		if diff := cmp.Diff(want, missing(federating, d.Permissions)); diff != "" {
			t.Errorf("what %s lacks (-want +got):\n%s", role, diff)
		}
	}
	// The grants at the account, which do take it, are in the plan.
	if !slices.ContainsFunc(p.Needs, func(n Need) bool { return n.Action == assignmentWrite && n.Scope == p.FoundryID() }) {
		t.Error("no right to give roles at the model's account is needed")
	}
}

// missing are the actions that permission sets do not grant, each once.
func missing(needs []Need, sets []rbac.Permission) []string {
	var out []string
	for _, n := range needs {
		granted := false
		for _, action := range []string{n.Action, n.Equivalent} {
			_, ok := rbac.Permitted(sets, action, n.Kind == NeedData)
			granted = granted || ok && action != ""
		}
		if (n.Kind == NeedAction || n.Kind == NeedData) && !granted && !slices.Contains(out, n.Action) {
			out = append(out, n.Action)
		}
	}
	return out
}

// karsDeployer is the custom role that kars' own page prints, word for word.
func karsDeployer(t *testing.T) []rbac.Permission {
	t.Helper()
	raw, err := os.ReadFile("testdata/kars-deployer.json")
	if err != nil {
		t.Fatal(err)
	}
	var role struct {
		Name                string
		Actions, NotActions []string
	}
	if err := json.Unmarshal(raw, &role); err != nil || role.Name != "kars Deployer" || len(role.Actions) == 0 {
		t.Fatalf("reading the role %q: %v", role.Name, err)
	}
	return []rbac.Permission{{Actions: role.Actions, NotActions: role.NotActions}}
}

func TestU14TheSourcesCustomRoleSufficesWhereAllIsRegistered(t *testing.T) {
	const account = "/subscriptions/33333333-3333-3333-3333-333333333333/resourceGroups/models/providers/Microsoft.CognitiveServices/accounts/ours"
	for says, tt := range map[string]struct {
		change  func(*Options)
		missing []string
	}{
		"by default":                    {func(*Options) {}, nil},
		"with trust that must be":       {func(o *Options) { o.MeshTrust = TrustEntra }, nil},
		"with an account that is there": {func(o *Options) { o.FoundryEndpoint, o.FoundryID = "https://ours.openai.azure.com", account }, nil},
		"with the gateway it lacks the load balancer": {
			func(o *Options) { o.Gateway = true }, []string{"Microsoft.Network/loadBalancers/write"},
		},
	} {
		t.Run(says, func(t *testing.T) {
			o := testOptions()
			tt.change(&o)
			needs := slices.DeleteFunc(mustPlan(t, o).Needs, func(n Need) bool { return n.Proof })
			if diff := cmp.Diff(tt.missing, missing(needs, karsDeployer(t))); diff != "" {
				t.Errorf("what it lacks (-want +got):\n%s", diff)
			}
		})
	}
}

func TestU14TheSourcesCustomRoleRegistersFeaturesAndOneProvider(t *testing.T) {
	var lacks []string
	for _, n := range mustPlan(t, testOptions()).Needs {
		if action := n.RegisterAction(); action != "" {
			n.Kind, n.Action = NeedAction, action
			lacks = append(lacks, missing([]Need{n}, karsDeployer(t))...)
		}
	}
	// Its Microsoft.Insights/* holds that provider's registration too.
	want := []string{
		"Microsoft.Authorization/register/action", "Microsoft.CognitiveServices/register/action", "Microsoft.Compute/register/action",
		"Microsoft.ContainerRegistry/register/action", "Microsoft.ContainerService/register/action", "Microsoft.KeyVault/register/action",
		"Microsoft.ManagedIdentity/register/action", "Microsoft.Network/register/action", "Microsoft.OperationalInsights/register/action",
	}
	if diff := cmp.Diff(want, lacks); diff != "" {
		t.Errorf("what it cannot register (-want +got):\n%s", diff)
	}
}
