package preflight

import (
	"testing"

	"github.com/kars-dev/kars/internal/azure/graph"
	"github.com/kars-dev/kars/internal/plan"
	"github.com/kars-dev/kars/internal/rbac"
)

func TestU25DirectoryRole(t *testing.T) {
	role := func(id string) []graph.Role { return []graph.Role{{TemplateID: id}} }
	entra := func(o *Options) { o.Plan = mustPlan(plan.Options{MeshTrust: plan.TrustEntra}) }
	same := func(*Options) {}
	tests := map[string]struct {
		roles   []graph.Role
		options func(*Options)
		want    Verdict
		blocks  bool
		says    string
	}{
		"agent id developer suffices, under any name":         {developer, entra, Pass, false, "narrowest"},
		"agent id administrator suffices":                     {role("db506228-d27e-4b7d-95e5-295956d6615f"), entra, Pass, false, "all agents"},
		"privileged role administrator suffices":              {role("e8611ab8-c189-46e8-94e1-60213ab1f814"), entra, Pass, false, "do not name it"},
		"global administrator suffices":                       {role("62E90394-69F5-4237-9190-012177145E10"), entra, Pass, false, "everything else"},
		"one of several roles is enough":                      {append(role("88d8e3e3-8f55-4a1e-953a-9b9898b8876b"), developer...), entra, Pass, false, "narrowest"},
		"attribute definition administrator does not suffice": {role("8424c6f0-a189-499e-bbd0-26c1753c96d4"), entra, Fail, true, "none of the directory roles"},
		"U35: without a role the automatic mode only warns":   {nil, same, Warn, false, "Entra Agent ID setup skipped"},
		"U26: who is not eligible must be given the role":     {nil, same, Warn, false, "have an administrator give it to you"},
		"without a way to graph it is unknown":                {nil, func(o *Options) { o.Directory = nil }, Unknown, false, "no way to Microsoft Graph"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			a := &azure{roles: tt.roles, assignments: []rbac.Assignment{given(t, "Owner", subscription)}}
			f := find(t, check(t, a, tt.options), "directory/agent-id-role", "/")
			if f.Verdict != tt.want || f.Blocks != tt.blocks {
				t.Errorf("got %s, blocking %t; want %s, %t", f.Verdict, f.Blocks, tt.want, tt.blocks)
			}
			shows(t, f, tt.says)
		})
	}
}

func TestAnonymousTrustAsksNothingOfTheDirectory(t *testing.T) {
	a := &azure{assignments: []rbac.Assignment{given(t, "Owner", subscription)}}
	r := check(t, a, func(o *Options) {
		o.Plan, o.Directory = mustPlan(plan.Options{MeshTrust: plan.TrustAnonymous}), nil
	})
	if r.Verdict != Pass {
		t.Errorf("got %s, want pass: %+v", r.Verdict, r.Of(Unknown))
	}
}
