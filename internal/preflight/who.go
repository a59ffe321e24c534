package preflight

import (
	"github.com/kars-dev/kars/internal/plan"
	"github.com/kars-dev/kars/internal/rbac"
)

// Matrix says for every principal of a plan what it must be able to do, and by
// what it may: the caller during the run, and after it the identities that the
// run makes. Those that create and those that the cluster is are rows of their
// own.
type Matrix struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Rows       []Row  `json:"rows"`
}

// A Row is one right of one principal.
type Row struct {
	Principal string  `json:"principal"` // the caller, or as "kubelet identity"
	Action    string  `json:"action"`
	Data      bool    `json:"data,omitempty"`
	Scope     string  `json:"scope"`
	Why       string  `json:"why"`
	Verdict   Verdict `json:"verdict"`
	By        string  `json:"by"` // the grant that suffices, or why none does
}

// Who evaluates the plan's own grants for every principal but the caller, whose
// rows are the report's. It needs the role definitions among the facts; see
// [Options.Definitions].
func Who(p *plan.Plan, f Facts, r Report) Matrix {
	m := Matrix{APIVersion: apiVersion, Kind: "PrincipalMatrix", Rows: []Row{}}
	for _, found := range r.Findings {
		if found.Category == CategoryRBAC && found.ID == "rbac/"+found.Subject {
			row := Row{Principal: "caller", Action: found.Subject, Scope: found.Scope, Why: found.Why, Verdict: found.Verdict}
			if len(found.Evidence) > 0 {
				row.By = found.Evidence[0]
			}
			m.Rows = append(m.Rows, row)
		}
	}
	policy := granted(p, f)
	for _, d := range p.Duties() {
		row := Row{Principal: string(d.Principal), Action: d.Action, Data: d.Data, Scope: d.Scope, Why: d.Why, Verdict: Unknown}
		if policy == nil {
			row.By = "the role definitions were not read"
			if f.Definitions.Unread != nil {
				row.By = f.Definitions.Unread.Error()
			}
			m.Rows = append(m.Rows, row)
			continue
		}
		decision := policy.Decide([]string{string(d.Principal)}, rbac.Request{Action: d.Action, Data: d.Data, Scope: d.Scope, Attributes: d.Attributes})
		row.By = decision.Reason
		switch decision.Verdict {
		case rbac.Allowed:
			row.Verdict = Pass
		case rbac.Denied:
			row.Verdict = Fail
		}
		m.Rows = append(m.Rows, row)
	}
	return m
}

// granted is the policy that holds once the plan's grants are made, and the
// controller's.
func granted(p *plan.Plan, f Facts) *rbac.Policy {
	if f.Definitions.Unread != nil || len(f.Definitions.Value) == 0 {
		return nil
	}
	in := rbac.Input{Definitions: f.Definitions.Value}
	for _, g := range append(append([]plan.Grant{}, p.Grants...), p.AgentGrants()...) {
		a := rbac.Assignment{
			PrincipalID: string(g.Principal), PrincipalType: g.PrincipalType,
			RoleDefinitionID: g.Role.ID, Scope: g.Scope, Condition: g.Condition,
		}
		if g.Condition != "" {
			a.ConditionVersion = "2.0"
		}
		in.Assignments = append(in.Assignments, a)
	}
	return rbac.Compile(in)
}
