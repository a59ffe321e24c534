package preflight_test

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kars-dev/kars/internal/azure/arm"
	"github.com/kars-dev/kars/internal/azure/cloud"
	"github.com/kars-dev/kars/internal/azure/credential"
	"github.com/kars-dev/kars/internal/azure/graph"
	"github.com/kars-dev/kars/internal/plan"
	"github.com/kars-dev/kars/internal/preflight"
	"github.com/kars-dev/kars/internal/rbac"
	"github.com/kars-dev/kars/localazure"
)

// world is a local Azure on loopback, asked through the real doors.
type world struct {
	azure     *localazure.Server
	transport http.RoundTripper
	folder    string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{folder: t.TempDir()}
	var err error
	w.azure, err = localazure.Open(localazure.Options{Dir: t.TempDir(), Keep: w.keep})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- w.azure.Serve(ctx, listener) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Errorf("serving the local Azure: %v", err)
		}
		if err := w.azure.Close(); err != nil {
			t.Errorf("closing the local Azure: %v", err)
		}
	})
	if w.transport, err = cloud.Local(listener.Addr().String(), w.azure.CA()); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) keep(c localazure.Credential) error {
	raw, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(w.folder, c.Name+".json"), raw, 0o600)
}

// as makes a principal and signs in as it.
func (w *world) as(t *testing.T, p localazure.Principal) preflight.Options {
	t.Helper()
	if _, err := w.azure.PutPrincipal(p); err != nil {
		t.Fatal(err)
	}
	tokens, err := credential.ForLocal(filepath.Join(w.folder, p.Name+".json"), credential.Options{Transport: w.transport})
	if err != nil {
		t.Fatal(err)
	}
	caller, err := credential.Identify(t.Context(), tokens, cloud.Public)
	if err != nil {
		t.Fatal(err)
	}
	a, err := arm.New(tokens, arm.Options{Transport: w.transport})
	if err != nil {
		t.Fatal(err)
	}
	g, err := graph.New(tokens, graph.Options{Transport: w.transport})
	if err != nil {
		t.Fatal(err)
	}
	made, err := plan.New(plan.Options{SubscriptionID: w.azure.SubscriptionID(), TenantID: w.azure.TenantID()})
	if err != nil {
		t.Fatal(err)
	}
	return preflight.Options{Plan: made, Caller: caller, ARM: a, Directory: g, LocalPrincipal: p.Name}
}

// planned are the same options for a plan in another region.
func (w *world) planned(t *testing.T, o preflight.Options, region string) preflight.Options {
	t.Helper()
	p, err := plan.New(plan.Options{SubscriptionID: w.azure.SubscriptionID(), TenantID: w.azure.TenantID(), Region: region})
	if err != nil {
		t.Fatal(err)
	}
	o.Plan = p
	return o
}

func roles(names ...string) []localazure.Role {
	var out []localazure.Role
	for _, n := range names {
		out = append(out, localazure.Role{Role: n})
	}
	return out
}

// TestPreflightOfTheLocalAzure checks callers over the wire. What is asserted
// of each is the ids of what stands in its way.
func TestPreflightOfTheLocalAzure(t *testing.T) {
	const assign = "rbac/Microsoft.Authorization/roleAssignments/write"
	w := newWorld(t)
	tests := map[string]struct {
		principal localazure.Principal
		verdict   preflight.Verdict
		only      string // what fails; "*" for anything
	}{
		"U09: the owner passes": {
			localazure.Principal{Name: "owner"}, preflight.Pass, "",
		},
		"U08: contributor and user access administrator pass": {
			localazure.Principal{Name: "deployer", Roles: roles("Contributor", "User Access Administrator"), DirectoryRoles: []string{"Agent ID Developer"}}, preflight.Pass, "",
		},
		"U35: without a directory role it warns": {
			localazure.Principal{Name: "plain", Roles: roles("Contributor", "User Access Administrator")}, preflight.Warn, "",
		},
		"U12: contributor alone cannot give roles": {
			localazure.Principal{Name: "contributor", Roles: roles("Contributor")}, preflight.Fail, assign,
		},
		"U07: a service principal may not read its directory roles": {
			localazure.Principal{Name: "ci", Type: "sp", Roles: roles("Contributor", "User Access Administrator")}, preflight.Unknown, "",
		},
		"U03: a reader may write nothing": {
			localazure.Principal{Name: "reader", Roles: roles("Reader")}, preflight.Fail, "*",
		},
		"who has no role cannot even look": {
			localazure.Principal{Name: "nobody"}, preflight.Fail, "name/Microsoft.Resources/resourceGroups",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			o := w.as(t, tt.principal)
			r := preflight.Run(t.Context(), o)
			if r.Verdict != tt.verdict {
				raw, _ := json.MarshalIndent(slices.Concat(r.Of(preflight.Warn), r.Of(preflight.Unknown), r.Of(preflight.Fail)), "", " ")
				t.Errorf("got %s, want %s; %s", r.Verdict, tt.verdict, raw)
			}
			for _, f := range r.Of(preflight.Fail) {
				if tt.only != "*" && f.ID != tt.only {
					t.Errorf("%s at %s fails: %v", f.ID, f.Scope, f.Evidence)
				}
			}
			if _, writes := o.ARM.Counts(); writes != 0 {
				t.Errorf("it wrote %d times", writes)
			}
			t.Log(r.Summary())
		})
	}
}

func TestU03ReaderIsToldEveryWriteOfThePlan(t *testing.T) {
	o := newWorld(t).as(t, localazure.Principal{Name: "reader", Roles: roles("Reader")})
	r := preflight.Run(t.Context(), o)
	failed := map[[2]string]bool{}
	for _, f := range r.Of(preflight.Fail) {
		failed[[2]string{f.Subject, f.Scope}] = true
	}
	for _, n := range o.Plan.Needs {
		if n.Kind == plan.NeedAction && !n.Proof && !strings.HasSuffix(n.Action, "/read") && !failed[[2]string{n.Action, n.Scope}] {
			t.Errorf("%s at %s is not named", n.Action, n.Scope)
		}
	}
}

func TestConditionOnAssigningRolesOverTheWireP6(t *testing.T) {
	w := newWorld(t)
	delegate := w.as(t, localazure.Principal{Name: "delegate", Roles: roles("Contributor")})
	subscription := "/subscriptions/" + w.azure.SubscriptionID()
	_, err := w.as(t, localazure.Principal{Name: "owner"}).ARM.(*arm.Client).PutRoleAssignment(t.Context(), "6f1d3a52-0c3b-4c5e-9a55-0d8f0a7c1b11", rbac.Assignment{
		Scope: subscription, PrincipalID: delegate.Caller.ObjectID, PrincipalType: "User", RoleDefinitionID: plan.RBACAdministrator.ID,
		Condition:        "(!(ActionMatches{'Microsoft.Authorization/roleAssignments/write'})) OR (@Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {" + plan.AcrPull.ID + "})",
		ConditionVersion: "2.0",
	})
	if err != nil {
		t.Fatal(err)
	}
	r := preflight.Run(t.Context(), delegate)
	for _, f := range r.Findings {
		if f.Subject != "Microsoft.Authorization/roleAssignments/write" {
			continue
		}
		want := preflight.Fail
		if f.Scope == delegate.Plan.RegistryID() { // AcrPull for the kubelet
			want = preflight.Pass
		}
		if f.Verdict != want {
			t.Errorf("at %s it is %s, want %s: %v", f.Scope, f.Verdict, want, f.Evidence)
		}
		if said := strings.Join(f.Evidence, "\n"); want == preflight.Fail && !strings.Contains(said, "its condition does not hold for PrincipalType ServicePrincipal") {
			t.Errorf("at %s it says %q, want the condition and what it does not hold for", f.Scope, said)
		}
	}
}

func TestU10OwnerOfAPremadeGroupOverTheWire(t *testing.T) {
	w := newWorld(t)
	owner := w.as(t, localazure.Principal{Name: "owner"})
	group := owner.Plan.Group
	if _, err := owner.ARM.(*arm.Client).PutGroup(t.Context(), owner.Plan.SubscriptionID, group.Name, owner.Plan.Options.Region, nil); err != nil {
		t.Fatal(err)
	}
	r := preflight.Run(t.Context(), w.as(t, localazure.Principal{Name: "tenant", Roles: []localazure.Role{{Role: "Owner", Scope: group.ID}}}))
	if r.Blocks() {
		t.Errorf("it blocks: %+v", r.Of(preflight.Fail))
	}
	for _, f := range r.Findings {
		if f.Category == preflight.CategoryRBAC && rbac.Contains(group.ID, f.Scope) && f.Verdict != preflight.Pass {
			t.Errorf("%s at %s is %s, want pass: %v", f.ID, f.Scope, f.Verdict, f.Evidence)
		}
	}
}
