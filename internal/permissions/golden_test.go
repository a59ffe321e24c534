package permissions

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kars-dev/kars/internal/plan"
)

var update = flag.Bool("update", false, "write the golden files anew")

// fewer is a plan with some of its needs, grants and resources, for golden
// files that a person can read: one of each kind.
func fewer(t *testing.T) *plan.Plan {
	t.Helper()
	p := mustPlan(t)
	p.Grants = slices.DeleteFunc(p.Grants, func(g plan.Grant) bool {
		return g.Role != plan.AcrPull && g.Scope != p.VaultID()
	})
	p.Resources = slices.DeleteFunc(p.Resources, func(r plan.Resource) bool {
		return r.ID != p.RegistryID()
	})
	p.Registrations = slices.DeleteFunc(p.Registrations, func(r plan.Registration) bool {
		return r.Namespace != "Microsoft.Compute" && r.Namespace != alwaysRegistered
	})
	p.Needs = slices.DeleteFunc(p.Needs, func(n plan.Need) bool {
		return !slices.Contains([]string{
			groupWrite, "Microsoft.Compute", "Microsoft.Compute/EncryptionAtHost", "Microsoft.ContainerRegistry/registries/write",
			"Microsoft.Compute/skus/read", assignmentWrite, plan.AgentIDNeed,
		}, n.Action) || n.Action == assignmentWrite && n.Scope != p.RegistryID() && n.Scope != p.VaultID()
	})
	return p
}

func TestGoldenU04U07U12U26P26(t *testing.T) {
	user := forAda(fewer(t))
	constrained := user
	constrained.Constrain = true
	sp := user
	sp.Principal = Principal{ObjectID: ada, Type: "ServicePrincipal"}
	atGroup := user
	atGroup.Group, atGroup.Registered = true, true
	someone := user
	someone.Principal = Principal{}
	halves := Split(user)
	for name, got := range map[string]string{
		"page.md":        New(user).Markdown(),
		"constrained.md": New(constrained).Markdown(),
		"application.md": New(sp).Markdown(),
		"role.json":      New(user).Definition().JSON(),
		"role.sh":        New(constrained).Az(),
		"group.sh":       New(atGroup).Az(),
		"someone.sh":     New(someone).Az(),
		"role.bicep":     New(constrained).Bicep(),
		"group.bicep":    New(atGroup).Bicep(),
		"role.tf":        New(constrained).Terraform(),
		OwnerScript:      halves.Owner,
		DeployerScript:   halves.Deployer,
	} {
		golden(t, name, got)
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got); go test ./internal/permissions -update writes it anew:\n%s", name, diff)
	}
}
